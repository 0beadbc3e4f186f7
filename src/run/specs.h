/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI specs of this machine's driver: made by the vendor's nvidia-ctk, read by podman, which binds
 * a container to a slice by them. They know the slices of the moment at which they were made.
 */
#pragma once

#include "base/buf.h"

struct tr_err;

/* The folders that are read; a name in a later one comes before the same in an earlier. */
enum { TR_SPECS_DIRS = 2 };
extern const char *const tr_specs_dirs[TR_SPECS_DIRS];

/* All specs of all folders as one text: a slice is named in one of them, or it is not. How many. */
size_t tr_specs_read(const char *const *dirs, size_t n_dirs, struct tr_buf *ret);

/* UNSUPPORTED when there is no nvidia-ctk. */
int tr_specs_check_tool(struct tr_err *err);

/* What makes the driver's spec anew: in the file where it is, else in the usual place. */
void tr_specs_command(struct tr_strv *ret);

/* Makes it anew. DRIVER when it does not name `uuid` then. */
int tr_specs_make(const char *uuid, struct tr_err *err);
