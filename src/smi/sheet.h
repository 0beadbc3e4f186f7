/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One report, as -q's text, as XML or as JSON, told line by line. Depths nest: a line of depth d
 * closes whatever was opened at d or deeper.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum tr_smi_style { TR_SMI_TEXT, TR_SMI_XML, TR_SMI_JSON, TR_SMI_CSV };

enum { TR_SMI_DEPTH = 8 };

struct tr_smi_sheet {
	FILE *out;
	enum tr_smi_style style;
	unsigned shift; /* added to every depth */
	unsigned depth; /* of what is open */
	bool has_any;	/* JSON: something stands in the outermost object */
	struct {
		const char *tag; /* NULL: not shown in this style */
		bool is_list, has_any;
	} open[TR_SMI_DEPTH];
};

/* Each `text` or `xml` that is NULL leaves the line out of the style that would show it. */
void tr_smi__sheet_group(
	struct tr_smi_sheet *sheet, unsigned depth, const char *text, const char *xml);
/* What repeats: its groups or fields stand in an array in JSON. */
void tr_smi__sheet_list(
	struct tr_smi_sheet *sheet, unsigned depth, const char *text, const char *xml);
/* `value` NULL is unknown: `missing` says how that is shown, and JSON leaves it out. */
void tr_smi__sheet_field(struct tr_smi_sheet *sheet, unsigned depth, const char *text,
	const char *xml, const char *value, const char *missing);
/* Closes everything at this depth and deeper. */
void tr_smi__sheet_close(struct tr_smi_sheet *sheet, unsigned depth);
/* Text with what JSON or XML would take for its own made harmless. */
void tr_smi__put_escaped(FILE *out, enum tr_smi_style style, const char *text);
