/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generated bodies call. It stands apart from drv.h, for they declare NVML's names with a
 * signature of their own.
 */
#pragma once

#include <nvml_names.h>
#include <stdint.h>

/* NOT_SUPPORTED, after the checks that all calls share: `first` is looked at where it is a handle,
 * and who asks with nothing to put the answer in is refused as a real driver refuses him. */
int tr_drv_unmodelled(enum tr_sim_fn fn, uintptr_t first, uintptr_t second, uintptr_t third);
