/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a report whose length the machine decides. */
#pragma once

#include "smi/sheet.h"

struct tr_smi_dev;
struct tr_smi_row;

#define TR_SMI_BLOCKS                                                                           \
	B(mig_devices)                                                                          \
	B(accounted)                                                                            \
	B(samples_gpu)                                                                          \
	B(samples_memory)                                                                       \
	B(samples_enc)                                                                          \
	B(samples_dec)                                                                          \
	B(samples_jpg) B(samples_ofa) B(samples_power) B(samples_sm_clock) B(samples_mem_clock) \
		B(supported_clocks) B(processes)

#define B(name)                    \
	void tr_smi__block_##name( \
		struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row);
TR_SMI_BLOCKS
#undef B
