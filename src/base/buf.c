/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void tr_buf_done(struct tr_buf *buf)
{
	free(buf->s);
	*buf = (struct tr_buf){ 0 };
}

static bool reserve(struct tr_buf *buf, size_t more)
{
	size_t cap = buf->cap ? buf->cap : 64;
	char *grown;

	if (buf->failed || more > SIZE_MAX / 4 - buf->len) {
		buf->failed = true;
		return false;
	}
	while (cap < buf->len + more + 1)
		cap *= 2;
	if (cap == buf->cap)
		return true;
	grown = realloc(buf->s, cap);
	if (!grown) {
		buf->failed = true;
		return false;
	}
	buf->s = grown;
	buf->cap = cap;
	return true;
}

void tr_buf_add(struct tr_buf *buf, const char *s, size_t len)
{
	if (!reserve(buf, len))
		return;
	memcpy(buf->s + buf->len, s, len);
	buf->len += len;
	buf->s[buf->len] = '\0';
}

void tr_buf_puts(struct tr_buf *buf, const char *s)
{
	tr_buf_add(buf, s, strlen(s));
}

static void __attribute__((format(printf, 2, 0)))
buf_vaddf(struct tr_buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0 || !reserve(buf, (size_t)len)) {
		buf->failed = true;
		return;
	}
	vsnprintf(buf->s + buf->len, (size_t)len + 1, fmt, ap);
	buf->len += (size_t)len;
}

void tr_buf_addf(struct tr_buf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(buf, fmt, ap);
	va_end(ap);
}

void tr_buf_clear(struct tr_buf *buf)
{
	buf->len = 0;
	if (buf->s)
		buf->s[0] = '\0';
}

const char *tr_buf_str(const struct tr_buf *buf)
{
	return buf->s ? buf->s : "";
}

char *tr_buf_take(struct tr_buf *buf)
{
	char *s;

	if (!buf->s)
		reserve(buf, 0);
	if (buf->failed) {
		tr_buf_done(buf);
		return NULL;
	}
	s = buf->s;
	s[buf->len] = '\0';
	*buf = (struct tr_buf){ 0 };
	return s;
}

int tr_buf_ok(const struct tr_buf *buf, struct tr_err *err)
{
	return buf->failed ? tr_fail(err, TR_E_NO_MEMORY, "out of memory while writing text") : 0;
}

void tr_strv_done(struct tr_strv *strv)
{
	for (size_t i = 0; i < strv->n; i++)
		free(strv->v[i]);
	free(strv->v);
	*strv = (struct tr_strv){ 0 };
}

/* Takes s, which may be NULL for a failed allocation. */
static void strv_push(struct tr_strv *strv, char *s)
{
	if (s && strv->n + 1 >= strv->cap) {
		size_t cap = strv->cap ? strv->cap * 2 : 16;
		char **grown = realloc(strv->v, cap * sizeof(*grown));

		if (grown) {
			strv->v = grown;
			strv->cap = cap;
		}
	}
	if (!s || strv->n + 1 >= strv->cap) {
		free(s);
		strv->failed = true;
		return;
	}
	strv->v[strv->n++] = s;
	strv->v[strv->n] = NULL;
}

void tr_strv_add(struct tr_strv *strv, const char *s)
{
	strv_push(strv, strdup(s));
}

void tr_strv_addf(struct tr_strv *strv, const char *fmt, ...)
{
	TR_AUTO_BUF buf = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&buf, fmt, ap);
	va_end(ap);
	strv_push(strv, tr_buf_take(&buf));
}

void tr_strv_adds(struct tr_strv *strv, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, strv);
	while ((s = va_arg(ap, const char *)))
		tr_strv_add(strv, s);
	va_end(ap);
}

int tr_strv_ok(const struct tr_strv *strv, struct tr_err *err)
{
	return strv->failed ? tr_fail(err, TR_E_NO_MEMORY, "out of memory while building a command")
			    : 0;
}

static bool is_plain_word(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=,@%+";

	return *s && s[strspn(s, plain)] == '\0';
}

void tr_strv_quote(const struct tr_strv *strv, struct tr_buf *ret)
{
	for (size_t i = 0; i < strv->n; i++) {
		if (i)
			tr_buf_puts(ret, " ");
		if (is_plain_word(strv->v[i])) {
			tr_buf_puts(ret, strv->v[i]);
			continue;
		}
		tr_buf_puts(ret, "'");
		for (const char *c = strv->v[i]; *c; c++) {
			if (*c == '\'')
				tr_buf_puts(ret, "'\\''");
			else
				tr_buf_add(ret, c, 1);
		}
		tr_buf_puts(ret, "'");
	}
}
