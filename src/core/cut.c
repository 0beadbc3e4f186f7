/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cut.h"

#include "base/clock.h"
#include "base/err.h"
#include "core/cdi.h"
#include "core/job.h"
#include "core/tell.h"

#include <stdio.h>
#include <string.h>

/* A slice is still in use just after its process has ended: 2 s are enough on hardware. On a loaded
 * machine a container's memory took longer to be given back, with nobody on it any more: such a
 * slice is worth five times as long. Somebody who is on it, and shall not be, is told after 2 s. */
enum {
	IN_USE_MS = 2000,
	NOBODY_TRIES = 5,
	IN_USE_POLL_MS = 20,
	MAX_INSTANCES = 16,
	MAX_CIS = 8,
	MAX_CI_ENUMS = 64
};

void tr_cut_row(const struct tr_card *card, const struct tr_plan_profile *profile, uint32_t start,
	const char *stack, const char *model, uint32_t replica, struct tr_row *ret)
{
	*ret = (struct tr_row){
		.start = start, .size = profile->size, .profile_id = profile->id, .replica = replica
	};
	snprintf(ret->gpu_uuid, sizeof(ret->gpu_uuid), "%s", card->uuid);
	snprintf(ret->profile, sizeof(ret->profile), "%s", profile->name);
	snprintf(ret->stack, sizeof(ret->stack), "%s", stack);
	snprintf(ret->model, sizeof(ret->model), "%s", model);
}

/* --- Making --- */

/* The compute-instance profile with all compute slices of its GPU instance. */
static int spanning_profile(const struct tr_node *node, nvmlGpuInstance_t instance, uint32_t slices,
	unsigned *ret_id, struct tr_err *err)
{
	for (unsigned e = 0; e < MAX_CI_ENUMS; e++) {
		nvmlComputeInstanceProfileInfo_t info = { 0 };
		nvmlReturn_t r = node->api->nvmlGpuInstanceGetComputeInstanceProfileInfo(
			instance, e, NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info);

		if (r == NVML_ERROR_INVALID_ARGUMENT)
			break;
		if (r == NVML_SUCCESS && info.sliceCount == slices) {
			*ret_id = info.id;
			return 0;
		}
	}
	return tr_fail(err, TR_E_DRIVER,
		"the driver offers no compute instance of %u slices in its GPU instance", slices);
}

static int make_compute(
	const struct tr_node *node, nvmlGpuInstance_t instance, uint32_t slices, struct tr_err *err)
{
	nvmlComputeInstance_t compute;
	unsigned id = 0;

	if (!node->api->nvmlGpuInstanceGetComputeInstanceProfileInfo)
		return tr_fail(err, TR_E_DRIVER,
			"the driver lacks nvmlGpuInstanceGetComputeInstanceProfileInfo");
	if (spanning_profile(node, instance, slices, &id, err) < 0)
		return -(int)err->code;
	return TR_NVML(
		err, node->api, nvmlGpuInstanceCreateComputeInstance, (instance, id, &compute));
}

static int wrap_cut(const struct tr_card *card, const struct tr_plan_profile *profile,
	uint32_t start, struct tr_err *err)
{
	tr_wrap(err, "cut %s at %u:%u", profile->name, card->idx, start);
	if (err->code == TR_E_PERMISSION)
		tr_hint(err, "cutting slices needs root: sudo tranche ...");
	return -(int)err->code;
}

int tr_cut_make(const struct tr_node *node, const struct tr_card *card,
	const struct tr_plan_profile *profile, uint32_t start, struct tr_err *err)
{
	const nvmlGpuInstancePlacement_t place = { .start = start, .size = profile->size };
	nvmlGpuInstance_t instance;

	if (TR_NVML(err, node->api, nvmlDeviceCreateGpuInstanceWithPlacement,
		    (card->device, profile->id, &place, &instance)) < 0)
		return wrap_cut(card, profile, start, err);
	if (make_compute(node, instance, profile->compute_slices, err) < 0) {
		/* Half a slice is no slice. */
		node->api->nvmlGpuInstanceDestroy(instance);
		return wrap_cut(card, profile, start, err);
	}
	if (node->is_virtual)
		tr_cdi_refresh(node->name);
	return 0;
}

void tr_cut_make_text(const struct tr_card *card, const struct tr_plan_profile *profile,
	uint32_t start, struct tr_buf *ret)
{
	tr_buf_addf(ret, "nvidia-smi mig -i %u -cgi %u:%u -C\n", card->idx, profile->id, start);
}

/* --- Destroying --- */

static bool is_in_use_for_now(const struct tr_node *node, nvmlReturn_t r, int64_t until_ms)
{
	if (r != NVML_ERROR_IN_USE || tr_now_ms(node->clock) >= until_ms)
		return false;
	tr_sleep_ms(node->clock, IN_USE_POLL_MS);
	return true;
}

static int destroy_computes(const struct tr_node *node, nvmlGpuInstance_t instance,
	int64_t until_ms, struct tr_err *err)
{
	for (unsigned e = 0; e < MAX_CI_ENUMS; e++) {
		nvmlComputeInstanceProfileInfo_t info = { 0 };
		nvmlComputeInstance_t computes[MAX_CIS];
		unsigned n = 0;
		nvmlReturn_t r = node->api->nvmlGpuInstanceGetComputeInstanceProfileInfo(
			instance, e, NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED, &info);

		if (r == NVML_ERROR_INVALID_ARGUMENT)
			break;
		if (r != NVML_SUCCESS)
			continue;
		if (TR_NVML(err, node->api, nvmlGpuInstanceGetComputeInstances,
			    (instance, info.id, computes, &n)) < 0)
			return -(int)err->code;
		for (unsigned i = 0; i < n && i < MAX_CIS; i++) {
			do
				r = node->api->nvmlComputeInstanceDestroy(computes[i]);
			while (is_in_use_for_now(node, r, until_ms));
			if (tr_nvml_check(err, node->api, r, "nvmlComputeInstanceDestroy") < 0)
				return -(int)err->code;
		}
	}
	return 0;
}

