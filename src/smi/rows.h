/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of data/smi_fields.def, and what a row's value is.
 */
#pragma once

#include "smi/format.h"

/* Where a row stands. */
enum {
	TR_SMI_Q = 1u << 0,  /* plain -q */
	TR_SMI_X = 1u << 1,  /* its XML, and JSON */
	TR_SMI_SECTIONS = 2, /* the bits of -d begin here */
};

#define S(name) TR_SMI_SECTION_##name,
enum tr_smi_section {
#include "smi/sections.def"
	TR_SMI_SECTION_COUNT
};
#undef S

enum tr_smi_row_kind {
	TR_SMI_ROW_GROUP,
	TR_SMI_ROW_OPENS, /* a group, or one line when its ask fails */
	TR_SMI_ROW_FIELD,
	TR_SMI_ROW_SAYS,
	TR_SMI_ROW_BLOCK,
	TR_SMI_ROW_ALSO,
};

struct tr_smi_row {
	enum tr_smi_row_kind kind;
	unsigned depth;
	const char *text, *xml,
		*csv; /* NULL: not there. ALSO: csv is the alias, text what it means */
	uint32_t where;
	enum tr_smi_ask ask, only_if, unless; /* TR_ASK_NONE: always */
	uint16_t at, size;		      /* size 0: text */
	const struct tr_smi_format *format;
	const char *word;
	void (*block)(
		struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row);
};

extern const struct tr_smi_row tr_smi__rows[];
extern const size_t tr_smi__n_rows;

/* The column of that name or alias; NULL. */
const struct tr_smi_row *tr_smi__find_column(const char *name, size_t len);
/* Writes a value with its unit (CSV: unless told not to). False: there is none, and ret says why
 * in nvidia-smi's words, without brackets. */
bool tr_smi__value(struct tr_smi_dev *dev, const struct tr_smi_row *row, enum tr_smi_style style,
	bool with_unit, char ret[TR_SMI_VALUE]);
/* As -q words a failure: "N/A" for what a card does not have. */
const char *tr_smi__missing(nvmlReturn_t r);
/* Asks in one call for all field values that rows with these bits need. */
void tr_smi__prefetch(struct tr_smi_dev *dev, uint32_t where);
