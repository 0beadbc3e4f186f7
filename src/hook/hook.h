/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the vendor's hook of the same name, for virtual nodes.
 *
 * docker (--gpus) and CDI put it into a container's bundle as an OCI prestart hook: it is run with
 * the container's namespaces and control group made, its mounts made and its root not yet entered,
 * and gets the container's state as JSON on standard input. What it writes to standard error is
 * shown when it fails, and then the container is not started.
 */
#pragma once

#include "base/buf.h"
#include "sim/state/state.h"

#include <sys/types.h>

struct tr_err;

struct tr_hook_container {
	pid_t pid;
	char *root; /* its root folder, as it is named outside */
	struct tr_strv env;
	char *visible;	 /* NVIDIA_VISIBLE_DEVICES, "" when not set */
	bool looks_only; /* NVIDIA_DRIVER_CAPABILITIES is "utility": it watches, it computes nothing
			  */
};
void tr_hook_container_done(struct tr_hook_container *container);

/* Reads the state from `fd`, and the config.json of its bundle. With by_mounts, what is visible is
 * what the bundle mounts (CDI), whatever the environment says. */
int tr_hook_read(int fd, bool by_mounts, struct tr_hook_container *ret, struct tr_err *err);

/* What is to be given: UUIDs of one node's slices and whole cards; none when nothing is asked. */
struct tr_hook_choice {
	char node[TR_SIM_NAME_MAX];
	struct tr_strv uuids;
};
void tr_hook_choice_done(struct tr_hook_choice *choice);

/* From the value of NVIDIA_VISIBLE_DEVICES: "all", or a list of MIG-..., GPU-..., CARD, CARD:MIG.
 * A UUID may be of any node; an index is of the node `node` (NULL: the only one). */
int tr_hook_choose(
	const char *visible, const char *node, struct tr_hook_choice *ret, struct tr_err *err);

/* Takes the slices for the container's control group, and holds that to their limits. BUSY when
 * somebody else is on one; nothing is taken then. */
int tr_hook_hold(const struct tr_hook_choice *choice, pid_t pid, struct tr_err *err);
void tr_hook_release(const struct tr_hook_choice *choice, pid_t pid);

/* Puts the slices' parts into the container: enters its mount namespace for good. */
int tr_hook_give(const struct tr_hook_choice *choice, const struct tr_hook_container *container,
	struct tr_err *err);
