/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the container runtimes ask of docker itself. */
#pragma once

#include "daemon.h"

#define RUNTIME (&tr_runtime_docker)

enum { NOT_THERE = 1 }; /* how `container inspect` ends */

static inline void engine_begin(struct tr_strv *argv)
{
	tr_strv_add(argv, "docker");
}

/* NULL, or why it cannot be tested here. */
static inline const char *engine_lacks(void)
{
	return daemon_lacks();
}

static inline int engine_open(void)
{
	static const char *const more[] = { "--bridge=none", "--iptables=false", NULL };

	return daemon_open(room_dir, more);
}

static inline int engine_close(void)
{
	return daemon_close();
}
