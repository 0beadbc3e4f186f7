/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image asks of the driver, in the vendor's words: NVIDIA_REQUIRE_CUDA=cuda>=12.8 and its
 * kin in its environment. The vendor's hook looks at it, CDI does not; the program in it would find
 * out behind everything else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct tr_err;

struct tr_driver {
	const char *version; /* "580.159.04"; NULL: unknown, and whatever asks for it is met */
	const char *cuda;    /* the newest that it runs: "13.0"; NULL as well */
};

/* `env` are the KEY=VALUE of an image or container. UNSUPPORTED names what is not met. */
int tr_needs_check(char *const *env, size_t n, const struct tr_driver *driver, struct tr_err *err);
