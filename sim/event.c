/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: a set remembers which cards and kinds it waits for and how far it has read. The node
 * keeps the last TR_SIM_MAX_EVENTS; who sleeps longer than that misses the oldest, as on hardware.
 *
 * A wait looks every few milliseconds: the state is a mapping, so a look is one load, and no
 * descriptor or thread of ours stays in the program that waits.
 */
#include "sim/drv.h"

#include <string.h>
#include <time.h>

enum { MAX_SETS = 256, LOOK_MS = 5 };

#define SET_TAG ((uintptr_t)0x7453 << 48)

static struct {
	uint32_t use;	 /* how often this row was given out; odd: in use now */
	uint64_t n_read; /* events of the node that were looked at */
	uint64_t types[TR_SIM_MAX_GPUS];
} sets[MAX_SETS];

/* What a real card offers (H100, 580.159.04). Here only error reports and changes of MIG come. */
static const uint64_t supported = 0xff9f;

static int find_set(nvmlEventSet_t set)
{
	uintptr_t number = (uintptr_t)set;
	uint32_t i = number & 0xffff;

	if ((number & (uintptr_t)0xffff << 48) != SET_TAG || i >= MAX_SETS ||
		sets[i].use % 2 == 0 || (number >> 16 & 0xffffffff) != sets[i].use)
		return -1;
	return (int)i;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
	TR_DRV_CALL(TR_FN_nvmlEventSetCreate);
	if (!set)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < MAX_SETS; i++) {
		if (sets[i].use % 2)
			continue;
		sets[i].use++;
		sets[i].n_read = tr_drv_node()->n_events;
		for (uint32_t g = 0; g < TR_SIM_MAX_GPUS; g++)
			sets[i].types[g] = 0;
		*set = (nvmlEventSet_t)(SET_TAG | (uintptr_t)sets[i].use << 16 | i);
		return NVML_SUCCESS;
	}
	return NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
	int i;

	TR_DRV_CALL(TR_FN_nvmlEventSetFree);
	i = find_set(set);
	if (i < 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	sets[i].use++;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSupportedEventTypes);
	r = types ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*types = target.ci ? 0 : supported;
	return r;
}

nvmlReturn_t nvmlDeviceRegisterEvents(
	nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set)
{
	struct tr_drv_target target;
	nvmlReturn_t r;
	int i;

	TR_DRV_CALL(TR_FN_nvmlDeviceRegisterEvents);
	r = tr_drv_device(device, &target);
	if (r != NVML_SUCCESS)
		return r;
	i = find_set(set);
	if (i < 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	/* Not through a MIG device, whatever the kind. */
	if (target.ci || types & ~supported)
		return NVML_ERROR_NOT_SUPPORTED;
	sets[i].types[target.gpu_idx] |= types;
	return NVML_SUCCESS;
}

static uint32_t instance_id(uint32_t id)
{
	return id == TR_SIM_WHOLE ? NVML_NO_INSTANCE : id;
}

/* The next event that the set waits for. */
static bool take_event(int i, nvmlEventData_t *ret)
{
	const struct tr_sim_node *node = tr_drv_node();

	/* A node that was made again counts anew. */
	if (sets[i].n_read > node->n_events)
		sets[i].n_read = 0;
	if (node->n_events - sets[i].n_read > TR_SIM_MAX_EVENTS)
		sets[i].n_read = node->n_events - TR_SIM_MAX_EVENTS;
	while (sets[i].n_read < node->n_events) {
		const struct tr_sim_event *event =
			&node->events[sets[i].n_read++ % TR_SIM_MAX_EVENTS];

		if (event->gpu_idx >= node->n_gpus || !tr_drv_sees_card(event->gpu_idx) ||
			!(sets[i].types[event->gpu_idx] & event->type))
			continue;
		*ret = (nvmlEventData_t){ .device = tr_drv_card_handle(event->gpu_idx),
			.eventType = event->type,
			.eventData = event->data,
			.gpuInstanceId = instance_id(event->gi_id),
			.computeInstanceId = instance_id(event->ci_id) };
		return true;
	}
	return false;
}

static int64_t now_ms(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static nvmlReturn_t wait_for_event(
	enum tr_sim_fn fn, nvmlEventSet_t set, void *data, size_t size, unsigned timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	nvmlEventData_t event;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	if (!data)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (;;) {
		/* It may have been freed while we slept. */
		int i = find_set(set);

		if (i < 0)
			return NVML_ERROR_INVALID_ARGUMENT;
		if (take_event(i, &event)) {
			memcpy(data, &event, size);
			return NVML_SUCCESS;
		}
		if (now_ms() >= end)
			return NVML_ERROR_TIMEOUT;
		r = tr_drv_pause(end - now_ms() < LOOK_MS ? end - now_ms() : LOOK_MS);
		if (r != NVML_SUCCESS)
			return r;
	}
}

/* The oldest form ends before the instances. */
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms)
{
	return wait_for_event(TR_FN_nvmlEventSetWait, set, data,
		offsetof(nvmlEventData_t, gpuInstanceId), timeout_ms);
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms)
{
	return wait_for_event(
		TR_FN_nvmlEventSetWait_v2, set, data, sizeof(nvmlEventData_t), timeout_ms);
}
