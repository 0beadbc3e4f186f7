/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *text;
	int exit_status, http_status;
} codes[] = {
	[TR_E_OK] = { "OK", "success", 0, 200 },
#define TR_ERR(name, exit_status, http_status, text) \
	[TR_E_##name] = { #name, text, exit_status, http_status },
#include <tranche/err.def>
#undef TR_ERR
};

static int is_code(enum tr_code code)
{
	return (int)code >= 0 && code < TR_E_COUNT;
}

const char *tr_code_text(enum tr_code code)
{
	return is_code(code) ? codes[code].text : "unknown error";
}

const char *tr_code_name(enum tr_code code)
{
	return is_code(code) ? codes[code].name : "UNKNOWN";
}

int tr_code_exit_status(enum tr_code code)
{
	return is_code(code) ? codes[code].exit_status : 1;
}

int tr_code_http_status(enum tr_code code)
{
	return is_code(code) ? codes[code].http_status : 500;
}

int tr_fail(struct tr_err *err, enum tr_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -(int)code;
}

static enum tr_code code_of_errno(int errnum)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
		return TR_E_PERMISSION;
	case ENOENT:
		return TR_E_NOT_FOUND;
	case ENOMEM:
		return TR_E_NO_MEMORY;
	default:
		return TR_E_IO;
	}
}

int tr_fail_errno(struct tr_err *err, int errnum, const char *fmt, ...)
{
	char reason[128];
	size_t used;
	va_list ap;

	err->code = code_of_errno(errnum);
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s",
		strerror_r(errnum, reason, sizeof(reason)));
	return -(int)err->code;
}

int tr_wrap(struct tr_err *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	size_t used;
	va_list ap;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %.*s", (int)sizeof(inner) - 1, inner);
	return -(int)err->code;
}

int tr_hint(struct tr_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -(int)err->code;
}
