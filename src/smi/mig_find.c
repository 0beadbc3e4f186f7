/* SPDX-License-Identifier: Apache-2.0 */
/* What profiles and instances there are. */
#include "smi/mig_priv.h"

#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

bool tr_mig__has(const struct tr_mig_ids *ids, unsigned id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->v[i] == id)
			return true;
	return ids->n == 0;
}

void tr_mig__profiles(struct tr_smi_dev *dev, struct tr_mig_profiles *ret)
{
	const struct tr_nvml *api = dev->smi->api;

	ret->n = 0;
	for (unsigned i = 0; i < NVML_GPU_INSTANCE_PROFILE_COUNT; i++) {
		struct tr_mig_profile *p = &ret->v[ret->n];

		*p = (struct tr_mig_profile){ .number = i };
		p->info.version = NVML_VERSION_WORD(nvmlGpuInstanceProfileInfo_v2_t, 2);
		ret->n += DO(nvmlDeviceGetGpuInstanceProfileInfoV, (dev->handle, i, &p->info)) ==
			  NVML_SUCCESS;
	}
}

/* NVML's numbers: 0 to 6 plain sizes; 7, 8 with media engines; 9 with double memory; 10 to 12 with
 * graphics; 13, 14 without media engines; 15, 16 with all of them. */
static unsigned kind_of(unsigned number)
{
	static const unsigned char kinds[NVML_GPU_INSTANCE_PROFILE_COUNT] = { [7] = 1,
		[8] = 1,
		[9] = 2,
		[10] = 3,
		[11] = 3,
		[12] = 3,
		[15] = 4,
		[16] = 4,
		[13] = 5,
		[14] = 5 };

	return kinds[number];
}

static int by_size(const void *a, const void *b)
{
	const struct tr_mig_profile *p = a, *q = b;

	if (p->info.sliceCount != q->info.sliceCount)
		return p->info.sliceCount < q->info.sliceCount ? -1 : 1;
	return (int)kind_of(p->number) - (int)kind_of(q->number);
}

void tr_mig__sort_profiles(struct tr_mig_profiles *profiles)
{
	qsort(profiles->v, profiles->n, sizeof(profiles->v[0]), by_size);
}

static int by_gi_id(const void *a, const void *b)
{
	const struct tr_mig_gi *p = a, *q = b;

	return p->info.id < q->info.id ? -1 : p->info.id > q->info.id;
}

/* Those of one profile, sorted, behind what is there. */
static nvmlReturn_t add_gis(struct tr_smi_dev *dev, const struct tr_mig_profile *profile,
	const struct tr_mig_ids *ids, struct tr_mig_gis *ret)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlGpuInstance_t handles[TR_MIG_MAX_INSTANCES] = { 0 };
	size_t first = ret->n;
	unsigned n = 0;
	nvmlReturn_t r = NVML_ERROR_INSUFFICIENT_SIZE;

	/* The driver never gives more than this many. */
	if (profile->info.instanceCount <= TR_MIG_MAX_INSTANCES)
		r = DO(nvmlDeviceGetGpuInstances, (dev->handle, profile->info.id, handles, &n));
	for (unsigned i = 0; r == NVML_SUCCESS && i < n && ret->n < TR_MIG_MAX_INSTANCES; i++) {
		struct tr_mig_gi *gi = &ret->v[ret->n];

		*gi = (struct tr_mig_gi){ .handle = handles[i], .profile = profile };
		r = DO(nvmlGpuInstanceGetInfo, (handles[i], &gi->info));
		ret->n += r == NVML_SUCCESS && tr_mig__has(ids, gi->info.id);
	}
	qsort(&ret->v[first], ret->n - first, sizeof(ret->v[0]), by_gi_id);
	return r;
}

nvmlReturn_t tr_mig__gis(
	struct tr_smi_dev *dev, const struct tr_mig_ids *ids, struct tr_mig_gis *ret)
{
	nvmlReturn_t r = NVML_SUCCESS;

	ret->n = 0;
	tr_mig__profiles(dev, &ret->profiles);
	for (size_t i = 0; r == NVML_SUCCESS && i < ret->profiles.n; i++)
		r = add_gis(dev, &ret->profiles.v[i], ids, ret);
	return r;
}

void tr_mig__ci_profiles(
	const struct tr_nvml *api, nvmlGpuInstance_t gi, struct tr_mig_ci_profiles *ret)
{
	ret->n = 0;
	for (unsigned i = 0; i < NVML_COMPUTE_INSTANCE_PROFILE_COUNT; i++) {
		struct tr_mig_ci_profile *p = &ret->v[ret->n];

		*p = (struct tr_mig_ci_profile){ .number = i };
		p->info.version = NVML_VERSION_WORD(nvmlComputeInstanceProfileInfo_v2_t, 2);
		ret->n += DO(nvmlGpuInstanceGetComputeInstanceProfileInfoV,
				  (gi, i, NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &p->info)) ==
			  NVML_SUCCESS;
	}
}

const struct tr_mig_ci_profile *tr_mig__default_ci(
	const struct tr_mig_ci_profiles *profiles, const struct tr_mig_gi *gi)
{
	const struct tr_mig_ci_profile *found = NULL;

	for (size_t i = 0; i < profiles->n; i++)
		if (profiles->v[i].info.sliceCount == gi->profile->info.sliceCount)
			found = &profiles->v[i];
	return found;
}

static int by_ci_id(const void *a, const void *b)
{
	const nvmlComputeInstanceInfo_t *p = a, *q = b;

	return p->id < q->id ? -1 : p->id > q->id;
}

nvmlReturn_t tr_mig__cis(const struct tr_nvml *api, nvmlGpuInstance_t gi, unsigned profile_id,
	const struct tr_mig_ids *ids, nvmlComputeInstance_t ret[TR_MIG_MAX_INSTANCES],
	nvmlComputeInstanceInfo_t ret_infos[TR_MIG_MAX_INSTANCES], size_t *ret_n)
{
	nvmlComputeInstance_t handles[TR_MIG_MAX_INSTANCES] = { 0 };
	nvmlComputeInstance_t by_id[TR_MIG_MAX_INSTANCES] = { 0 };
	unsigned n = 0;
	nvmlReturn_t r = DO(nvmlGpuInstanceGetComputeInstances, (gi, profile_id, handles, &n));

	*ret_n = 0;
	for (unsigned i = 0; r == NVML_SUCCESS && i < n && i < TR_MIG_MAX_INSTANCES; i++) {
		nvmlComputeInstanceInfo_t *info = &ret_infos[*ret_n];

		*info = (nvmlComputeInstanceInfo_t){ 0 };
		r = DO(nvmlComputeInstanceGetInfo_v2, (handles[i], info));
		if (r != NVML_SUCCESS || !tr_mig__has(ids, info->id))
			continue;
		by_id[info->id % TR_MIG_MAX_INSTANCES] = handles[i];
		(*ret_n)++;
	}
	qsort(ret_infos, *ret_n, sizeof(ret_infos[0]), by_ci_id);
	for (size_t i = 0; i < *ret_n; i++)
		ret[i] = by_id[ret_infos[i].id % TR_MIG_MAX_INSTANCES];
	return r;
}
