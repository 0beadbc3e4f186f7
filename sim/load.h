/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How busy a card or a slice is: the CPU time that its servers took of their share of this machine.
 *
 * A card's share is all processors, a GPU instance's its part of the card's SMs.
 */
#pragma once

#include "sim/drv.h"

/* CPU nanoseconds that a card's (gi_id TR_SIM_WHOLE) or a GPU instance's servers have used. */
uint64_t tr_load_cpu_ns(uint32_t gpu_idx, uint32_t gi_id);
/* Nanoseconds of CPU time that its share offers in so many nanoseconds. */
double tr_load_share_ns(const struct tr_drv_target *target, int64_t wall_ns);
int64_t tr_load_now_ns(void);

/* Thousandths of a card's share that are in use, over the last sixth of a second or more. The first
 * call about a card with servers takes two looks, 20 ms apart. */
uint32_t tr_load_permille(const struct tr_drv_target *target);

/* What follows from it; 0: unknown. Milliwatts, degrees. */
uint32_t tr_load_power(const struct tr_drv_target *target);
uint32_t tr_load_temperature(const struct tr_drv_target *target, bool of_memory);
/* Millijoules since this machine started, as if the card had rested, plus what its servers' work
 * cost. */
uint64_t tr_load_energy(const struct tr_drv_target *target);
