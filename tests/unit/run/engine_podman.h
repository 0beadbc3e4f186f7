/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the container runtimes ask of podman itself. */
#pragma once

#include "run/podman.h"

#define RUNTIME (&tr_runtime_podman)

enum { NOT_THERE = 125 }; /* how `container inspect` ends */

static inline void engine_begin(struct tr_strv *argv)
{
	tr_podman__begin(argv);
}

/* NULL, or why it cannot be tested here. */
static inline const char *engine_lacks(void)
{
	return RUNTIME->check(&err) < 0 ? err.msg : NULL;
}

static inline int engine_open(void)
{
	return 0;
}

static inline int engine_close(void)
{
	return 0;
}
