/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which NVML: the rule that all of tranche follows, with no part of it but paths.
 */
#pragma once

#include <stdbool.h>

struct tr_err;
struct tr_nvml;

/* Loads the library and does not start it. `node` as for tr_smi_main. NOT_FOUND when there is no
 * driver and no virtual node. ret_is_virtual: the library lies in a virtual node's folder. */
int tr_smi__load(const char *node, struct tr_nvml **ret, bool *ret_is_virtual, struct tr_err *err);
