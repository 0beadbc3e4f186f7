/* SPDX-License-Identifier: Apache-2.0 */
/* A table is drawn over the one before, and fits the terminal. */
#include "smi/redraw.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROOM = 4096 };

/* What a terminal of that size is sent; `got` has ROOM bytes. */
static void draw(unsigned short rows, unsigned short columns, const char *text, char *got)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	size_t n = 0;
	ssize_t more;
	FILE *terminal;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	terminal = fdopen(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC), "r+");
	assert_non_null(terminal);
	assert_int_equal(ioctl(fileno(terminal), TIOCSWINSZ, &size), 0);
	tr_smi__redraw(terminal, text);
	/* What is sent comes in pieces: read up to its end. */
	fputc('\0', terminal);
	fflush(terminal);
	do {
		more = read(master, got + n, ROOM - n);
		assert_true(more > 0);
		n += (size_t)more;
	} while (got[n - 1] != '\0');
	fclose(terminal);
	close(master);
}

static void draws_from_the_first_line_and_wipes_only_what_is_left_over(void **state)
{
	char got[ROOM];

	(void)state;
	draw(10, 20, "one\ntwo\n", got);
	assert_string_equal(got, "\033[Hone\033[K\r\ntwo\033[K\r\n\033[J");
}

static void cuts_lines_at_the_right_edge_between_characters(void **state)
{
	char got[ROOM];

	(void)state;
	draw(10, 4, "abcdef\nab\xc3\xa9\xc3\xa9g\n", got);
	assert_string_equal(got, "\033[Habcd\033[K\r\nab\xc3\xa9\xc3\xa9\033[K\r\n\033[J");
}

static void counts_the_lines_that_do_not_fit_below(void **state)
{
	char got[ROOM];

	(void)state;
	draw(3, 20, "1\n2\n3\n4\n", got);
	assert_string_equal(got, "\033[H1\033[K\r\n2\033[K\r\n... 2 lines more\033[K\033[J");
	/* The last line feed would scroll: as many lines as rows are one too many. */
	draw(3, 20, "1\n2\n3\n", got);
	assert_string_equal(got, "\033[H1\033[K\r\n2\033[K\r\n... 1 lines more\033[K\033[J");
	draw(3, 20, "1\n2\n", got);
	assert_string_equal(got, "\033[H1\033[K\r\n2\033[K\r\n\033[J");
}

static void takes_80_by_24_where_there_is_no_size(void **state)
{
	char text[102];
	FILE *out = tmpfile();

	(void)state;
	memset(text, 'x', 100);
	memcpy(text + 100, "\n", 2);
	assert_non_null(out);
	tr_smi__redraw(out, text);
	assert_int_equal(ftell(out), 3 + 80 + 3 + 1 + 3);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_from_the_first_line_and_wipes_only_what_is_left_over),
		cmocka_unit_test(cuts_lines_at_the_right_edge_between_characters),
		cmocka_unit_test(counts_the_lines_that_do_not_fit_below),
		cmocka_unit_test(takes_80_by_24_where_there_is_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
