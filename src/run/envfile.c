/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"

#include <string.h>

enum { ENV_FILE_MAX = 1 << 20 };

static int add_line(
	const char *path, int line_no, const char *line, struct tr_strv *ret, struct tr_err *err)
{
	size_t key = strcspn(line, "=");
	const char *value;

	/* The line itself is never shown: it may be a secret that lost its key. */
	if (key == 0)
		return tr_fail(
			err, TR_E_INVALID, "%s:%d: there is no name before '='", path, line_no);
	if (strcspn(line, " \t") < key)
		return tr_fail(err, TR_E_INVALID, "%s:%d: the name before '=' holds a blank", path,
			line_no);
	if (line[key] == '=') {
		tr_strv_add(ret, line);
		return 0;
	}
	value = getenv(line);
	if (value)
		tr_strv_addf(ret, "%s=%s", line, value);
	return 0;
}

int tr_run__env_parse(const char *path, const char *text, struct tr_strv *ret, struct tr_err *err)
{
	int line_no = 0;

	while (*text) {
		size_t len = strcspn(text, "\n"), blank = strspn(text, " \t");
		TR_AUTO_BUF line = { 0 };

		line_no++;
		if (blank < len && text[blank] != '#') {
			size_t end = text[len - 1] == '\r' ? len - 1 : len;

			if (end > blank)
				tr_buf_add(&line, text + blank, end - blank);
			if (tr_buf_ok(&line, err) < 0)
				return -(int)err->code;
			if (line.len && add_line(path, line_no, line.s, ret, err) < 0)
				return -(int)err->code;
		}
		text += len + (text[len] == '\n');
	}
	return tr_strv_ok(ret, err);
}

int tr_run__env_file(const char *path, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	size_t len;

	if (tr_read_file(path, ENV_FILE_MAX, &text, &len, err) < 0)
		return tr_wrap(err, "env_file");
	if (strlen(text) != len)
		return tr_fail(err, TR_E_INVALID, "env_file: '%s' is no text", path);
	return tr_run__env_parse(path, text, ret, err);
}
