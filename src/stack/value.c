/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values. YAML's own guesses play no part: a number is what reads as one where a number
 * belongs, and `no`, `null` or `1.10` stay the text they are where text belongs.
 */
#include "base/err.h"
#include "facts/facts.h"
#include "stack/engine.h"
#include "stack/stack_priv.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_words[] = {
	[TR_YAML_TEXT] = "a single value",
	[TR_YAML_LIST] = "a list",
	[TR_YAML_MAPPING] = "a mapping",
};

int tr_stack__need_kind(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, enum tr_yaml_kind kind, struct tr_err *err)
{
	if (value->kind == kind)
		return 0;
	if (value->is_missing)
		return tr_stack__bad(r, key, value, err, "'%s' has no value", key->name);
	return tr_stack__bad(r, key, value, err, "'%s' is %s", key->name, kind_words[value->kind]);
}

int tr_stack__need_text(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, struct tr_err *err)
{
	int ret = value->is_missing ? tr_stack__need_kind(r, key, value, TR_YAML_LIST, err)
				    : tr_stack__need_kind(r, key, value, TR_YAML_TEXT, err);

	if (ret == 0 && !*value->text)
		return tr_stack__bad(r, key, value, err, "'%s' is empty", key->name);
	return ret;
}

bool tr_stack__is_word(const char *text, const char *first, const char *rest, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strchr(first, text[0]) && strspn(text, rest) == len;
}

int tr_stack__read_mapping(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	size_t len = strlen(r->where);
	int ret = tr_stack__need_kind(r, key, value, TR_YAML_MAPPING, err);

	if (ret < 0)
		return ret;
	snprintf(r->where + len, sizeof(r->where) - len, "%s%s", len ? "." : "", key->name);
	ret = tr_stack__walk(r, key->keys, value, field, err);
	r->where[len] = '\0';
	return ret;
}

/* Text that need_text let through and that a rule did not. */
static int bad_text(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, struct tr_err *err)
{
	return tr_stack__bad(r, key, value, err, "'%s' is '%s'", key->name, TR_SHOWN(value->text));
}

/* --- Numbers --- */

/* Digits and nothing else. */
static bool parse_digits(const char *text, size_t len, uint64_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 18 || strspn(text, TR_DIGIT) < len)
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	*ret = n;
	return true;
}

/* "12" or "12.5", thousandths at most; what stands behind it comes out in ret_rest. */
static bool parse_thousandths(const char *text, uint64_t *ret, const char **ret_rest)
{
	size_t n_whole = strspn(text, TR_DIGIT), n_part = 0;
	uint64_t whole = 0, part = 0;

	if (n_whole > 12 || !parse_digits(text, n_whole, &whole))
		return false;
	*ret_rest = text + n_whole;
	if (text[n_whole] == '.') {
		n_part = strspn(text + n_whole + 1, TR_DIGIT);
		if (n_part > 3 || !parse_digits(text + n_whole + 1, n_part, &part))
			return false;
		*ret_rest += 1 + n_part;
	}
	for (; n_part < 3; n_part++)
		part *= 10;
	*ret = whole * 1000 + part;
	return true;
}

int tr_stack__read_number(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	uint64_t n = 0;
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (!parse_digits(value->text, strlen(value->text), &n))
		return tr_stack__bad(r, key, value, err, "'%s' is '%s', no whole number", key->name,
			TR_SHOWN(value->text));
	if (n < key->min || n > key->max)
		return tr_stack__bad(r, key, value, err, "'%s' is %s", key->name, value->text);
	if (key->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)n;
	else
		*(uint32_t *)field = (uint32_t)n;
	return 0;
}

int tr_stack__read_decimal(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	const char *rest = "";
	uint64_t thousandths = 0;
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (!parse_thousandths(value->text, &thousandths, &rest) || *rest)
		return bad_text(r, key, value, err);
	*(double *)field = (double)thousandths / 1000;
	return 0;
}

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = {
	{ "K", 1000 },
	{ "M", 1000000 },
	{ "G", 1000000000 },
	{ "T", 1000000000000 },
	{ "Ki", 1ull << 10 },
	{ "Mi", 1ull << 20 },
	{ "Gi", 1ull << 30 },
};

bool tr_stack_size(const char *text, uint64_t *ret_bytes)
{
	const char *unit = "";
	uint64_t thousandths = 0, bytes;

	if (!parse_thousandths(text, &thousandths, &unit) || !thousandths)
		return false;
	for (size_t i = 0; i < TR_COUNT(units); i++) {
		if (strcmp(unit, units[i].name) != 0 ||
			__builtin_mul_overflow(thousandths, units[i].bytes, &bytes))
			continue;
		*ret_bytes = bytes / 1000;
		return true;
	}
	return false;
}

