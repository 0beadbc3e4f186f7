/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the driver puts an instance when the caller does not say, and how many more would fit.
 *
 * Pure: from a card's instances to a start. GPU instances count memory slices, compute instances
 * count compute slices of their GPU instance. The rules are reconstructed from public captures
 * (docs of the reference: mig-geometry 3 and 5.2); tests/unit/sim/test_place.c holds every one.
 */
#pragma once

#include "sim/state/state.h"

/* Enough for each profile's starts, of either kind of instance. */
enum { TR_PLACE_MAX_STARTS = 16 };

/* True when no instance of the card overlaps the place. */
bool tr_place_gi_is_free(const struct tr_sim_gpu *gpu, uint32_t start, uint32_t size);
/* True when one more of the profile is allowed beside the card's other instances. */
bool tr_place_gi_is_allowed(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile);
/* The start that the driver takes; -1 when there is no room. */
int tr_place_gi_start(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile);
/* How many more of this profile alone could be made. */
uint32_t tr_place_gi_capacity(const struct tr_gpu_model *model, const struct tr_sim_gpu *gpu,
	const struct tr_gi_profile *profile);

/* The compute slices that a compute instance covers: a power of two. */
uint32_t tr_place_ci_size(const struct tr_ci_profile *ci_profile);
/* All starts that a compute-instance profile has in an empty GPU instance; how many. */
uint32_t tr_place_ci_starts(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_ci_profile *ci_profile, uint32_t ret[TR_PLACE_MAX_STARTS]);
bool tr_place_ci_is_free(const struct tr_sim_gi *gi, uint32_t start, uint32_t size);
/* True when the GPU instance has compute slices left for one more. */
bool tr_place_ci_is_allowed(const struct tr_gi_profile *profile, const struct tr_sim_gi *gi,
	const struct tr_ci_profile *ci_profile);
int tr_place_ci_start(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_sim_gi *gi, const struct tr_ci_profile *ci_profile);
uint32_t tr_place_ci_capacity(const struct tr_gpu_model *model, const struct tr_gi_profile *profile,
	const struct tr_sim_gi *gi, const struct tr_ci_profile *ci_profile);
