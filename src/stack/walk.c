/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "stack/stack_priv.h"

#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 32 }; /* in one table */

int tr_stack_fail(
	const struct tr_stack *stack, struct tr_where at, struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = tr_yaml_vfail(stack->file, at, NULL, err, fmt, ap);
	va_end(ap);
	return r;
}

int tr_stack__bad(const struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	struct tr_err *err, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = tr_yaml_vfail(r->stack->file, value->at, key->allowed, err, fmt, ap);
	va_end(ap);
	return ret;
}

int tr_stack__fail_at(const struct tr_reader *r, struct tr_where at, struct tr_err *err)
{
	return tr_wrap(err, "%s:%u:%u", tr_yaml_file(r->stack->file), at.line, at.column);
}

int tr_stack__no_memory(const struct tr_reader *r, struct tr_err *err)
{
	return tr_fail(
		err, TR_E_NO_MEMORY, "read '%s': out of memory", tr_yaml_file(r->stack->file));
}

/* --- The walk --- */

static int unknown_key(const struct tr_reader *r, const struct tr_key *keys,
	const struct tr_yaml *value, struct tr_err *err)
{
	const char *names[MAX_KEYS];
	size_t n = 0;

	for (; keys[n].name && n < MAX_KEYS; n++)
		names[n] = keys[n].name;
	return tr_yaml_unknown(r->stack->file, value, r->where, names, n, err);
}

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
		if (key->is_required && !tr_yaml_child(mapping, key->name))
			return tr_yaml_fail(r->stack->file,
				mapping->key ? mapping->key_at : mapping->at, err,
				"no '%s'%s%s; allowed: %s", key->name, *r->where ? " in " : "",
				r->where, key->allowed);
	return 0;
}
