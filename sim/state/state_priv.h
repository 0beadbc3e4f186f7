/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside sim/state. */
#pragma once

#include "base/paths.h"
#include "sim/state/state.h"

/* INVALID unless the name matches [a-z0-9][a-z0-9-]{0,30}. */
int tr_sim__check_name(const char *name, struct tr_err *err);

/* A node is too large for a stack that may be a stranger's. */
static inline void tr_sim__node_freep(struct tr_sim_node **node)
{
	free(*node);
}

/* Takes the writers' lock of the node that lies at `dir` now. NOT_FOUND when none does. */
int tr_sim__lock(const char *dir, int *ret_fd, struct tr_err *err);
/* Reads the state of the node at `dir`. */
int tr_sim__read_dir(const char *dir, struct tr_sim_node *ret, struct tr_err *err);
/* Publishes a state; the caller holds the lock. */
int tr_sim__publish(const char *dir, const struct tr_sim_node *node, struct tr_err *err);

/* Before publishing: makes the view files that rows still lack, and records them in the rows.
 * After: removes those of what is gone. */
int tr_sim__views_add(const char *dir, struct tr_sim_node *now, struct tr_err *err);
void tr_sim__views_drop(
	const char *dir, const struct tr_sim_node *before, const struct tr_sim_node *now);

/* Makes one view file and says which it is. */
int tr_sim__view_make(const char *dir, const char *prefix, const uint8_t uuid[16],
	uint64_t *ret_dev, uint64_t *ret_ino, struct tr_err *err);

/* Turns a node into what it is after a reboot. */
void tr_sim__power_cycle(struct tr_sim_node *node);
/* Writes DIR/var/inforom. */
int tr_sim__write_inforom(const char *dir, const struct tr_sim_node *node, struct tr_err *err);

/* Frees the rows whose cgroup is gone; how many there were. */
uint32_t tr_sim__sweep(struct tr_sim_node *node);
/* "'/a', '/b'": the live bindings of a card, or of all with gpu_idx UINT32_MAX; how many. */
uint32_t tr_sim__holders(
	const struct tr_sim_node *node, uint32_t gpu_idx, char *ret, size_t ret_size);
