/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tranche keeps things, and where its own parts lie.
 *
 * For the side that a user runs (command line, daemon, shim). A guest in a stranger's process (the
 * virtual driver) asks none of this: it finds its place by its own path, never by the environment.
 * Every `ret` holds PATH_MAX bytes and comes out NUL-terminated.
 */
#pragma once

#include <limits.h>

struct tr_err;

/* What is gone after a reboot: TRANCHE_RUN_DIR, or /run/tranche (root), or $XDG_RUNTIME_DIR/tranche
 * (others; /tmp/tranche-UID without it). INVALID when a variable holds no full path. */
int tr_run_dir(char *ret, struct tr_err *err);
/* What stays: TRANCHE_STATE_DIR, or /var/lib/tranche (root), or $XDG_STATE_HOME/tranche
 * (~/.local/state/tranche). */
int tr_state_dir(char *ret, struct tr_err *err);

/* "DIR/REST"; `rest` may be "". INVALID when it does not fit. ret may be dir itself. */
int tr_path_join(const char *dir, const char *rest, char *ret, struct tr_err *err);

/*
 * A file that belongs to this installation ("tranche-shim", "libnvidia-ml.so.1"): in
 * TRANCHE_LIBEXEC_DIR; else beside the running program, in ../libexec/tranche as installed, or
 * where the build leaves it. NOT_FOUND names the places that were looked at.
 */
int tr_part_find(const char *file, char *ret, struct tr_err *err);
