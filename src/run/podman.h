/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman's command lines, running them, and reading what podman says.
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

/* Runs podman; a status other than 0 is an error with podman's own words. */
int tr_podman__call(const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err);
/* The same, ended with INTERRUPTED when *stop_flag becomes non-zero. */
int tr_podman__call_until(const volatile int *stop_flag, const struct tr_strv *argv,
	struct tr_buf *ret_out, struct tr_err *err);
/* Appends the last line of what podman said, without its "Error: ". `said` loses its blank end. */
void tr_podman__reason(struct tr_buf *said, struct tr_buf *ret);

/* The list() of struct tr_runtime. */
int tr_podman__list(struct tr_servers *ret, struct tr_err *err);
