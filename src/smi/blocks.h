/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a report whose length the machine decides. */
#pragma once

#include "smi/sheet.h"

struct tr_smi_dev;
struct tr_smi_row;

#define B(name)                    \
	void tr_smi__block_##name( \
		struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row);
#include "smi/blocks.def"
#undef B
