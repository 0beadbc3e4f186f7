/* SPDX-License-Identifier: Apache-2.0 */
#include "run/podman.h"

#include "base/err.h"
#include "base/spawn.h"

#include <string.h>

void tr_podman__reason(struct tr_buf *said, struct tr_buf *ret)
{
	const char *line;

	while (said->len && strchr("\n ", said->s[said->len - 1]))
		said->s[--said->len] = '\0';
	line = strrchr(tr_buf_str(said), '\n');
	line = line ? line + 1 : tr_buf_str(said);
	if (strncmp(line, "Error: ", 7) == 0)
		line += 7;
	tr_buf_puts(ret, *line ? line : "it said nothing");
}

int tr_podman__call_until(const volatile int *stop_flag, const struct tr_strv *argv,
	struct tr_buf *ret_out, struct tr_err *err)
{
	const struct tr_run_how how = { .stop_flag = stop_flag };
	TR_AUTO_BUF said = { 0 }, reason = { 0 };
	int status;

	if (tr_run(argv, &how, ret_out, &said, &status, err) < 0)
		return -(int)err->code;
	if (status == 0)
		return 0;
	tr_podman__reason(&said, &reason);
	return tr_fail(err, TR_E_IO, "podman: %s", tr_buf_str(&reason));
}

int tr_podman__call(const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err)
{
	return tr_podman__call_until(/* stop_flag= */ NULL, argv, ret_out, err);
}
