/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is docker's own beside run/container.h.
 */
#pragma once

#include "run/run.h"

struct tr_container;

extern const struct tr_container tr_docker__container;

/* Runs docker. UNSUPPORTED, with what to type, when its daemon does not answer; PERMISSION when it
 * may not be asked; NOT_FOUND when docker knows no such container or image. */
int tr_docker__call(const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err);

/* False when it is plain, without asking, that no daemon is there: each question to docker costs a
 * process. */
bool tr_docker__may_answer(void);

/* The list() of struct tr_runtime. */
int tr_docker__list(struct tr_servers *ret, struct tr_err *err);
