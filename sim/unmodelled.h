/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generated bodies call. It stands apart from drv.h, for they declare NVML's names with a
 * signature of their own.
 */
#pragma once

#include <nvml_names.h>
#include <stdint.h>

/* NOT_SUPPORTED, after the checks that all calls share; `first` is looked at where it is a handle.
 */
int tr_drv_unmodelled(enum tr_sim_fn fn, uintptr_t first);
