/* SPDX-License-Identifier: Apache-2.0 */
/* The fault language: what is taken reads back as itself; the rest is refused with words. */
#include "base/err.h"
#include "sim/state/hooks.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char written[TR_SIM_FAULT_TEXT], again[TR_SIM_FAULT_TEXT];
	TR_AUTO_FREE char *text = malloc(size + 1);
	struct tr_sim_fault fault;
	struct tr_err err = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (tr_sim_fault_parse(text, &fault, &err) < 0) {
		if (err.code != TR_E_INVALID || !err.msg[0])
			abort();
		return 0;
	}
	tr_sim_fault_text(&fault, written);
	if (tr_sim_fault_parse(written, &fault, &err) < 0)
		abort();
	tr_sim_fault_text(&fault, again);
	if (strcmp(written, again) != 0)
		abort();
	return 0;
}
