/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/near.h"
#include "stack/stack_priv.h"

#include <stdio.h>
#include <string.h>

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

int tr_stack__bad(const struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
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

static int unknown_key(const struct tr_reader *r, const struct tr_key *keys,
	const struct tr_yaml *value, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };
	TR_AUTO_BUF meant = { 0 };
	struct tr_near near = { .wrong = value->key };

	for (const struct tr_key *key = keys; key->name; key++) {
		tr_buf_addf(&list, "%s%s", key == keys ? "" : ", ", key->name);
		tr_near_offer(&near, key->name, strlen(key->name));
	}
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&meant, "%s'%s'", i ? " or " : ", did you mean ", near.v[i]);
	return tr_stack__fail(r->stack->file, value->key_at, err,
		"unknown key '%s'%s%s%s%s; allowed: %s", TR_SHOWN(value->key),
		*r->where ? " in " : "", r->where, tr_buf_str(&meant), near.n ? "?" : "",
		tr_buf_str(&list));
}

/* --- The walk --- */

static const struct tr_key *find(const struct tr_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

int tr_stack__walk(struct tr_reader *r, const struct tr_key *keys, const struct tr_yaml *mapping,
	void *into, struct tr_err *err)
{
	for (const struct tr_yaml *value = mapping->first; value; value = value->next) {
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
