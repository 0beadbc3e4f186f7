/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a process belongs: the container and the systemd unit that its cgroup names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the text of /proc/PID/cgroup: "container 3f1c2d4e5a6b, unit app.service"; "" for neither. */
void tr_where_of_cgroup(const char *text, char *ret, size_t size);
/* The same of a process; "" when it is gone or may not be read. */
void tr_where_of_pid(int32_t pid, char *ret, size_t size);
/* Does that text put a process into a control group, or one below it? `cgroup` NULL: no. */
bool tr_where_cgroup_is_in(const char *text, const char *cgroup);
/* The same of a process. */
bool tr_where_is_in(int32_t pid, const char *cgroup);
