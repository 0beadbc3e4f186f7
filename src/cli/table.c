/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

enum { GAP = 2, MAX_COLS = 16 };

struct shape {
	size_t width[MAX_COLS];
	bool is_out[MAX_COLS];
};

void tr_table_done(struct tr_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct tr_table){ 0 };
}

static void plain_ascii(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* Takes `text`, which may be NULL when memory is out. */
static void add_cell(struct tr_table *table, enum tr_style style, char *text)
{
	if (text && table->n_cells == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 64;
		struct tr_cell *grown = reallocarray(table->cells, cap, sizeof(*grown));

		if (!grown) {
			free(text);
			text = NULL;
		} else {
			table->cells = grown;
			table->cap = cap;
		}
	}
	if (!text) {
		table->failed = true;
		return;
	}
	plain_ascii(text);
	table->cells[table->n_cells++] = (struct tr_cell){ text, style };
}

void tr_table_add_styled(struct tr_table *table, enum tr_style style, const char *text)
{
	add_cell(table, style, strdup(text && *text ? text : "-"));
}

void tr_table_add(struct tr_table *table, const char *text)
{
	tr_table_add_styled(table, TR_STYLE_NONE, text);
}

void tr_table_addf(struct tr_table *table, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	add_cell(table, TR_STYLE_NONE, text);
}

static size_t total_width(const struct tr_table *table, const struct shape *shape)
{
	size_t total = 0;

	for (size_t c = 0; c < table->n_cols; c++)
		if (!shape->is_out[c])
			total += shape->width[c] + (total ? GAP : 0);
	return total;
}

/* Takes what is too much from the widest column that may still shrink, letter by letter. */
static bool shrink_one(const struct tr_table *table, struct shape *shape)
{
	size_t widest = MAX_COLS;

	for (size_t c = 0; c < table->n_cols; c++) {
		if (shape->is_out[c] || !table->cols[c].least ||
			shape->width[c] <= table->cols[c].least)
			continue;
		if (widest == MAX_COLS || shape->width[c] > shape->width[widest])
			widest = c;
	}
	if (widest == MAX_COLS)
		return false;
	/* A name cut to its beginning is cut to the usual length at once: half a UUID is no use. */
	if (table->cols[widest].is_prefix)
		shape->width[widest] = table->cols[widest].least;
	else
		shape->width[widest]--;
	return true;
}

static bool leave_one_out(const struct tr_table *table, struct shape *shape)
{
	size_t out = MAX_COLS;

	for (size_t c = 0; c < table->n_cols; c++)
		if (!shape->is_out[c] && table->cols[c].leave_at &&
			(out == MAX_COLS || table->cols[c].leave_at > table->cols[out].leave_at))
			out = c;
	if (out == MAX_COLS)
		return false;
	shape->is_out[out] = true;
	return true;
}

static void natural_widths(const struct tr_table *table, struct shape *shape)
{
	for (size_t c = 0; c < table->n_cols; c++)
		shape->width[c] = strlen(table->cols[c].head);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t len = strlen(table->cells[i].text), c = i % table->n_cols;

		if (len > shape->width[c])
			shape->width[c] = len;
	}
}

static void fit(const struct tr_table *table, size_t width, struct shape *shape)
{
	do {
		natural_widths(table, shape);
		while (width && total_width(table, shape) > width)
			if (!shrink_one(table, shape))
				break;
	} while (width && total_width(table, shape) > width && leave_one_out(table, shape));
}

/* One cell, cut or filled up to its column. */
static void put_cell(struct tr_buf *line, const struct tr_col *col, size_t width, const char *text)
{
	size_t len = strlen(text);

	if (len > width && !col->is_prefix && width > 4)
		tr_buf_addf(line, "%.*s..", (int)width - 2, text);
	else if (len > width)
		tr_buf_addf(line, "%.*s", (int)width, text);
	else if (col->is_right)
		tr_buf_addf(line, "%*s", (int)width, text);
	else
		tr_buf_addf(line, "%-*s", (int)width, text);
}

static void print_row(const struct tr_table *table, const struct shape *shape,
	const struct tr_cell *cells, FILE *out, struct tr_term term)
{
	size_t used = 0, gap = 0;

	for (size_t c = 0; c < table->n_cols; c++) {
		enum tr_style style = cells ? cells[c].style : TR_STYLE_HEAD;
		TR_AUTO_BUF cell = { 0 };
		size_t len;

		if (shape->is_out[c])
			continue;
		put_cell(&cell, &table->cols[c], shape->width[c],
			cells ? cells[c].text : table->cols[c].head);
		len = strlen(tr_buf_str(&cell));
		if (term.width && used + gap + len > term.width)
			len = term.width > used + gap ? term.width - used - gap : 0;
		while (len && cell.s[len - 1] == ' ')
			len--;
		if (!len) {
			gap += shape->width[c] + GAP;
			continue;
		}
		fprintf(out, "%*s%s%.*s%s", (int)gap, "", tr_style_begin(term, style), (int)len,
			cell.s, tr_style_end(term, style));
		used += gap + len;
		gap = shape->width[c] - len + GAP;
	}
	fputc('\n', out);
}

int tr_table_print(const struct tr_table *table, FILE *out, struct tr_term term, struct tr_err *err)
{
	struct shape shape = { 0 };

	if (table->failed)
		return tr_fail(err, TR_E_NO_MEMORY, "print a table: out of memory");
	assert(table->n_cols <= MAX_COLS && table->n_cells % table->n_cols == 0);
	fit(table, term.width, &shape);
	print_row(table, &shape, NULL, out, term);
	for (size_t i = 0; i < table->n_cells; i += table->n_cols)
		print_row(table, &shape, table->cells + i, out, term);
	return 0;
}
