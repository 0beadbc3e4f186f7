/* SPDX-License-Identifier: Apache-2.0 */
/* Environment files, and conmon's log in pieces: the same text comes out however it was cut. */
#include "base/err.h"
#include "run/run_priv.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void read_env(const char *text)
{
	TR_AUTO_STRV env = { 0 };
	struct tr_err err = { 0 };

	if (tr_run__env_parse("f", text, &env, &err) < 0)
		require(err.code == TR_E_INVALID && strncmp(err.msg, "f:", 2) == 0, "no place");
	for (size_t i = 0; i < env.n; i++)
		require(strcspn(env.v[i], "=") > 0 && strchr(env.v[i], '=') &&
				!strchr(env.v[i], '\n'),
			"no entry");
}

static void read_log(const char *text, size_t len)
{
	TR_AUTO_BUF whole = { 0 }, pieces = { 0 };
	size_t used = tr_run__log_decode(TR_LOG_CRI, text, len, &whole), cut = len / 3, at;

	require(used <= len && (used == 0 || text[used - 1] == '\n'), "not at a line's end");
	at = tr_run__log_decode(TR_LOG_CRI, text, cut, &pieces);
	at += tr_run__log_decode(TR_LOG_CRI, text + at, len - at, &pieces);
	require(at == used && whole.len == pieces.len, "other length");
	require(!whole.len || memcmp(whole.s, pieces.s, whole.len) == 0, "other text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	read_env(text);
	read_log(text, size);
	free(text);
	return 0;
}
