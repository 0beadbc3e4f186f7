/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/cmd.h"
#include "cli/opt.h"

#include <string.h>

enum { GROUP_A = 1, GROUP_B = 2, MAX_WORDS = 12 };

struct values {
	bool flag, quiet;
	const char *file;
	int gpu;
	uint32_t count, lines;
	int64_t wait_ms;
	bool shared;
	struct tr_opt_list env;
};

static const struct tr_opt own[] = {
	{ "flag", 'x', TR_OPT_FLAG, offsetof(struct values, flag), NULL, "a flag", 0 },
	{ "quiet", 'q', TR_OPT_FLAG, offsetof(struct values, quiet), NULL, "another", 0 },
	{ "file", 'f', TR_OPT_STRING, offsetof(struct values, file), "FILE", "text", 0 },
	{ "gpu", 'i', TR_OPT_INDEX, offsetof(struct values, gpu), "N", "index", 0 },
	{ "count", 0, TR_OPT_COUNT, offsetof(struct values, count), "N", "count", 0 },
	{ "tail", 'n', TR_OPT_LINES, offsetof(struct values, lines), "N", "lines", 0 },
	{ "env", 'e', TR_OPT_LIST, offsetof(struct values, env), "NAME=VALUE", "list", 0 },
	{ "wait", 'w', TR_OPT_DURATION, offsetof(struct values, wait_ms), "TIME", "time", 0 },
	{ 0 },
};

static const struct tr_opt shared[] = {
	{ "dry-run", 0, TR_OPT_FLAG, offsetof(struct values, shared), NULL, "shared", GROUP_A },
	{ "json", 0, TR_OPT_FLAG, offsetof(struct values, shared), NULL, "shared", GROUP_B },
	{ 0 },
};

struct parsed {
	struct values v;
	const char *args[MAX_WORDS];
	size_t n_args;
	uint32_t seen;
	struct tr_err err;
	int r;
};

static struct parsed parse(const char *const *words, bool stop_at_argument)
{
	struct parsed p = { .v = { .gpu = -1 } };
	char *argv[MAX_WORDS] = { 0 };
	struct tr_opt_table tables[] = { { .v = own, .values = &p.v },
		{ .v = shared, .groups = GROUP_A, .values = &p.v } };
	struct tr_opts_in in = { "tranche test", tables, 2, argv, stop_at_argument };

	for (size_t i = 0; words[i]; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	p.r = tr_opts_parse(&in, p.args, &p.n_args, &p.err);
	p.seen = tables[1].seen;
	return p;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL }, false)

static void every_way_to_write_a_value_is_the_same(void **state)
{
	static const char *const ways[][3] = { { "--file", "a.yaml" }, { "--file=a.yaml" },
		{ "-f", "a.yaml" }, { "-fa.yaml" }, { "-xfa.yaml" } };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(ways); i++) {
		struct parsed p = parse(ways[i], false);

		assert_int_equal(p.r, 0);
		assert_string_equal(p.v.file, "a.yaml");
		assert_int_equal(p.n_args, 0);
	}
}

static void options_and_arguments_come_in_any_order(void **state)
{
	struct parsed p = PARSE("one", "-xq", "two", "--gpu", "3", "three");

	(void)state;
	assert_int_equal(p.r, 0);
	assert_true(p.v.flag && p.v.quiet);
	assert_int_equal(p.v.gpu, 3);
	assert_int_equal(p.n_args, 3);
	assert_string_equal(p.args[2], "three");
}

static void what_may_be_given_again_is_kept_in_order(void **state)
{
	struct parsed p = PARSE("-e", "A=1", "--env=B", "x", "-eA=2");

	(void)state;
	assert_int_equal(p.r, 0);
	assert_int_equal(p.v.env.n, 3);
	assert_string_equal(p.v.env.v[0], "A=1");
	assert_string_equal(p.v.env.v[1], "B");
	assert_string_equal(p.v.env.v[2], "A=2");
	assert_int_equal(p.n_args, 1);
	p = PARSE("-e", "");
	assert_int_equal(p.r, -TR_E_INVALID);
}

