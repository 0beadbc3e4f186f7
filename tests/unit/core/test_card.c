/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a card can be sliced, and why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/own.h"
#include "core/card.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *product; /* NULL: one that the facts do not know */
	bool has_mig_mode, can;
	const char *why;
} rows[] = {
	{ "a100-sxm4-80gb", true, true, NULL },
	{ NULL, true, true, NULL },
	{ "a100-sxm4-80gb", false, false, "R450 or newer is needed" },
	{ "h100-pcie-80gb", false, false, "R525 or newer is needed" },
	{ "rtx-pro-6000-server", false, false, "R570 or newer is needed" },
	{ "geforce-rtx-4090", false, false, "'a card' has no MIG; among those that have: A100" },
	{ NULL, false, false, "'a card' has no MIG; among those that have: A100" },
};

static void a_card_is_sliced_or_says_why_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		struct tr_card card = { .name = "a card", .has_mig_mode = rows[i].has_mig_mode };
		char why[256] = "";

		if (rows[i].product)
			card.product = tr_facts_product(rows[i].product);
		assert_int_equal(tr_card_can_slice(&card, why), rows[i].can);
		if (rows[i].why && !strstr(why, rows[i].why))
			fail_msg("row %zu: '%s' does not say '%s'", i, why, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_card_is_sliced_or_says_why_not) };

	return cmocka_run_group_tests_name("core card", tests, NULL, NULL);
}
