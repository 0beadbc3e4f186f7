/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options, parsed into a struct by offset.
 *
 *	static const struct tr_opt opts[] = {
 *		{ "tail", 'n', TR_OPT_LINES, offsetof(struct opts, n_lines), "N", "the last N lines"
 *}, { 0 },
 *	};
 *
 * Understands --name VALUE, --name=VALUE, -n VALUE, -nVALUE, bundled flags (-fq), and -- as the end
 * of options. Options and arguments may come in any order. Names are never cut short (--tai).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tr_err;

enum tr_opt_kind {
	TR_OPT_FLAG,	 /* bool */
	TR_OPT_STRING,	 /* const char *, borrowed from argv */
	TR_OPT_INDEX,	 /* int, 0 or more */
	TR_OPT_COUNT,	 /* uint32_t, 1 or more */
	TR_OPT_LINES,	 /* uint32_t; "all" is UINT32_MAX */
	TR_OPT_LIST,	 /* struct tr_opt_list: may be given again and again */
	TR_OPT_DURATION, /* int64_t ms: "90", "90s", "500ms", "10m", "1h" */
};

enum { TR_OPT_LIST_MAX = 64 };

struct tr_opt_list {
	size_t n;
	const char *v[TR_OPT_LIST_MAX]; /* borrowed from argv */
};

struct tr_opt {
	const char *name; /* without the dashes; NULL ends a table */
	char short_name;  /* 0: none */
	enum tr_opt_kind kind;
	size_t offset;	   /* into the table's values */
	const char *value; /* how the help calls it ("SECONDS"); NULL for flags */
	const char *help;
	uint32_t group; /* shared options: the bit that a command must have; 0: always there */
};

struct tr_opt_table {
	const struct tr_opt *v;
	uint32_t groups; /* of the options that count here */
	void *values;
	uint32_t seen; /* out: groups of the options that were given */
};

struct tr_opts_in {
	const char *of; /* for messages: "tranche create" */
	struct tr_opt_table *tables;
	size_t n_tables;
	char **argv;	/* NULL-terminated, the first word to look at first */
	size_t stop_at; /* options end with that many arguments; 0: never */
};

/* True for an option of this table that counts (its group is asked for). */
bool tr_opt_counts(const struct tr_opt_table *table, const struct tr_opt *opt);

/*
 * Parses. ret_args (as large as argv) gets what is no option; with stop_at it gets all
 * behind that many of them, whatever it looks like. INVALID says what is wrong; the hint names the
 * nearest option. Values may have been written when it fails.
 */
int tr_opts_parse(
	const struct tr_opts_in *in, const char **ret_args, size_t *ret_n_args, struct tr_err *err);
