/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found {
	struct tr_opt_table *table;
	const struct tr_opt *opt;
};

bool tr_opt_counts(const struct tr_opt_table *table, const struct tr_opt *opt)
{
	return !opt->group || (opt->group & table->groups);
}

static struct found find_long(const struct tr_opts_in *in, const char *name, size_t len)
{
	for (size_t t = 0; t < in->n_tables; t++)
		for (const struct tr_opt *o = in->tables[t].v; o && o->name; o++)
			if (tr_opt_counts(&in->tables[t], o) && strlen(o->name) == len &&
				strncmp(o->name, name, len) == 0)
				return (struct found){ &in->tables[t], o };
	return (struct found){ NULL, NULL };
}

static struct found find_short(const struct tr_opts_in *in, char name)
{
	for (size_t t = 0; t < in->n_tables; t++)
		for (const struct tr_opt *o = in->tables[t].v; o && o->name; o++)
			if (tr_opt_counts(&in->tables[t], o) && o->short_name == name)
				return (struct found){ &in->tables[t], o };
	return (struct found){ NULL, NULL };
}

static int fail_unknown(const struct tr_opts_in *in, const char *word, struct tr_err *err)
{
	struct tr_near near = { .wrong = word };
	TR_AUTO_BUF hint = { 0 };
	char name[64];

	if (strncmp(word, "--", 2) == 0) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		near.wrong = name;
		for (size_t t = 0; t < in->n_tables; t++)
			for (const struct tr_opt *o = in->tables[t].v; o && o->name; o++)
				if (tr_opt_counts(&in->tables[t], o))
					tr_near_offer(&near, o->name, strlen(o->name));
	}
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&hint, "%s%s --%s", i ? "\n" : "", in->of, near.v[i]);
	if (near.n == 0)
		tr_buf_addf(&hint, "%s --help", in->of);
	tr_fail(err, TR_E_INVALID, "'%s' has no option '%.*s'", in->of, (int)strcspn(word, "="),
		word);
	return tr_hint(err, "%s", tr_buf_str(&hint));
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret, const char **ret_rest)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || *ret > max)
		return -1;
	*ret_rest = end;
	return 0;
}

static int parse_duration(const char *text, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "h", 3600000 } };
	const char *rest;
	uint64_t n;

	/* A thousand days is more than anybody waits, and far from overflow. */
	if (parse_number(text, 86400000, &n, &rest) < 0)
		return -1;
	for (size_t i = 0; i < TR_COUNT(units); i++) {
		if (strcmp(rest, units[i].unit) == 0) {
			*ret_ms = (int64_t)n * units[i].ms;
			return 0;
		}
	}
	return -1;
}

static const char *add_to_list(struct tr_opt_list *list, const char *text)
{
	if (!*text)
		return "a value that is not empty";
	if (list->n == TR_OPT_LIST_MAX)
		return "to be given 64 times at most";
	list->v[list->n++] = text;
	return NULL;
}

static const char *parse_uint(const char *text, uint32_t least, uint32_t *ret)
{
	const char *rest;
	uint64_t n;

	if (parse_number(text, UINT32_MAX - 1, &n, &rest) < 0 || *rest || n < least)
		return least ? "a whole number, 1 or more" : "a whole number, 0 or more";
	*ret = (uint32_t)n;
	return NULL;
}