static void what_is_given_too_often_is_refused(void **state)
{
	struct values v = { 0 };
	char *argv[TR_OPT_LIST_MAX + 2] = { 0 };
	const char *args[TR_OPT_LIST_MAX + 2];
	struct tr_opt_table table = { .v = own, .values = &v };
	struct tr_opts_in in = { "tranche test", &table, 1, argv, 0 };
	struct tr_err err = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < TR_OPT_LIST_MAX; i++)
		argv[i] = (char *)(uintptr_t) "-eA=1";
	assert_int_equal(tr_opts_parse(&in, args, &n, &err), 0);
	argv[TR_OPT_LIST_MAX] = (char *)(uintptr_t) "-eA=1";
	v.env.n = 0;
	assert_int_equal(tr_opts_parse(&in, args, &n, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "64 times at most"));
}

static void two_dashes_end_the_options(void **state)
{
	struct parsed p = PARSE("-x", "--", "-q", "--file", "--");

	(void)state;
	assert_int_equal(p.r, 0);
	assert_true(p.v.flag);
	assert_false(p.v.quiet);
	assert_int_equal(p.n_args, 3);
	assert_string_equal(p.args[0], "-q");
	assert_string_equal(p.args[2], "--");
}

static void one_dash_is_an_argument(void **state)
{
	struct parsed p = PARSE("-f", "-", "-");

	(void)state;
	assert_int_equal(p.r, 0);
	assert_string_equal(p.v.file, "-");
	assert_int_equal(p.n_args, 1);
}

static void the_first_argument_can_end_it(void **state)
{
	static const char *const words[] = { "-x", "create", "-q", "--nonsense", NULL };
	struct parsed p = parse(words, true);

	(void)state;
	assert_int_equal(p.r, 0);
	assert_true(p.v.flag);
	assert_false(p.v.quiet);
	assert_int_equal(p.n_args, 3);
	assert_string_equal(p.args[2], "--nonsense");
}

static void values_are_read_by_their_kind(void **state)
{
	static const struct {
		const char *words[3];
		int64_t wait_ms;
		uint32_t count, lines;
		int gpu;
	} cases[] = {
		{ { "--wait", "90" }, 90000, 0, 0, -1 },
		{ { "--wait", "90s" }, 90000, 0, 0, -1 },
		{ { "--wait=500ms" }, 500, 0, 0, -1 },
		{ { "-w10m" }, 600000, 0, 0, -1 },
		{ { "-w", "1h" }, 3600000, 0, 0, -1 },
		{ { "-w", "0" }, 0, 0, 0, -1 },
		{ { "--count", "16" }, 0, 16, 0, -1 },
		{ { "-n", "20" }, 0, 0, 20, -1 },
		{ { "-n0" }, 0, 0, 0, -1 },
		{ { "--tail", "all" }, 0, 0, UINT32_MAX, -1 },
		{ { "-i", "0" }, 0, 0, 0, 0 },
		{ { "-i15" }, 0, 0, 0, 15 },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		struct parsed p = parse(cases[i].words, false);

		assert_int_equal(p.r, 0);
		assert_int_equal(p.v.wait_ms, cases[i].wait_ms);
		assert_int_equal(p.v.count, cases[i].count);
		assert_int_equal(p.v.lines, cases[i].lines);
		assert_int_equal(p.v.gpu, cases[i].gpu);
	}
}

static void the_last_value_counts(void **state)
{
	(void)state;
	assert_string_equal(PARSE("-f", "a", "--file=b").v.file, "b");
}

static void a_shared_option_counts_where_its_group_is_asked_for(void **state)
{
	struct parsed p = PARSE("--dry-run");

	(void)state;
	assert_int_equal(p.r, 0);
	assert_true(p.v.shared);
	assert_int_equal(p.seen, GROUP_A);
	assert_int_equal(PARSE("--json").r, -TR_E_INVALID);
}

