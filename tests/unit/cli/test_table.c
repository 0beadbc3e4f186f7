/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "cli/table.h"

#include <string.h>

static const struct tr_col cols[] = {
	{ .head = "GPU", .is_right = true },
	{ .head = "NAME", .least = 6 },
	{ .head = "UUID", .least = 12, .is_prefix = true },
	{ .head = "PCI", .leave_at = 2 },
	{ .head = "AGE", .is_right = true, .leave_at = 1 },
};

static void add_row(struct tr_table *table, unsigned gpu, const char *name, const char *uuid)
{
	tr_table_addf(table, "%u", gpu);
	tr_table_add(table, name);
	tr_table_add(table, uuid);
	tr_table_add(table, "0000:07:00.0");
	tr_table_add(table, "5s");
}

static char *print(const struct tr_table *table, struct tr_term term)
{
	struct tr_err err = { 0 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(tr_table_print(table, out, term, &err), 0);
	fclose(out);
	return text;
}

static char *print_cards(struct tr_term term)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	add_row(&table, 0, "A100-SXM4-80GB", "MIG-8443519f-66f7-5962-8955-60dba0866f3a");
	add_row(&table, 11, NULL, "MIG-00000000-66f7-5962-8955-60dba0866f3a");
	return print(&table, term);
}

static void nothing_is_cut_where_there_is_no_terminal(void **state)
{
	TR_AUTO_FREE char *text = print_cards((struct tr_term){ 0 });

	(void)state;
	assert_string_equal(text,
		"GPU  NAME            UUID                                      PCI           AGE\n"
		"  0  A100-SXM4-80GB  MIG-8443519f-66f7-5962-8955-60dba0866f3a  0000:07:00.0   5s\n"
		" 11  -               MIG-00000000-66f7-5962-8955-60dba0866f3a  0000:07:00.0   "
		"5s\n");
}

static void a_uuid_shrinks_to_the_beginning_that_names_it(void **state)
{
	TR_AUTO_FREE char *text = print_cards((struct tr_term){ .width = 80 });

	(void)state;
	assert_string_equal(text,
		"GPU  NAME            UUID                                      PCI           AGE\n"
		"  0  A100-SXM4-80GB  MIG-8443519f-66f7-5962-8955-60dba0866f3a  0000:07:00.0   5s\n"
		" 11  -               MIG-00000000-66f7-5962-8955-60dba0866f3a  0000:07:00.0   "
		"5s\n");
	free(text);
	text = print_cards((struct tr_term){ .width = 78 });
	assert_string_equal(text, "GPU  NAME            UUID          PCI           AGE\n"
				  "  0  A100-SXM4-80GB  MIG-8443519f  0000:07:00.0   5s\n"
				  " 11  -               MIG-00000000  0000:07:00.0   5s\n");
}

static void a_name_shrinks_and_says_so(void **state)
{
	TR_AUTO_FREE char *text = print_cards((struct tr_term){ .width = 46 });

	(void)state;
	assert_string_equal(text, "GPU  NAME      UUID          PCI           AGE\n"
				  "  0  A100-S..  MIG-8443519f  0000:07:00.0   5s\n"
				  " 11  -         MIG-00000000  0000:07:00.0   5s\n");
}

/* What was shrunk in vain gets its room back once a column is left out. */
static void the_least_needed_column_is_left_out_first(void **state)
{
	TR_AUTO_FREE char *text = print_cards((struct tr_term){ .width = 40 });

	(void)state;
	assert_string_equal(text, "GPU  NAME            UUID          AGE\n"
				  "  0  A100-SXM4-80GB  MIG-8443519f   5s\n"
				  " 11  -               MIG-00000000   5s\n");
}

static void no_line_is_longer_than_the_terminal(void **state)
{
	(void)state;
	for (size_t width = 1; width < 100; width++) {
		TR_AUTO_FREE char *text = print_cards((struct tr_term){ .width = width });
		size_t n_lines = 0;

		for (const char *line = text; *line; n_lines++) {
			size_t len = strcspn(line, "\n");

			assert_true(len <= width);
			assert_true(len == 0 || line[len - 1] != ' ');
			line += len + 1;
		}
		assert_int_equal(n_lines, 3);
	}
}

static void colour_takes_no_room(void **state)
{
	static const struct tr_col two[] = { { .head = "STATE" }, { .head = "PORT" } };
	TR_AUTO_TABLE table = { .cols = two, .n_cols = 2 };
	TR_AUTO_FREE char *text = NULL;

	(void)state;
	tr_table_add_styled(&table, TR_STYLE_GOOD, "ready");
	tr_table_add(&table, "80");
	tr_table_add_styled(&table, TR_STYLE_BAD, "exited");
	tr_table_add(&table, "81");
	text = print(&table, (struct tr_term){ .width = 80, .colour = true });
	assert_string_equal(text, "\033[1mSTATE\033[0m   \033[1mPORT\033[0m\n"
				  "\033[32mready\033[0m   80\n"
				  "\033[31mexited\033[0m  81\n");
}

static void a_cell_cannot_steer_the_terminal(void **state)
{
	static const struct tr_col one[] = { { .head = "COMMAND" } };
	TR_AUTO_TABLE table = { .cols = one, .n_cols = 1 };
	TR_AUTO_FREE char *text = NULL;

	(void)state;
	tr_table_add(&table, "a\033[2Jb\nc\tg\xc3\xa4");
	text = print(&table, (struct tr_term){ 0 });
	assert_string_equal(text, "COMMAND\na?[2Jb?c?g??\n");
}

static void no_memory_is_told(void **state)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols), .failed = true };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(
		tr_table_print(&table, stdout, (struct tr_term){ 0 }, &err), -TR_E_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_cut_where_there_is_no_terminal),
		cmocka_unit_test(a_uuid_shrinks_to_the_beginning_that_names_it),
		cmocka_unit_test(a_name_shrinks_and_says_so),
		cmocka_unit_test(the_least_needed_column_is_left_out_first),
		cmocka_unit_test(no_line_is_longer_than_the_terminal),
		cmocka_unit_test(colour_takes_no_room),
		cmocka_unit_test(a_cell_cannot_steer_the_terminal),
		cmocka_unit_test(no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
