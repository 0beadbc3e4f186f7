/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual node's CDI spec: what podman and docker (25 and newer) read to know what
 * "--device nvidia.com/gpu=MIG-..." means.
 *
 *	RUN/virtual/NODE/cdi	a link to the file that is kept in step; none: none is
 */
#pragma once

struct tr_err;

/* Writes the kept file of a node anew, after a change of its slices. What goes wrong is not told
 * here, since the change itself is done: tr_cdi_get compares. */
void tr_cdi_refresh(const char *node);

/* The kept file, before its node goes; NULL when there is none. malloc'd. */
char *tr_cdi_kept(const char *node);
