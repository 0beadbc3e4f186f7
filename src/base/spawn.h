/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting other programs: argument vectors, never a shell.
 */
#pragma once

#include "base/buf.h"

#include <sys/types.h>

struct tr_err;

/*
 * Runs a program to its end. argv[0] is looked up on PATH. `env` holds KEY=VALUE pairs put on top
 * of this process's environment, NULL for none: a value handed over so stands in no argument list.
 * Standard input is /dev/null. Output and error output are kept apart, each cut at 4 MiB; either
 * pointer may be NULL, which throws that stream away.
 * ret_status: the exit status, or 128 + the signal. NOT_FOUND when there is no such program.
 */
int tr_run(const struct tr_strv *argv, const struct tr_strv *env, struct tr_buf *ret_out,
	struct tr_buf *ret_errout, int *ret_status, struct tr_err *err);

/* The same in another working folder; NULL: in ours. */
int tr_run_in(const char *dir, const struct tr_strv *argv, const struct tr_strv *env,
	struct tr_buf *ret_out, struct tr_buf *ret_errout, int *ret_status, struct tr_err *err);

/* The full path of a program on PATH, or NULL; the caller's. */
char *tr_which(const char *program);
