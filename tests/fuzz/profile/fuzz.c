/* SPDX-License-Identifier: Apache-2.0 */
/* Measured profiles: what is read is in its bounds, and the best row is one that is in time. */
#include "base/err.h"
#include "plan/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check(const struct tr_profile *profile)
{
	for (size_t i = 0; i < profile->n; i++) {
		const struct tr_profile_row *row = &profile->rows[i];

		require(row->slices >= 1 && row->slices <= TR_PROFILE_SLICES, "slices");
		require((row->rate_micro == 0) == (row->latency_us == 0), "half a row");
		require(tr_profile_carries(row) >= row->rate_micro, "carries");
	}
	for (uint32_t slices = 1; slices <= TR_PROFILE_SLICES; slices++) {
		struct tr_profile_ask ask = { 200000, 5, 0 };
		const struct tr_profile_row *best = tr_profile_best(profile, slices, &ask);

		if (!best)
			continue;
		require(best->slices == slices && best->processes <= 5, "another slice's");
		require(best->latency_us < 90000 && best->latency_us > 0, "too late");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_profile profile = { 0 };
	struct tr_err err = { 0 };

	if (tr_profile_parse((const char *)data, size, "fuzz.csv", &profile, &err) == 0) {
		require(profile.n > 0, "no rows");
		check(&profile);
	} else {
		require(profile.rows == NULL, "rows of a refused file");
		require(strncmp(err.msg, "fuzz.csv:", 9) == 0 || err.code == TR_E_NO_MEMORY,
			"no place");
	}
	tr_profile_done(&profile);
	return 0;
}
