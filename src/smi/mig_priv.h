/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside `mig`: profiles and instances in the order in which nvidia-smi shows them, each asked
 * once.
 */
#pragma once

#include "base/own.h"
#include "smi/smi_priv.h"

enum { TR_MIG_MAX_IDS = 64, TR_MIG_MAX_INSTANCES = 16 };

/* The numbers of -gi or -ci; n 0: all. */
struct tr_mig_ids {
	size_t n;
	unsigned v[TR_MIG_MAX_IDS];
};

struct tr_mig_call {
	struct tr_smi *smi;
	struct tr_mig_ids gis, cis;
	const char *profiles; /* of -cgi or -cci; NULL: none given */
	bool with_default_ci; /* -C */
};

struct tr_mig_profile {
	unsigned number; /* NVML's, of the call that told it */
	nvmlGpuInstanceProfileInfo_v2_t info;
};

struct tr_mig_profiles {
	size_t n;
	struct tr_mig_profile v[NVML_GPU_INSTANCE_PROFILE_COUNT];
};

struct tr_mig_gi {
	nvmlGpuInstance_t handle;
	nvmlGpuInstanceInfo_t info;
	const struct tr_mig_profile *profile; /* borrowed */
};

struct tr_mig_gis {
	struct tr_mig_profiles profiles;
	size_t n;
	struct tr_mig_gi v[TR_MIG_MAX_INSTANCES];
};

struct tr_mig_ci_profile {
	unsigned number;
	nvmlComputeInstanceProfileInfo_v2_t info;
};

struct tr_mig_ci_profiles {
	size_t n;
	struct tr_mig_ci_profile v[NVML_COMPUTE_INSTANCE_PROFILE_COUNT];
};

bool tr_mig__has(const struct tr_mig_ids *ids, unsigned id);

/* By NVML's number. Those that the card lacks are left out. */
void tr_mig__profiles(struct tr_smi_dev *dev, struct tr_mig_profiles *ret);
/* The same in -lgip's order: by size, and within a size by kind. */
void tr_mig__sort_profiles(struct tr_mig_profiles *profiles);
/* The GPU instances that are meant: by profile number, then id. */
nvmlReturn_t tr_mig__gis(
	struct tr_smi_dev *dev, const struct tr_mig_ids *ids, struct tr_mig_gis *ret);
void tr_mig__ci_profiles(
	const struct tr_nvml *api, nvmlGpuInstance_t gi, struct tr_mig_ci_profiles *ret);
/* The profile that spans the GPU instance; NULL when there is none. */
const struct tr_mig_ci_profile *tr_mig__default_ci(
	const struct tr_mig_ci_profiles *profiles, const struct tr_mig_gi *gi);
/* The compute instances of one profile that are meant, by id. */
nvmlReturn_t tr_mig__cis(const struct tr_nvml *api, nvmlGpuInstance_t gi, unsigned profile_id,
	const struct tr_mig_ids *ids, nvmlComputeInstance_t ret[TR_MIG_MAX_INSTANCES],
	nvmlComputeInstanceInfo_t ret_infos[TR_MIG_MAX_INSTANCES], size_t *ret_n);

/* The verbs; each returns the exit status and has printed. */
int tr_mig__list_profiles(struct tr_mig_call *call);
int tr_mig__list_placements(struct tr_mig_call *call);
int tr_mig__list_gis(struct tr_mig_call *call);
int tr_mig__list_cis(struct tr_mig_call *call);
int tr_mig__list_ci_profiles(struct tr_mig_call *call);
int tr_mig__list_ci_placements(struct tr_mig_call *call);
int tr_mig__create_gis(struct tr_mig_call *call);
int tr_mig__create_cis(struct tr_mig_call *call);
int tr_mig__destroy_gis(struct tr_mig_call *call);
int tr_mig__destroy_cis(struct tr_mig_call *call);
