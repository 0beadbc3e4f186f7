/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct tr_err err;

static int forget_environment(void **state)
{
	static const char *const names[] = { "TRANCHE_RUN_DIR", "TRANCHE_STATE_DIR",
		"TRANCHE_LIBEXEC_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME" };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(names); i++)
		unsetenv(names[i]);
	return 0;
}

static void variables_win(void **state)
{
	char path[PATH_MAX];

	(void)state;
	setenv("TRANCHE_RUN_DIR", "/a/run", 1);
	setenv("TRANCHE_STATE_DIR", "/a/state", 1);
	assert_int_equal(tr_run_dir(path, &err), 0);
	assert_string_equal(path, "/a/run");
	assert_int_equal(tr_state_dir(path, &err), 0);
	assert_string_equal(path, "/a/state");
	setenv("TRANCHE_RUN_DIR", "relative", 1);
	setenv("TRANCHE_STATE_DIR", "./x", 1);
	assert_int_equal(tr_run_dir(path, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "TRANCHE_RUN_DIR"));
	assert_int_equal(tr_state_dir(path, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "TRANCHE_STATE_DIR"));
}

/* What a user without root gets, tried in a child that is one: 0, or the number of what failed. */
static int as_user(void)
{
	struct tr_err child;
	char path[PATH_MAX];

	if (setresuid(4711, 4711, 4711) < 0)
		return 77;
	if (tr_run_dir(path, &child) < 0 || strcmp(path, "/tmp/tranche-4711") != 0)
		return 1;
	if (tr_state_dir(path, &child) != -TR_E_INVALID)
		return 2;
	setenv("HOME", "/home/x", 1);
	if (tr_state_dir(path, &child) < 0 || strcmp(path, "/home/x/.local/state/tranche") != 0)
		return 3;
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/4711", 1);
	if (tr_state_dir(path, &child) < 0 || strcmp(path, "/xdg/tranche") != 0)
		return 4;
	if (tr_run_dir(path, &child) < 0 || strcmp(path, "/run/user/4711/tranche") != 0)
		return 5;
	return 0;
}

static void root_and_users_have_their_places(void **state)
{
	char path[PATH_MAX];
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() == 0) {
		setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
		assert_int_equal(tr_run_dir(path, &err), 0);
		assert_string_equal(path, "/run/tranche");
		assert_int_equal(tr_state_dir(path, &err), 0);
		assert_string_equal(path, "/var/lib/tranche");
		unsetenv("XDG_RUNTIME_DIR");
	}
	pid = fork();
	if (pid == 0)
		_exit(as_user());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void join_fits_or_says_so(void **state)
{
	char path[PATH_MAX], longest[PATH_MAX];

	(void)state;
	assert_int_equal(tr_path_join("/a", "b/c", path, &err), 0);
	assert_string_equal(path, "/a/b/c");
	assert_int_equal(tr_path_join(path, "d", path, &err), 0);
	assert_string_equal(path, "/a/b/c/d");
	assert_int_equal(tr_path_join("/a", "", path, &err), 0);
	assert_string_equal(path, "/a");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[PATH_MAX - 3] = '\0';
	assert_int_equal(tr_path_join(longest, "y", path, &err), 0);
	assert_int_equal(strlen(path), PATH_MAX - 1);
	assert_int_equal(tr_path_join(longest, "yz", path, &err), -TR_E_INVALID);
}

static void parts_are_found_where_they_are_named(void **state)
{
	char room[] = "/tmp/tranche-test-XXXXXX", part[64], path[PATH_MAX];

	(void)state;
	assert_non_null(mkdtemp(room));
	setenv("TRANCHE_LIBEXEC_DIR", room, 1);
	assert_int_equal(tr_part_find("tranche-shim", path, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, room));
	snprintf(part, sizeof(part), "%s/tranche-shim", room);
	assert_int_equal(tr_write_file(part, 0755, "", 0, &err), 0);
	assert_int_equal(tr_part_find("tranche-shim", path, &err), 0);
	assert_string_equal(path, part);
	unsetenv("TRANCHE_LIBEXEC_DIR");
	assert_int_equal(tr_part_find("no-such-part", path, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "libexec/tranche"));
	assert_true(strlen(err.hint) > 0);
	assert_int_equal(tr_rm_tree(room, &err), 0);
}

int main(void)
{
#define CLEAN(test) cmocka_unit_test_setup(test, forget_environment)
	const struct CMUnitTest tests[] = {
		CLEAN(variables_win),
		CLEAN(root_and_users_have_their_places),
		CLEAN(join_fits_or_says_so),
		CLEAN(parts_are_found_where_they_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
