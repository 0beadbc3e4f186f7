/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver shows beside its library, of a virtual node, as files in a folder. */
#pragma once

#include "sim/state/state.h"

#include <tranche/err.h>

#include <limits.h>

struct tr_view {
	char proc[PATH_MAX]; /* for /proc/driver */
	char dev[PATH_MAX];  /* for /dev */
	char pci[PATH_MAX];  /* for /sys/bus/pci/devices */
};

/* Lays the three out in `room`. Where devices may not be made, files stand for them. */
int tr_view_make(
	const char *room, const struct tr_sim_node *node, struct tr_view *ret, struct tr_err *err);
