/* SPDX-License-Identifier: Apache-2.0 */
/* What the planner's parts share. */
#pragma once

#include <stdbool.h>

/* "+me", "-me", "+gfx" of a profile's name; "" when it is a plain one. */
const char *tr_plan__attribute(const char *name);
/* True when two slices may not be on one card, whatever the room: the media engines exist once. */
bool tr_plan__excludes(const char *a, const char *b);
