/* SPDX-License-Identifier: Apache-2.0 */
/* How a value is written: words for its numbers, its unit, and where it has none. */
#pragma once

#include "smi/sheet.h"
#include "smi/smi_priv.h"

enum { TR_SMI_VALUE = 600 }; /* a process name, and what stands around it */

struct tr_smi_value {
	struct tr_smi_dev *dev;
	const struct tr_smi_slot *slot;
	int64_t number; /* of the part that the row names; 32 bits are not sign-extended */
	const char *text;
	enum tr_smi_style style;
	unsigned arg;
};

struct tr_smi_format {
	/* Writes the value; anything but SUCCESS stands for the call's own failure. */
	nvmlReturn_t (*write)(const struct tr_smi_value *value, char ret[TR_SMI_VALUE]);
	const char *unit;     /* behind it in text, XML and CSV; NULL: none */
	bool is_unit_of_text; /* CSV has no unit */
	bool is_glued;	      /* no blank before the unit */
	unsigned arg;
};

#define F(name) extern const struct tr_smi_format tr_smi__##name;
#include "smi/formats.def"
#undef F
/* Whether one of the reasons for lower clocks holds. */
extern const struct tr_smi_format tr_smi__reasons[9];
