/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the caller of a change what is being done, step by step.
 */
#pragma once

#include <tranche/tranche.h>

#include "base/clock.h"

/* Tells one step: `model` and `command` may be NULL. A NULL change, or one with no on_step, hears
 * nothing. Seconds count from the first step that this thread told for this change object. */
void tr_tell(const struct tr_change *change, enum tr_step_kind kind, const char *model,
	const char *command, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* True once the caller wants the change to stop. */
bool tr_is_stopped(const struct tr_change *change);
bool tr_is_dry(const struct tr_change *change);

/* Starts the clock that tr_tell's seconds come from. Each public call does so once. */
void tr_tell_begin(void);
