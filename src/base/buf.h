/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing text, and growing vectors of strings.
 *
 * Running out of memory is remembered inside (`failed`), so that a long run of additions is
 * checked once, at its end, by tr_buf_ok() or tr_strv_ok().
 */
#pragma once

#include "base/own.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct tr_err;

struct tr_buf {
	char *s; /* NUL-terminated; NULL while nothing was added */
	size_t len, cap;
	bool failed;
};

void tr_buf_done(struct tr_buf *buf);
void tr_buf_add(struct tr_buf *buf, const char *s, size_t len);
void tr_buf_puts(struct tr_buf *buf, const char *s);
void tr_buf_addf(struct tr_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the text, keeps the memory. */
void tr_buf_clear(struct tr_buf *buf);
/* The text, "" when empty; borrowed from the buffer. */
const char *tr_buf_str(const struct tr_buf *buf);
/* Gives the text away (the caller frees it); NULL when memory ran out. */
char *tr_buf_take(struct tr_buf *buf);
int tr_buf_ok(const struct tr_buf *buf, struct tr_err *err);

/* A NULL-terminated vector of owned strings, shaped for execve. */
struct tr_strv {
	char **v; /* NULL while nothing was added; v[n] is NULL */
	size_t n, cap;
	bool failed;
};

void tr_strv_done(struct tr_strv *strv);
void tr_strv_add(struct tr_strv *strv, const char *s);
void tr_strv_addf(struct tr_strv *strv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds a list that ends with NULL: tr_strv_adds(&v, "-i", "0", NULL). */
void tr_strv_adds(struct tr_strv *strv, ...) __attribute__((sentinel));
int tr_strv_ok(const struct tr_strv *strv, struct tr_err *err);
/* A command line a person could paste into a shell: words quoted where they need it. */
void tr_strv_quote(const struct tr_strv *strv, struct tr_buf *ret);

#define TR_AUTO_BUF  TR_AUTO(tr_buf_done) struct tr_buf
#define TR_AUTO_STRV TR_AUTO(tr_strv_done) struct tr_strv