/* Stores a value; NULL, or what kind of value was expected. */
static const char *store(const struct tr_opt *opt, char *at, const char *text)
{
	const char *wanted;
	uint32_t n;

	switch (opt->kind) {
	case TR_OPT_FLAG:
		*(bool *)(void *)at = true;
		return NULL;
	case TR_OPT_STRING:
		*(const char **)(void *)at = text;
		return *text ? NULL : "a value that is not empty";
	case TR_OPT_LIST:
		return add_to_list((struct tr_opt_list *)(void *)at, text);
	case TR_OPT_INDEX:
		wanted = parse_uint(text, 0, &n);
		if (wanted || n > INT16_MAX)
			return "the number of a GPU: 0, 1, ...";
		*(int *)(void *)at = (int)n;
		return NULL;
	case TR_OPT_COUNT:
		return parse_uint(text, 1, (uint32_t *)(void *)at);
	case TR_OPT_LINES:
		if (strcmp(text, "all") != 0)
			return parse_uint(text, 0, (uint32_t *)(void *)at)
				       ? "a number of lines, or all"
				       : NULL;
		*(uint32_t *)(void *)at = UINT32_MAX;
		return NULL;
	case TR_OPT_DURATION:
		if (parse_duration(text, (int64_t *)(void *)at) < 0)
			return "seconds, or a time like 500ms, 90s, 10m, 1h";
		return NULL;
	}
	return "nothing";
}

static int take(const struct tr_opts_in *in, struct found f, const char *shown, const char *text,
	struct tr_err *err)
{
	const char *wanted;

	if (f.opt->kind != TR_OPT_FLAG && !text) {
		tr_fail(err, TR_E_INVALID, "option '%s' needs a value", shown);
		return tr_hint(err, "%s %s", shown, f.opt->value);
	}
	wanted = store(f.opt, (char *)f.table->values + f.opt->offset, text);
	f.table->seen |= f.opt->group;
	if (!wanted)
		return 0;
	tr_fail(err, TR_E_INVALID, "option '%s' wants %s, not '%.100s'", shown, wanted, text);
	return tr_hint(err, "%s --help", in->of);
}

/* "--name", "--name=value"; ret_used: how many words it took. */
static int take_long(
	const struct tr_opts_in *in, char **words, size_t *ret_used, struct tr_err *err)
{
	const char *name = words[0] + 2;
	size_t len = strcspn(name, "=");
	const char *text = name[len] ? name + len + 1 : NULL;
	struct found f = find_long(in, name, len);
	char shown[64];

	if (!f.opt)
		return fail_unknown(in, words[0], err);
	snprintf(shown, sizeof(shown), "--%s", f.opt->name);
	*ret_used = 1;
	if (f.opt->kind == TR_OPT_FLAG && text)
		return tr_fail(
			err, TR_E_INVALID, "option '%s' takes no value, not '%.100s'", shown, text);
	if (f.opt->kind != TR_OPT_FLAG && !text && words[1]) {
		text = words[1];
		*ret_used = 2;
	}
	return take(in, f, shown, text, err);
}

/* "-f", "-fq", "-n5", "-n", "5". */
static int take_short(
	const struct tr_opts_in *in, char **words, size_t *ret_used, struct tr_err *err)
{
	*ret_used = 1;
	for (const char *p = words[0] + 1; *p; p++) {
		struct found f = find_short(in, *p);
		const char shown[3] = { '-', *p, '\0' };
		const char *text = p[1] ? p + 1 : words[1];

		if (!f.opt)
			return fail_unknown(in, shown, err);
		if (f.opt->kind == TR_OPT_FLAG) {
			take(in, f, shown, NULL, err);
			continue;
		}
		if (!p[1] && words[1])
			*ret_used = 2;
		return take(in, f, shown, text, err);
	}
	return 0;
}

int tr_opts_parse(
	const struct tr_opts_in *in, const char **ret_args, size_t *ret_n_args, struct tr_err *err)
{
	bool only_arguments = false;
	size_t n = 0, used;

	for (char **words = in->argv; *words; words += used) {
		const char *word = words[0];
		int r = 0;

		used = 1;
		if (only_arguments || word[0] != '-' || !word[1]) {
			ret_args[n++] = word;
			only_arguments |= n == in->stop_at;
		} else if (strcmp(word, "--") == 0) {
			only_arguments = true;
		} else if (word[1] == '-') {
			r = take_long(in, words, &used, err);
		} else {
			r = take_short(in, words, &used, err);
		}
		if (r < 0)
			return r;
	}
	*ret_n_args = n;
	return 0;
}
