/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, handed in: what waits or measures takes a clock, so that a test can turn it by hand.
 */
#pragma once

#include <stdint.h>

struct tr_clock {
	int64_t (*now_ms)(void *arg);		 /* monotonic */
	void (*sleep_ms)(void *arg, int64_t ms); /* may return early on a signal */
	void *arg;
};

/* The machine's own clock. */
extern const struct tr_clock tr_clock_real;

static inline int64_t tr_now_ms(const struct tr_clock *clock)
{
	return clock->now_ms(clock->arg);
}

static inline void tr_sleep_ms(const struct tr_clock *clock, int64_t ms)
{
	clock->sleep_ms(clock->arg, ms);
}
