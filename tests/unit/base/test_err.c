/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#include <errno.h>
#include <string.h>

static void codes_have_name_text_and_statuses(void **state)
{
	(void)state;
	for (int code = 0; code < TR_E_COUNT; code++) {
		assert_true(strlen(tr_code_name((enum tr_code)code)) > 0);
		assert_true(strlen(tr_code_text((enum tr_code)code)) > 0);
		for (int other = 0; other < code; other++) {
			assert_string_not_equal(tr_code_name((enum tr_code)code),
				tr_code_name((enum tr_code)other));
			assert_int_not_equal(tr_code_exit_status((enum tr_code)code),
				tr_code_exit_status((enum tr_code)other));
		}
		/* 1 is an unknown failure's; 126 and 127 are the shell's. */
		assert_int_not_equal(tr_code_exit_status((enum tr_code)code), 1);
		assert_in_range(tr_code_exit_status((enum tr_code)code), 0, 255);
		assert_in_range(tr_code_http_status((enum tr_code)code), 200, 599);
	}
	assert_string_equal(tr_code_name(TR_E_NO_ROOM), "NO_ROOM");
	assert_int_equal(tr_code_exit_status(TR_E_NO_ROOM), 5);
	assert_string_equal(tr_code_text((enum tr_code) - 1), "unknown error");
	assert_string_equal(tr_code_name(TR_E_COUNT), "UNKNOWN");
	assert_int_equal(tr_code_exit_status((enum tr_code)99), 1);
	assert_int_equal(tr_code_http_status((enum tr_code)99), 500);
}

static void wrap_puts_context_first(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_fail(&err, TR_E_NO_ROOM, "GPU %d has no room for '%s'", 0, "1g.10gb"),
		-TR_E_NO_ROOM);
	assert_int_equal(tr_wrap(&err, "start '%s'", "qwen"), -TR_E_NO_ROOM);
	assert_string_equal(err.msg, "start 'qwen': GPU 0 has no room for '1g.10gb'");
	assert_int_equal(err.code, TR_E_NO_ROOM);
}

static void fail_clears_the_hint_and_wrap_keeps_it(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	tr_fail(&err, TR_E_BUSY, "busy");
	assert_int_equal(tr_hint(&err, "type %s", "this"), -TR_E_BUSY);
	tr_wrap(&err, "outer");
	assert_string_equal(err.hint, "type this");
	tr_fail(&err, TR_E_IO, "again");
	assert_string_equal(err.hint, "");
	tr_hint(&err, "x");
	tr_fail_errno(&err, EIO, "once more");
	assert_string_equal(err.hint, "");
}

static void errno_becomes_a_code(void **state)
{
	static const struct {
		int errnum;
		enum tr_code code;
	} rows[] = { { EACCES, TR_E_PERMISSION }, { EPERM, TR_E_PERMISSION },
		{ ENOENT, TR_E_NOT_FOUND }, { ENOMEM, TR_E_NO_MEMORY }, { EIO, TR_E_IO },
		{ EROFS, TR_E_IO } };
	struct tr_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			tr_fail_errno(&err, rows[i].errnum, "read '%s'", "/x"), -(int)rows[i].code);
	tr_fail_errno(&err, ENOENT, "read '%s'", "/x");
	assert_string_equal(err.msg, "read '/x': No such file or directory");
}

static void long_messages_are_cut_and_never_overrun(void **state)
{
	struct {
		struct tr_err err;
		char behind[16];
	} room;
	char longer[4096];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	memset(&room, 0x5a, sizeof(room));
	tr_fail(&room.err, TR_E_IO, "%s", longer);
	assert_int_equal(strlen(room.err.msg), sizeof(room.err.msg) - 1);
	tr_wrap(&room.err, "%s", longer);
	assert_int_equal(strlen(room.err.msg), sizeof(room.err.msg) - 1);
	tr_wrap(&room.err, "ctx");
	assert_int_equal(strncmp(room.err.msg, "ctx: xxx", 8), 0);
	assert_int_equal(strlen(room.err.msg), sizeof(room.err.msg) - 1);
	tr_fail_errno(&room.err, ENOENT, "%s", longer);
	assert_int_equal(strlen(room.err.msg), sizeof(room.err.msg) - 1);
	tr_hint(&room.err, "%s", longer);
	assert_int_equal(strlen(room.err.hint), sizeof(room.err.hint) - 1);
	for (size_t i = 0; i < sizeof(room.behind); i++)
		assert_int_equal(room.behind[i], 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_have_name_text_and_statuses),
		cmocka_unit_test(wrap_puts_context_first),
		cmocka_unit_test(fail_clears_the_hint_and_wrap_keeps_it),
		cmocka_unit_test(errno_becomes_a_code),
		cmocka_unit_test(long_messages_are_cut_and_never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
