/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open node, as the library's own files see it: the driver, the store, and the one lock.
 */
#pragma once

#include <tranche/tranche.h>

#include "nvml/nvml.h"
#include "run/needs.h"

#include <limits.h>

struct tr_clock;
struct tr_store;

struct tr_node {
	char name[64];
	bool is_virtual;
	uint32_t scale;
	char driver[96];
	char cuda[16]; /* the newest that the driver runs: "13.0"; "" when it does not say */
	struct tr_driver as_driver; /* both, for images that ask for them */
	struct tr_nvml *api;
	const struct tr_clock *clock; /* for the driver's retries; tests turn it by hand */
	struct tr_store *store;	      /* what was asked for; opened with the node, see store.h */
};

#define TR_NODE_HARDWARE "hardware"

/*
 * Takes the node's lock: every change is made under it. When somebody else has it, that is told
 * once (TR_STEP_WAIT) and waited for. INTERRUPTED when the change's stop flag rises meanwhile;
 * PERMISSION says who may. ret_fd holds the lock until it is closed; a dry run takes none.
 */
int tr_node__lock(
	struct tr_node *node, const struct tr_change *change, int *ret_fd, struct tr_err *err);
