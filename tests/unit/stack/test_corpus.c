/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzzing corpus says of each file what becomes of it; the examples and the demo's are sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "stack/stack.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static void check_file(const char *dir, const char *name, int expected)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };
	char path[1024];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = tr_stack_load(path, &stack, &err);
	if (r != expected)
		fail_msg("%s: %d, not %d: %s", path, r, expected, err.msg);
}

/* How many files of a folder start and end so; each is loaded. */
static size_t check_files(const char *dir, const char *start, int expected)
{
	DIR *entries = opendir(dir);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(entries);
	while ((entry = readdir(entries))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".yaml") != 0 ||
			strncmp(entry->d_name, start, strlen(start)) != 0)
			continue;
		check_file(dir, entry->d_name, expected);
		n++;
	}
	closedir(entries);
	return n;
}

static void sound_files_are_read(void **state)
{
	(void)state;
	assert_true(check_files(STACK_CORPUS, "valid-", 0) >= 20);
}

static void broken_files_are_refused(void **state)
{
	(void)state;
	assert_true(check_files(STACK_CORPUS, "broken-", -TR_E_INVALID) >= 60);
}

static void the_examples_and_the_demo_are_sound(void **state)
{
	(void)state;
	assert_int_equal(check_files(STACK_DEMO, "tranche", 0), 1);
	assert_true(check_files(STACK_EXAMPLES, "", 0) > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_files_are_read),
		cmocka_unit_test(broken_files_are_refused),
		cmocka_unit_test(the_examples_and_the_demo_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
