/* SPDX-License-Identifier: Apache-2.0 */
/* The man page tells of every key there is, and its examples are sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "stack/engine.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

static char *manual;

static int read_manual(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	return tr_read_file(STACK_MANUAL, 1 << 20, &manual, NULL, &err);
}

static int drop_manual(void **state)
{
	(void)state;
	free(manual);
	return 0;
}

static void check_word(const char *word, size_t len)
{
	char typed[64];

	snprintf(typed, sizeof(typed), "*%.*s*", (int)len, word);
	if (!strstr(manual, typed))
		fail_msg("the man page has no %s", typed);
}

static size_t check_words(const char *list, const char *separators)
{
	size_t n = 0;

	for (; *list; n++) {
		size_t len = strcspn(list, separators);

		check_word(list, len);
		list += len;
		list += strspn(list, separators);
	}
	return n;
}

/* A key that there is not makes the reader name all that there are. */
static void every_key_is_in_the_manual(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} places[] = {
		{ "zz: 1", 5 },
		{ "gateway: {zz: 1}", 1 },
		{ "price: {zz: 1}", 4 },
		{ "models: {m: {zz: 1}}", 12 },
		{ "models: {m: {slice: {zz: 1}}}", 1 },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(places); i++) {
		struct tr_stack *stack = NULL;
		struct tr_err err = { 0 };
		const char *list;

		assert_int_equal(
			tr_stack_parse("f", places[i].text, strlen(places[i].text), &stack, &err),
			-TR_E_INVALID);
		list = strstr(err.msg, "; allowed: ");
		assert_non_null(list);
		assert_int_equal(check_words(list + strlen("; allowed: "), ", "), places[i].n);
	}
}

static void every_engine_and_placeholder_is_in_the_manual(void **state)
{
	TR_AUTO_BUF names = { 0 };
	struct tr_err err = { 0 };
	char *list, *end;

	(void)state;
	tr_engine_names(&names);
	assert_true(check_words(tr_buf_str(&names), ", ") > 0);
	assert_int_equal(tr_engine_check_arg("${zz}", &err), -TR_E_INVALID);
	list = strstr(err.msg, "; allowed: ");
	assert_non_null(list);
	list += strlen("; allowed: ");
	end = strstr(list, ", and ");
	assert_non_null(end);
	*end = '\0';
	assert_int_equal(check_words(list, ", "), 7);
}

static void the_manuals_examples_are_sound(void **state)
{
	const char *at = strstr(manual, "\n# EXAMPLES\n");
	size_t n = 0;

	(void)state;
	assert_non_null(at);
	while ((at = strstr(at, "\n```\n"))) {
		const char *text = at + strlen("\n```\n"), *end = strstr(text, "\n```\n");
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		struct tr_err err = { 0 };

		assert_non_null(end);
		if (tr_stack_parse("example", text, (size_t)(end - text + 1), &stack, &err) != 0)
			fail_msg("%s", err.msg);
		at = end + strlen("\n```");
		n++;
	}
	assert_int_equal(n, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_in_the_manual),
		cmocka_unit_test(every_engine_and_placeholder_is_in_the_manual),
		cmocka_unit_test(the_manuals_examples_are_sound),
	};

	return cmocka_run_group_tests(tests, read_manual, drop_manual);
}