static void every_slip_is_told_with_what_to_type(void **state)
{
	static const struct {
		const char *words[3], *msg, *hint;
	} cases[] = {
		{ { "--flie", "x" }, "'tranche test' has no option '--flie'",
			"tranche test --file" },
		{ { "--flie=x" }, "'tranche test' has no option '--flie'", "tranche test --file" },
		{ { "--dryrun" }, "'tranche test' has no option '--dryrun'",
			"tranche test --dry-run" },
		{ { "--json" }, "'tranche test' has no option '--json'", "tranche test --help" },
		{ { "-z" }, "'tranche test' has no option '-z'", "tranche test --help" },
		{ { "-xz" }, "'tranche test' has no option '-z'", "tranche test --help" },
		{ { "--file" }, "option '--file' needs a value", "--file FILE" },
		{ { "-f" }, "option '-f' needs a value", "-f FILE" },
		{ { "--file=" }, "option '--file' wants a value that is not empty, not ''",
			"tranche test --help" },
		{ { "--flag=yes" }, "option '--flag' takes no value, not 'yes'", "" },
		{ { "-i", "-1" }, "option '-i' wants the number of a GPU: 0, 1, ..., not '-1'",
			"tranche test --help" },
		{ { "-i", "GPU0" }, "option '-i' wants the number of a GPU: 0, 1, ..., not 'GPU0'",
			"tranche test --help" },
		{ { "-i", "99999" },
			"option '-i' wants the number of a GPU: 0, 1, ..., not '99999'",
			"tranche test --help" },
		{ { "--count", "0" }, "option '--count' wants a whole number, 1 or more, not '0'",
			"tranche test --help" },
		{ { "--count", "4x" }, "option '--count' wants a whole number, 1 or more, not '4x'",
			"tranche test --help" },
		{ { "--count", "99999999999" },
			"option '--count' wants a whole number, 1 or more, not '99999999999'",
			"tranche test --help" },
		{ { "-n", "some" }, "option '-n' wants a number of lines, or all, not 'some'",
			"tranche test --help" },
		{ { "--wait", "soon" },
			"option '--wait' wants seconds, or a time like 500ms, 90s, 10m, 1h, not "
			"'soon'",
			"tranche test --help" },
		{ { "--wait", "5d" },
			"option '--wait' wants seconds, or a time like 500ms, 90s, 10m, 1h, not "
			"'5d'",
			"tranche test --help" },
		{ { "--wait", "-5" },
			"option '--wait' wants seconds, or a time like 500ms, 90s, 10m, 1h, not "
			"'-5'",
			"tranche test --help" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		struct parsed p = parse(cases[i].words, false);

		assert_int_equal(p.r, -TR_E_INVALID);
		assert_string_equal(p.err.msg, cases[i].msg);
		assert_string_equal(p.err.hint, cases[i].hint);
	}
}

/* Two options of one command with the same letter would hide one of them. */
static void shared_options_have_names_of_their_own(void **state)
{
	(void)state;
	for (const struct tr_opt *a = tr_common_opts; a->name; a++) {
		assert_non_null(a->help);
		assert_int_equal(a->kind == TR_OPT_FLAG, a->value == NULL);
		assert_int_not_equal(a->group, 0);
		for (const struct tr_opt *b = a + 1; b->name; b++) {
			assert_string_not_equal(a->name, b->name);
			assert_true(!a->short_name || a->short_name != b->short_name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_write_a_value_is_the_same),
		cmocka_unit_test(options_and_arguments_come_in_any_order),
		cmocka_unit_test(what_may_be_given_again_is_kept_in_order),
		cmocka_unit_test(what_is_given_too_often_is_refused),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(one_dash_is_an_argument),
		cmocka_unit_test(the_first_argument_can_end_it),
		cmocka_unit_test(values_are_read_by_their_kind),
		cmocka_unit_test(the_last_value_counts),
		cmocka_unit_test(a_shared_option_counts_where_its_group_is_asked_for),
		cmocka_unit_test(every_slip_is_told_with_what_to_type),
		cmocka_unit_test(shared_options_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
