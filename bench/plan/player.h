/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual node of one A100-80GB to play changes on, in a folder of its own under /tmp. Whatever
 * fails ends the program with a word on it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void player_open(void);
void player_close(void);

/* From then on the driver's calls take as long as on hardware, or not. */
void player_slow(bool on);

/* A GPU instance and the compute instance that spans it. One at a start. */
void player_create(uint32_t profile_id, uint32_t start, uint32_t size, uint32_t compute_slices);
void player_destroy(uint32_t start);

/* Wall time since some moment. */
double player_seconds(void);
