/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/redraw.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#define HOME		"\033[H"
#define CLEAR_LINE_REST "\033[K"
#define CLEAR_BELOW	"\033[J"

/* How many bytes of the line fit into so many columns; a character of UTF-8 takes one. */
static size_t fitting(const char *line, size_t len, size_t columns)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		bool begins = ((unsigned char)line[i] & 0xc0) != 0x80;

		if (begins && used++ == columns)
			return i;
	}
	return len;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

void tr_smi__redraw(FILE *terminal, const char *text)
{
	struct winsize size = { 0 };
	size_t lines = count_lines(text), rows, columns;

	if (ioctl(fileno(terminal), TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	rows = size.ws_row;
	columns = size.ws_col;
	fputs(HOME, terminal);
	for (size_t row = 1; *text; row++) {
		size_t len = strcspn(text, "\n");

		if (row == rows && lines >= rows) {
			fprintf(terminal, "... %zu lines more" CLEAR_LINE_REST, lines - rows + 1);
			break;
		}
		fwrite(text, 1, fitting(text, len, columns), terminal);
		fputs(CLEAR_LINE_REST "\n", terminal);
		text += len + (text[len] == '\n');
	}
	fputs(CLEAR_BELOW, terminal);
}
