/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints: where, what is wrong, what may stand there. */
#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "yaml/yaml.h"

#include <stdio.h>
#include <string.h>

const char *tr_yaml_file(const char *file)
{
	return strcmp(file, "-") == 0 ? "<stdin>" : file;
}

int tr_yaml_vfail(const char *file, struct tr_where at, const char *allowed, struct tr_err *err,
	const char *fmt, va_list ap)
{
	char words[1024];

	vsnprintf(words, sizeof(words), fmt, ap);
	return tr_fail(err, TR_E_INVALID, "%s:%u:%u: %s%s%s", tr_yaml_file(file), at.line,
		at.column, words, allowed ? "; allowed: " : "", allowed ? allowed : "");
}

int tr_yaml_fail(const char *file, struct tr_where at, struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = tr_yaml_vfail(file, at, NULL, err, fmt, ap);
	va_end(ap);
	return r;
}

/* A terminal is where this ends up: no escape sequences, and not the whole megabyte. */
struct tr_shown tr_yaml_shown(const char *text)
{
	struct tr_shown ret;
	size_t n = strnlen(text, sizeof(ret.s));
	bool is_cut = n == sizeof(ret.s);

	if (is_cut)
		n = sizeof(ret.s) - 4;
	while (is_cut && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		ret.s[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	strcpy(ret.s + n, is_cut ? "..." : "");
	return ret;
}

int tr_yaml_unknown(const char *file, const struct tr_yaml *value, const char *where,
	const char *const *names, size_t n_names, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };
	TR_AUTO_BUF meant = { 0 };
	struct tr_near near = { .wrong = value->key };

	for (size_t i = 0; i < n_names; i++) {
		tr_buf_addf(&list, "%s%s", i ? ", " : "", names[i]);
		tr_near_offer(&near, names[i], strlen(names[i]));
	}
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&meant, "%s'%s'", i ? " or " : ", did you mean ", near.v[i]);
	return tr_yaml_fail(file, value->key_at, err, "unknown key '%s'%s%s%s%s; allowed: %s",
		TR_SHOWN(value->key), *where ? " in " : "", where, tr_buf_str(&meant),
		near.n ? "?" : "", tr_buf_str(&list));
}