int tr_stack__read_size(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	const char *unit = "";
	uint64_t thousandths = 0, bytes;
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (!parse_thousandths(value->text, &thousandths, &unit))
		return tr_stack__bad(r, key, value, err, "'%s' is '%s', no size", key->name,
			TR_SHOWN(value->text));
	for (size_t i = 0; i < TR_COUNT(units); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		if (thousandths == 0 || __builtin_mul_overflow(thousandths, units[i].bytes, &bytes))
			return tr_stack__bad(r, key, value, err,
				"'%s' is '%s', no size a slice has", key->name,
				TR_SHOWN(value->text));
		*(uint64_t *)field = bytes / 1000;
		return 0;
	}
	if (!*unit)
		return tr_stack__bad(
			r, key, value, err, "'%s' is '%s', with no unit", key->name, value->text);
	return tr_stack__bad(r, key, value, err, "'%s' is '%s', with an unknown unit", key->name,
		TR_SHOWN(value->text));
}

/* --- Text --- */

static int set_text(const struct tr_reader *r, const char *text, void *field, struct tr_err *err)
{
	char **to = field;

	*to = strdup(text);
	return *to ? 0 : tr_stack__no_memory(r, err);
}

int tr_stack__read_text(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	int ret = tr_stack__need_text(r, key, value, err);

	return ret < 0 ? ret : set_text(r, value->text, field, err);
}

int tr_stack__read_name(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (!tr_stack__is_word(value->text, TR_LOWER TR_DIGIT, TR_LOWER TR_DIGIT "-", 31))
		return bad_text(r, key, value, err);
	return set_text(r, value->text, field, err);
}

int tr_stack__read_currency(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (strlen(value->text) != 3 || !tr_stack__is_word(value->text, TR_UPPER, TR_UPPER, 3))
		return bad_text(r, key, value, err);
	return set_text(r, value->text, field, err);
}

int tr_stack__read_image(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	if (!tr_stack__is_word(value->text, TR_ALNUM, TR_ALNUM "._/:@-", 255))
		return bad_text(r, key, value, err);
	return set_text(r, value->text, field, err);
}

int tr_stack__read_engine(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	TR_AUTO_BUF names = { 0 };
	struct tr_key row = *key;
	const struct tr_engine *engine;
	int ret;

	tr_engine_names(&names);
	row.allowed = tr_buf_str(&names);
	ret = tr_stack__need_text(r, &row, value, err);
	if (ret < 0)
		return ret;
	engine = tr_engine_find(value->text);
	if (!engine)
		return tr_stack__bad(
			r, &row, value, err, "unknown engine '%s'", TR_SHOWN(value->text));
	*(const struct tr_engine **)field = engine;
	return 0;
}

/* --- Slices --- */

static int bad_slice(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, struct tr_err *err)
{
	const char *text = value->text, *rest = "";
	uint64_t n = 0;

	for (size_t i = 0; i < TR_COUNT(units); i++)
		if (parse_thousandths(text, &n, &rest) && strcmp(rest, units[i].name) == 0)
			return tr_stack__bad(r, key, value, err,
				"'%s' is '%s', a size, which is written {memory: %s}", key->name,
				text, text);
	return bad_text(r, key, value, err);
}

int tr_stack__read_slice(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	struct tr_slice_want *want = field;
	struct tr_profile_name name = { 0 };
	uint64_t id;
	int ret;

	if (value->kind == TR_YAML_MAPPING) {
		want->kind = TR_WANT_MEMORY;
		return tr_stack__read_mapping(r, key, value, want, err);
	}
	ret = tr_stack__need_text(r, key, value, err);
	if (ret < 0)
		return ret;
	want->kind = TR_WANT_PROFILE;
	if (strcmp(value->text, "auto") == 0)
		want->kind = TR_WANT_AUTO;
	if (strcmp(value->text, "whole") == 0)
		want->kind = TR_WANT_WHOLE;
	if (want->kind != TR_WANT_PROFILE)
		return 0;
	if (strchr(TR_DIGIT, *value->text) && tr_facts_parse_name(value->text, &name)) {
		if (name.compute != name.slices)
			return tr_stack__bad(r, key, value, err, "'%s' is '%s', a part of a slice",
				key->name, TR_SHOWN(value->text));
	} else if (!parse_digits(value->text, strlen(value->text), &id) || id > 999) {
		return bad_slice(r, key, value, err);
	}
	return set_text(r, value->text, &want->profile, err);
}
