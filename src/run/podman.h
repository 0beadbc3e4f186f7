/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman's command lines, apart from running them.
 */
#pragma once

#include "run/run.h"

/* "podman", and the switches that this machine needs on every call. */
void tr_podman__begin(struct tr_strv *ret);

/* `podman run` for a spec. `env_file` is a file that holds the entries of spec->env which may not
 * stand in podman's own environment; NULL: they are named like the others (dry run). */
void tr_podman__run(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret);

/* True for an entry that would change podman itself when handed over by its environment. */
bool tr_podman__is_env_for_file(const char *entry);

/* True where podman manages control groups by itself, so that they are below "/tranche/NAME". */
bool tr_podman__owns_cgroups(void);

/* True where crun, podman's default, refuses to start anything: both versions of control groups
 * are mounted, and version 2 has controllers too. */
bool tr_podman__needs_runc(void);
