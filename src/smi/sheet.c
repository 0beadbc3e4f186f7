/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/sheet.h"

/* Values of -q begin in this column; those of a process, in an older, narrower layout. */
enum { VALUE_COLUMN = 55, INDENT = 4 };

void tr_smi__put_escaped(FILE *out, enum tr_smi_style style, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (style == TR_SMI_JSON && (c == '"' || c == '\\'))
			fprintf(out, "\\%c", c);
		else if (style == TR_SMI_JSON && c < ' ')
			fprintf(out, "\\u%04x", c);
		else if (style == TR_SMI_XML && c == '&')
			fputs("&amp;", out);
		else if (style == TR_SMI_XML && c == '<')
			fputs("&lt;", out);
		else if (style == TR_SMI_XML && c == '>')
			fputs("&gt;", out);
		else
			fputc(c, out);
	}
}

static void tabs(FILE *out, unsigned n)
{
	while (n--)
		fputc('\t', out);
}

/* The separator, the indent and the key of what comes next in JSON. */
static void begin_json(struct tr_smi_sheet *sheet, const char *tag)
{
	bool in_list = false, *has_any = &sheet->has_any;
	unsigned shown = 0;

	for (unsigned d = sheet->depth; d-- > 0;) {
		if (!sheet->open[d].tag)
			continue;
		if (shown++ == 0) {
			in_list = sheet->open[d].is_list;
			has_any = &sheet->open[d].has_any;
		}
	}
	fputs(*has_any ? ",\n" : "\n", sheet->out);
	*has_any = true;
	for (unsigned i = 0; i <= shown; i++)
		fputs("  ", sheet->out);
	if (!in_list && *tag)
		fprintf(sheet->out, "\"%s\": ", tag);
}

static void close_to(struct tr_smi_sheet *sheet, unsigned depth)
{
	while (sheet->depth > depth) {
		unsigned d = --sheet->depth;
		const char *tag = sheet->open[d].tag;

		if (!tag)
			continue;
		if (sheet->style == TR_SMI_XML) {
			tabs(sheet->out, d + 1);
			fprintf(sheet->out, "</%s>\n", tag);
		} else if (sheet->style == TR_SMI_JSON) {
			if (sheet->open[d].has_any) {
				fputs("\n  ", sheet->out);
				for (unsigned i = 0; i < d; i++)
					if (sheet->open[i].tag)
						fputs("  ", sheet->out);
			}
			fputc(sheet->open[d].is_list ? ']' : '}', sheet->out);
		}
	}
}

void tr_smi__sheet_close(struct tr_smi_sheet *sheet, unsigned depth)
{
	close_to(sheet, depth + sheet->shift);
}

static void open_one(struct tr_smi_sheet *sheet, unsigned depth, const char *tag, bool is_list)
{
	/* A level that this style does not show still counts. */
	while (sheet->depth < depth) {
		sheet->open[sheet->depth].tag = NULL;
		sheet->depth++;
	}
	sheet->open[depth].tag = tag;
	sheet->open[depth].is_list = is_list;
	sheet->open[depth].has_any = false;
	sheet->depth = depth + 1;
}

static void group(
	struct tr_smi_sheet *sheet, unsigned depth, const char *text, const char *xml, bool is_list)
{
	depth += sheet->shift;
	if (depth >= TR_SMI_DEPTH)
		return;
	close_to(sheet, depth);
	if (sheet->style == TR_SMI_TEXT) {
		if (text)
			fprintf(sheet->out, "%*s%s\n", (int)depth * INDENT, "", text);
		return;
	}
	if (!xml)
		return;
	if (sheet->style == TR_SMI_XML) {
		tabs(sheet->out, depth + 1);
		fprintf(sheet->out, "<%s>\n", xml);
	} else {
		begin_json(sheet, xml);
		fputc(is_list ? '[' : '{', sheet->out);
	}
	open_one(sheet, depth, xml, is_list);
}

void tr_smi__sheet_group(
	struct tr_smi_sheet *sheet, unsigned depth, const char *text, const char *xml)
{
	group(sheet, depth, text, xml, false);
}

void tr_smi__sheet_list(
	struct tr_smi_sheet *sheet, unsigned depth, const char *text, const char *xml)
{
	group(sheet, depth, text, xml, true);
}

void tr_smi__sheet_field(struct tr_smi_sheet *sheet, unsigned depth, const char *text,
	const char *xml, const char *value, const char *missing)
{
	const char *shown = value ? value : missing;

	depth += sheet->shift;
	if (depth >= TR_SMI_DEPTH)
		return;
	close_to(sheet, depth);
	if (sheet->style == TR_SMI_TEXT) {
		int indent = (int)depth * INDENT;

		if (text)
			fprintf(sheet->out, "%*s%-*s: %s\n", indent, "", VALUE_COLUMN - indent,
				text, shown);
		return;
	}
	if (!xml)
		return;
	if (sheet->style == TR_SMI_XML) {
		tabs(sheet->out, depth + 1);
		fprintf(sheet->out, "<%s>", xml);
		tr_smi__put_escaped(sheet->out, sheet->style, shown);
		fprintf(sheet->out, "</%s>\n", xml);
	} else if (value) {
		begin_json(sheet, xml);
		fputc('"', sheet->out);
		tr_smi__put_escaped(sheet->out, sheet->style, value);
		fputc('"', sheet->out);
	}
}
