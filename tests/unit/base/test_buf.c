/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

#include <string.h>

static void empty_buffer_is_empty_text(void **state)
{
	TR_AUTO_BUF buf = { 0 };
	struct tr_err err = { 0 };
	char *text;

	(void)state;
	assert_string_equal(tr_buf_str(&buf), "");
	assert_int_equal(tr_buf_ok(&buf, &err), 0);
	tr_buf_clear(&buf);
	text = tr_buf_take(&buf);
	assert_string_equal(text, "");
	free(text);
}

static void text_grows_and_stays_terminated(void **state)
{
	TR_AUTO_BUF buf = { 0 };
	char *text;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		tr_buf_addf(&buf, "%d,", i);
		assert_int_equal(strlen(tr_buf_str(&buf)), buf.len);
	}
	tr_buf_add(&buf, "a\0b", 3);
	assert_int_equal(buf.len, 10 * 2 + 90 * 3 + 900 * 4 + 3);
	assert_memory_equal(buf.s + buf.len - 3, "a\0b", 4);
	tr_buf_clear(&buf);
	assert_string_equal(tr_buf_str(&buf), "");
	tr_buf_puts(&buf, "kept");
	text = tr_buf_take(&buf);
	assert_string_equal(text, "kept");
	assert_null(buf.s);
	free(text);
}

static void failure_is_remembered_until_the_end(void **state)
{
	TR_AUTO_BUF buf = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	tr_buf_puts(&buf, "before");
	tr_buf_add(&buf, "", SIZE_MAX / 2); /* more than memory: refused before it is read */
	tr_buf_puts(&buf, "after");
	assert_int_equal(tr_buf_ok(&buf, &err), -TR_E_NO_MEMORY);
	assert_string_equal(tr_buf_str(&buf), "before");
	assert_null(tr_buf_take(&buf));
}

static void vector_is_shaped_for_execve(void **state)
{
	TR_AUTO_STRV strv = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_strv_ok(&strv, &err), 0);
	tr_strv_adds(&strv, "nvidia-smi", "-i", "0", NULL);
	for (int i = 0; i < 100; i++) {
		tr_strv_addf(&strv, "%d", i);
		assert_null(strv.v[strv.n]);
	}
	assert_int_equal(strv.n, 103);
	assert_string_equal(strv.v[2], "0");
	assert_string_equal(strv.v[102], "99");
	assert_int_equal(tr_strv_ok(&strv, &err), 0);
}

static void quoting_is_what_a_shell_reads_back(void **state)
{
	static const struct {
		const char *word, *quoted;
	} rows[] = {
		{ "plain-1.2_3/4:5=6,7@8%9+0", "plain-1.2_3/4:5=6,7@8%9+0" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "$HOME", "'$HOME'" },
		{ "a;b", "'a;b'" },
		{ "\"x\"", "'\"x\"'" },
		{ "~", "'~'" },
		{ "*", "'*'" },
		{ "a\nb", "'a\nb'" },
		{ "#", "'#'" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO_STRV strv = { 0 };
		TR_AUTO_BUF buf = { 0 };

		tr_strv_add(&strv, rows[i].word);
		tr_strv_quote(&strv, &buf);
		assert_string_equal(tr_buf_str(&buf), rows[i].quoted);
	}
	TR_AUTO_STRV strv = { 0 };
	TR_AUTO_BUF buf = { 0 };

	tr_buf_puts(&buf, "$ ");
	tr_strv_adds(&strv, "run", "a b", "c", NULL);
	tr_strv_quote(&strv, &buf);
	assert_string_equal(tr_buf_str(&buf), "$ run 'a b' c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_buffer_is_empty_text),
		cmocka_unit_test(text_grows_and_stays_terminated),
		cmocka_unit_test(failure_is_remembered_until_the_end),
		cmocka_unit_test(vector_is_shaped_for_execve),
		cmocka_unit_test(quoting_is_what_a_shell_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
