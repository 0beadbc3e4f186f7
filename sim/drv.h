/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the virtual driver's functions share.
 *
 * Each exported function begins with TR_DRV_CALL(its number): one mutex for the whole library,
 * which no thread can be cancelled under, faults on order, the state brought up to date, errno put
 * back at the end. Nothing a caller hands in is followed but the buffers to fill: handles are
 * numbers with a tag, checked against the state each time.
 */
#pragma once

/* The vendor's names are all that the library exports. */
#pragma GCC visibility push(default)
#include "abi/nvml.h"
#include "abi/nvml_more.h"
#pragma GCC visibility pop

#include "base/own.h"
#include "sim/state/hooks.h"
#include "sim/state/state.h"

#define TR_DRV_VERSION TR_SIM_DRIVER

struct tr_drv_call {
	nvmlReturn_t status; /* not SUCCESS: the caller returns it */
	int saved_errno, saved_cancel;
};

struct tr_drv_call tr_drv_enter(enum tr_sim_fn fn);
void tr_drv_leave(struct tr_drv_call *call);

#define TR_DRV_CALL(fn)                                                       \
	TR_AUTO(tr_drv_leave) struct tr_drv_call drv_call = tr_drv_enter(fn); \
	if (drv_call.status != NVML_SUCCESS)                                  \
	return drv_call.status

/* For the few calls that need no nvmlInit: counts them, and answers what a fault wants. */
nvmlReturn_t tr_drv_note(enum tr_sim_fn fn);

/* The node's state as of this call. Borrowed until the call ends, as all that follows. */
const struct tr_sim_node *tr_drv_node(void);
/* True in a container: a part of the node, read-only. */
bool tr_drv_is_guest(void);

/* What a guest sees. A card is visible with any of its slices; its totals only as a whole. */
bool tr_drv_sees_card(uint32_t gpu_idx);
bool tr_drv_sees_whole_card(uint32_t gpu_idx);
bool tr_drv_sees_gi(uint32_t gpu_idx, uint32_t gi_id);
bool tr_drv_sees_ci(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id);

/* True while another process has this library started on the node. */
bool tr_drv_has_clients(void);

/* NO_PERMISSION unless this process may change the node. */
nvmlReturn_t tr_drv_may_change(void);
/* Changes the node; `change` answers with an nvmlReturn_t through its argument. Afterwards the
 * state is up to date again, and all that was borrowed is stale. */
struct tr_drv_change {
	nvmlReturn_t (*change)(struct tr_sim_node *node, void *arg);
	void *arg;
	nvmlReturn_t status;
};
nvmlReturn_t tr_drv_change(nvmlReturn_t (*change)(struct tr_sim_node *node, void *arg), void *arg);

/* The calls that start and stop the library; the lock is not held. */
nvmlReturn_t tr_drv_open(enum tr_sim_fn fn);
nvmlReturn_t tr_drv_close(enum tr_sim_fn fn);
/* Lets go of the lock while a call waits, and brings the state up to date again. */
nvmlReturn_t tr_drv_pause(int64_t ms);

/* What a handle names. Fields that do not apply are NULL, ids are TR_SIM_WHOLE then. */
struct tr_drv_target {
	uint32_t gpu_idx, gi_id, ci_id;
	const struct tr_sim_gpu *gpu;
	const struct tr_gpu_product *product;
	const struct tr_gpu_model *model;
	const struct tr_sim_gi *gi;
	const struct tr_gi_profile *profile;
	const struct tr_sim_ci *ci;
	const struct tr_ci_profile *ci_profile;
};

nvmlDevice_t tr_drv_card_handle(uint32_t gpu_idx);
nvmlDevice_t tr_drv_mig_handle(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id);
nvmlGpuInstance_t tr_drv_gi_handle(uint32_t gpu_idx, uint32_t gi_id);
nvmlComputeInstance_t tr_drv_ci_handle(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id);

/* INVALID_ARGUMENT for what is no handle, or names what is gone or out of sight; GPU_IS_LOST once
 * the node is destroyed, or the card has fallen off its bus. */
nvmlReturn_t tr_drv_device(nvmlDevice_t device, struct tr_drv_target *ret); /* card or MIG device */
nvmlReturn_t tr_drv_card(nvmlDevice_t device, struct tr_drv_target *ret);   /* cards only */
nvmlReturn_t tr_drv_gi(nvmlGpuInstance_t instance, struct tr_drv_target *ret);
nvmlReturn_t tr_drv_ci(nvmlComputeInstance_t compute, struct tr_drv_target *ret);
/* The target of ids that come from the state itself. */
nvmlReturn_t tr_drv_target(
	uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id, struct tr_drv_target *ret);

/* The PCI subsystem of a product, device << 16 | vendor. */
uint32_t tr_drv_subsystem(const struct tr_gpu_product *product);

/* Copies text out: INVALID_ARGUMENT for NULL, INSUFFICIENT_SIZE when it does not fit. */
nvmlReturn_t tr_drv_text(const char *text, char *ret, unsigned size);

/* Calls back for each binding of a target, whose memory is that of its GPU instance. In a guest
 * the host's cgroups are out of reach: the container's own stands for them, once, as "". */
typedef void tr_drv_binding_fn(const struct tr_sim_binding *row, const char *cgroup, void *arg);
void tr_drv_each_binding(
	uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id, tr_drv_binding_fn *call, void *arg);

/* Bytes in use by a card (gi_id TR_SIM_WHOLE) or a GPU instance, scaled. */
uint64_t tr_drv_used_bytes(uint32_t gpu_idx, uint32_t gi_id);
/* Forgets the descriptors kept for cgroups. */
void tr_drv_forget_cgroups(void);
/* Frees all samples, when the last user of the library is gone. */
void tr_drv_forget_samples(void);
