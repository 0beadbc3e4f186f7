/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tranche-shim DIR: holds one server of the process runtime, as conmon holds a container.
 *
 * DIR is a folder that tr_run__claim made. Descriptor 3, when open, is told how the start went:
 * "+" once the server was exec'ed, or "-ERRNO what" when nothing was started. The shim lives as
 * long as anything that the server started, and then leaves DIR/exit behind.
 */
#pragma once

#include "run/cgroup.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	TR_SHIM_REPORT_FD = 3,
	TR_SHIM_LOG_MAX = 8 << 20, /* of each of log and log.1: enough for a day of requests */
};

/* DIR/log, which becomes DIR/log.1 when it is full. */
struct tr_shim_log {
	int fd;
	size_t used;
};
int tr_shim_log_open(struct tr_shim_log *log);
/* Log and its older part are relative to the working folder, which is DIR. */
void tr_shim_log_write(struct tr_shim_log *log, const char *data, size_t len);
