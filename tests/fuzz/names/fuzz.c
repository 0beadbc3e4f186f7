/* SPDX-License-Identifier: Apache-2.0 */
/* Profile names: what is taken for one can be written again, and nothing else is. */
#include "facts/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what, const char *text)
{
	if (holds)
		return;
	fprintf(stderr, "%s: '%s'\n", what, text);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_profile_name name, again;
	char *text = malloc(size + 1), out[96];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (tr_facts_parse_name(text, &name)) {
		require(memchr(name.attr, '\0', sizeof(name.attr)) != NULL, "no end", text);
		snprintf(out, sizeof(out), "%uc.%ug.%ugb%s", name.compute, name.slices, name.gb,
			name.attr);
		require(name.compute == 0 || tr_facts_parse_name(out, &again), "not again", out);
		require(name.compute == 0 || memcmp(&name, &again, sizeof(name)) == 0, "differs",
			out);
	}
	for (size_t n = 0, i = 0; i < 1; i++) {
		const struct tr_gpu_model *models = tr_facts_models(&n);

		for (size_t m = 0; m < n; m++)
			tr_facts_profile_by_name(&models[m], text);
	}
	tr_facts_product(text);
	tr_facts_product_by_name(text);
	free(text);
	return 0;
}
