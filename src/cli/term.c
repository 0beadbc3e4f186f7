/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80, LEAST_WIDTH = 20 };

static size_t width_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long asked = 0;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		asked = size.ws_col;
	else if (columns)
		asked = strtol(columns, NULL, 10);
	if (asked <= 0)
		return USUAL_WIDTH;
	return asked < LEAST_WIDTH ? LEAST_WIDTH : (size_t)asked;
}

struct tr_term tr_term_of(FILE *stream)
{
	const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
	struct tr_term term = { 0 };
	int fd = fileno(stream);

	if (fd < 0 || !isatty(fd))
		return term;
	term.width = width_of(fd);
	term.colour = !(no_colour && *no_colour) && kind && strcmp(kind, "dumb") != 0;
	return term;
}

void tr_term_wrap(FILE *out, struct tr_term term, size_t column, size_t indent, const char *text)
{
	const char *end = text + strcspn(text, "\n");

	if (!term.width)
		end = text;
	while (text < end) {
		size_t blanks = strspn(text, " "), len = strcspn(text + blanks, " \n");

		/* A word that is too long for any line stays in one piece, to be copied. */
		if (column + blanks + len > term.width && column > indent) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			blanks = strspn(text, " ");
			text += blanks;
			blanks = 0;
		}
		fwrite(text, 1, blanks + len, out);
		column += blanks + len;
		text += blanks + len;
	}
	fputs(text, out);
}

const char *tr_style_begin(struct tr_term term, enum tr_style style)
{
	static const char *const codes[] = {
		[TR_STYLE_NONE] = "",
		[TR_STYLE_GOOD] = "\033[32m",
		[TR_STYLE_WAIT] = "\033[33m",
		[TR_STYLE_BAD] = "\033[31m",
		[TR_STYLE_DIM] = "\033[2m",
		[TR_STYLE_HEAD] = "\033[1m",
	};

	return term.colour ? codes[style] : "";
}

const char *tr_style_end(struct tr_term term, enum tr_style style)
{
	return term.colour && style != TR_STYLE_NONE ? "\033[0m" : "";
}
