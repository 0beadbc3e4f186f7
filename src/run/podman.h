/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is podman's own beside run/container.h.
 */
#pragma once

#include "run/run.h"

struct tr_container;

/* "podman", and the switches that this machine needs on every call. */
void tr_podman__begin(struct tr_strv *ret);

/* As run() of struct tr_container. */
void tr_podman__run(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret);

/* True where podman manages control groups by itself, so that they are below "/tranche/NAME". */
bool tr_podman__owns_cgroups(void);

/* True where crun, podman's default, refuses to start anything: both versions of control groups
 * are mounted, and version 2 has controllers too. */
bool tr_podman__needs_runc(void);

extern const struct tr_container tr_podman__container;

/* The list() of struct tr_runtime. */
int tr_podman__list(struct tr_servers *ret, struct tr_err *err);