static int destroy_instance(
	const struct tr_node *node, nvmlGpuInstance_t instance, struct tr_err *err)
{
	int64_t until_ms = tr_now_ms(node->clock) + IN_USE_MS;
	nvmlReturn_t r;

	if (destroy_computes(node, instance, until_ms, err) < 0)
		return -(int)err->code;
	do
		r = node->api->nvmlGpuInstanceDestroy(instance);
	while (is_in_use_for_now(node, r, until_ms));
	return tr_nvml_check(err, node->api, r, "nvmlGpuInstanceDestroy");
}

static bool has_holders(const struct tr_node *node, const struct tr_card_slice *slice)
{
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	struct tr_err ignored;
	size_t n = 0;

	return slice->has_device &&
	       tr_holders_read(node, slice->device, &holders, &n, &ignored) == 0 && n > 0;
}

static int destroy_at(
	const struct tr_node *node, const struct tr_card *card, uint32_t start, struct tr_err *err)
{
	for (size_t p = 0; p < card->n_profiles; p++) {
		nvmlGpuInstance_t instances[MAX_INSTANCES];
		unsigned n = 0;

		if (node->api->nvmlDeviceGetGpuInstances(
			    card->device, card->profiles[p].id, instances, &n) != NVML_SUCCESS)
			continue;
		for (unsigned i = 0; i < n && i < MAX_INSTANCES; i++) {
			nvmlGpuInstanceInfo_t info;

			if (node->api->nvmlGpuInstanceGetInfo(instances[i], &info) !=
					NVML_SUCCESS ||
				info.placement.start != start)
				continue;
			if (destroy_instance(node, instances[i], err) < 0)
				return tr_wrap(err, "free %s at %u:%u", card->profiles[p].name,
					card->idx, start);
			if (node->is_virtual)
				tr_cdi_refresh(node->name);
			return 0;
		}
	}
	return 0;
}

/* In use, though the driver lists nobody on it: what a server leaves behind is still being cleared.
 */
int tr_cut_destroy(
	const struct tr_node *node, const struct tr_card *card, uint32_t start, struct tr_err *err)
{
	const struct tr_card_slice *slice = tr_card_slice_at(card, start);

	if (!node->api->nvmlDeviceGetGpuInstances || !node->api->nvmlGpuInstanceGetInfo ||
		!node->api->nvmlGpuInstanceDestroy || !node->api->nvmlComputeInstanceDestroy)
		return tr_fail(err, TR_E_DRIVER, "the driver lacks the calls that free a slice");
	for (int tries = 1;; tries++) {
		int r = destroy_at(node, card, start, err);

		if (r != -TR_E_BUSY || tries == NOBODY_TRIES || (slice && has_holders(node, slice)))
			return r;
	}
}

int tr_cut_free(
	struct tr_node *node, const struct tr_card *card, uint32_t start, struct tr_err *err)
{
	if (tr_cut_destroy(node, card, start, err) < 0)
		return -(int)err->code;
	return tr_store_row_drop(node->store, node->name, card->uuid, start, err);
}

void tr_cut_destroy_text(
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_buf *ret)
{
	if (slice->has_device)
		tr_buf_addf(ret, "nvidia-smi mig -i %u -gi %u -dci\n", card->idx, slice->gi_id);
	tr_buf_addf(ret, "nvidia-smi mig -i %u -gi %u -dgi\n", card->idx, slice->gi_id);
}

/* --- What a killed run left --- */

static int sweep_row(struct tr_node *node, const struct tr_card *card, const struct tr_row *row,
	const struct tr_change *change, bool *ret_changed, struct tr_err *err)
{
	const struct tr_card_slice *slice = card ? tr_card_slice_at(card, row->start) : NULL;
	struct tr_row confirmed = *row;

	if (slice && slice->profile_id != row->profile_id)
		slice = NULL;
	if (slice && slice->has_device && row->is_cut)
		return 0;
	*ret_changed = true;
	if (!slice || (!row->is_cut && !*row->stack && has_holders(node, slice)))
		return tr_store_row_drop(node->store, node->name, row->gpu_uuid, row->start, err);
	if (slice->has_device && *row->stack) {
		confirmed.is_cut = true;
		return tr_store_rows_put(node->store, node->name, &confirmed, 1, err);
	}
	tr_tell(change, TR_STEP_CLEAN, NULL, NULL,
		"%s at %u:%u, which an earlier run left half-made", row->profile, card->idx,
		row->start);
	return tr_cut_free(node, card, row->start, err);
}

int tr_cut_sweep(struct tr_node *node, const struct tr_scene *scene, const struct tr_change *change,
	bool *ret_changed, struct tr_err *err)
{
	*ret_changed = false;
	if (tr_job_sweep(node, scene, change, ret_changed, err) < 0)
		return tr_wrap(err, "clean up after an earlier run");
	for (size_t i = 0; i < scene->rows.n; i++) {
		const struct tr_row *row = &scene->rows.v[i];
		const struct tr_card *card = tr_card_by_uuid(&scene->cards, row->gpu_uuid);

		if ((card && card->slices_hidden) || tr_job_is_stack(row->stack))
			continue;
		if (sweep_row(node, card, row, change, ret_changed, err) < 0)
			return tr_wrap(err, "clean up after an earlier run");
	}
	return 0;
}
