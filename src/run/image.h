/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image, as `podman image inspect` and `docker image inspect` tell it, and what a server on a
 * slice needs of it. Looked at before anything is cut: what the image lacks would show behind
 * everything else, and as something else.
 */
#pragma once

#include "base/buf.h"

struct tr_err;
struct tr_server_spec;

struct tr_image {
	char *os, *arch; /* as OCI calls them: "linux", "amd64"; "" when not said */
	size_t n_entry, n_cmd;
	struct tr_strv env;
	struct tr_strv layers; /* folders of this machine that hold its files; none: not known */
};
void tr_image_done(struct tr_image *image);

/* From what `inspect` prints: a list of one. */
int tr_image_read(const char *json, size_t len, struct tr_image *ret, struct tr_err *err);

/* UNSUPPORTED or INVALID, with what it lacks. `program` is podman or docker, for the hint. */
int tr_image_check(const struct tr_image *image, const struct tr_server_spec *spec,
	const char *program, struct tr_err *err);
