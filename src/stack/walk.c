/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "stack/stack_priv.h"

#include <stdio.h>
#include <string.h>

enum { MAX_KEY = 32 }; /* longest key that a suggestion is sought for */

static const char *name_of(const char *file)
{
	return strcmp(file, "-") == 0 ? "<stdin>" : file;
}

static int vfail(const char *file, struct tr_where at, const char *allowed, struct tr_err *err,
	const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

static int vfail(const char *file, struct tr_where at, const char *allowed, struct tr_err *err,
	const char *fmt, va_list ap)
{
	char words[1024];

	vsnprintf(words, sizeof(words), fmt, ap);
	return tr_fail(err, TR_E_INVALID, "%s:%u:%u: %s%s%s", name_of(file), at.line, at.column,
		words, allowed ? "; allowed: " : "", allowed ? allowed : "");
}

int tr_stack__fail(const char *file, struct tr_where at, struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vfail(file, at, NULL, err, fmt, ap);
	va_end(ap);
	return r;
}

int tr_stack_fail(
	const struct tr_stack *stack, struct tr_where at, struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vfail(stack->file, at, NULL, err, fmt, ap);
	va_end(ap);
	return r;
}

int tr_stack__bad(const struct tr_reader *r, const struct tr_key *key, const struct tr_node *value,
	struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = vfail(r->stack->file, value->at, key->allowed, err, fmt, ap);
	va_end(ap);
	return ret;
}

int tr_stack__fail_at(const struct tr_reader *r, struct tr_where at, struct tr_err *err)
{
	return tr_wrap(err, "%s:%u:%u", name_of(r->stack->file), at.line, at.column);
}

int tr_stack__no_memory(const struct tr_reader *r, struct tr_err *err)
{
	return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", name_of(r->stack->file));
}

/* A terminal is where this ends up: no escape sequences, and not the whole megabyte. */
struct tr_shown tr_stack__shown(const char *text)
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

/* --- Unknown keys --- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters to change, add, drop or swap to come from a to b; both short. */
static size_t distance(const char *a, const char *b)
{
	size_t d[MAX_KEY + 1][MAX_KEY + 1], n = strlen(a), m = strlen(b);

	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

/* The allowed key that is a typing error away, or that was not typed to its end; NULL when none
 * is near. */
static const char *nearest(const struct tr_key *keys, const char *typed)
{
	const char *best = NULL;
	size_t best_distance = 3;

	if (strlen(typed) > MAX_KEY)
		return NULL;
	for (; keys->name; keys++) {
		bool is_start =
			strlen(typed) >= 3 && strncmp(keys->name, typed, strlen(typed)) == 0;
		size_t far = is_start ? 1 : distance(typed, keys->name);

		if (far < best_distance && far < strlen(keys->name) - 1) {
			best = keys->name;
			best_distance = far;
		}
	}
	return best;
}

static int unknown_key(const struct tr_reader *r, const struct tr_key *keys,
	const struct tr_node *value, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };
	const char *near = nearest(keys, value->key);

	for (const struct tr_key *key = keys; key->name; key++)
		tr_buf_addf(&list, "%s%s", key == keys ? "" : ", ", key->name);
	return tr_stack__fail(r->stack->file, value->key_at, err,
		"unknown key '%s'%s%s%s%s%s; allowed: %s", TR_SHOWN(value->key),
		*r->where ? " in " : "", r->where, near ? ", did you mean '" : "", near ? near : "",
		near ? "'?" : "", tr_buf_str(&list));
}

/* --- The walk --- */

static const struct tr_key *find(const struct tr_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

int tr_stack__walk(struct tr_reader *r, const struct tr_key *keys, const struct tr_node *mapping,
	void *into, struct tr_err *err)
{
	for (const struct tr_node *value = mapping->first; value; value = value->next) {
		const struct tr_key *key = find(keys, value->key);
		int ret;

		if (!key)
			return unknown_key(r, keys, value, err);
		ret = key->read(r, key, value, (char *)into + key->into, err);
		if (ret < 0)
			return ret;
		if (key->at != TR_NO_PLACE)
			*(struct tr_where *)(void *)((char *)into + key->at) = value->at;
	}
	for (const struct tr_key *key = keys; key->name; key++)
		if (key->is_required && !tr_stack__child(mapping, key->name))
			return tr_stack__fail(r->stack->file,
				mapping->key ? mapping->key_at : mapping->at, err,
				"no '%s'%s%s; allowed: %s", key->name, *r->where ? " in " : "",
				r->where, key->allowed);
	return 0;
}
