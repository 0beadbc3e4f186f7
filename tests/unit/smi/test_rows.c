/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every row of data/smi_fields.def. */
#include "smi/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool is_card_row(const struct tr_smi_row *row)
{
	return row->kind != TR_SMI_ROW_ALSO && row->where;
}

static void every_name_is_one_column(void **state)
{
	(void)state;
	for (size_t i = 0; i < tr_smi__n_rows; i++)
		for (size_t k = 0; tr_smi__rows[i].csv && k < i; k++)
			if (tr_smi__rows[k].csv)
				assert_string_not_equal(tr_smi__rows[i].csv, tr_smi__rows[k].csv);
}

static void every_second_name_means_a_column(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < tr_smi__n_rows; i++) {
		const struct tr_smi_row *row = &tr_smi__rows[i], *meant;

		if (row->kind != TR_SMI_ROW_ALSO)
			continue;
		meant = tr_smi__find_column(row->csv, strlen(row->csv));
		assert_non_null(meant);
		assert_string_equal(meant->csv, row->text);
		n++;
	}
	assert_true(n > 40);
}

static void a_name_is_found_whole_only(void **state)
{
	(void)state;
	assert_non_null(tr_smi__find_column("name,uuid", 4));
	assert_null(tr_smi__find_column("name", 3));
	assert_null(tr_smi__find_column("Name", 4));
	assert_null(tr_smi__find_column("", 0));
}

/* A row lies in the group before it, in each report that shows it. */
static void no_row_lies_deeper_than_its_group(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < TR_SMI_SECTIONS + TR_SMI_SECTION_COUNT; bit++) {
		unsigned open = 0;

		for (size_t i = 0; i < tr_smi__n_rows; i++) {
			const struct tr_smi_row *row = &tr_smi__rows[i];
			bool is_group =
				row->kind == TR_SMI_ROW_GROUP || row->kind == TR_SMI_ROW_OPENS;

			if (!is_card_row(row) || !(row->where >> bit & 1))
				continue;
			assert_in_range(row->depth, 1, TR_SMI_DEPTH - 2);
			/* "HW Thermal Slowdown" lies below a field. */
			assert_true(row->depth <= open + 1 + (row->kind == TR_SMI_ROW_FIELD));
			open = is_group ? row->depth : row->depth - 1;
		}
	}
}

static void what_a_row_shows_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < tr_smi__n_rows; i++) {
		const struct tr_smi_row *row = &tr_smi__rows[i];

		assert_true(row->text || row->xml || row->csv);
		if (row->where & TR_SMI_Q && row->kind != TR_SMI_ROW_BLOCK)
			assert_non_null(row->text);
		if (row->where & TR_SMI_X)
			assert_non_null(row->xml);
		if (row->kind == TR_SMI_ROW_FIELD)
			assert_non_null(row->format);
		assert_int_equal(row->kind == TR_SMI_ROW_BLOCK, row->block != NULL);
		assert_int_equal(row->kind == TR_SMI_ROW_SAYS, row->word != NULL);
		/* The part lies inside of an answer. */
		assert_true(row->at + row->size <= sizeof(union tr_smi_answer));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_one_column),
		cmocka_unit_test(every_second_name_means_a_column),
		cmocka_unit_test(a_name_is_found_whole_only),
		cmocka_unit_test(no_row_lies_deeper_than_its_group),
		cmocka_unit_test(what_a_row_shows_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
