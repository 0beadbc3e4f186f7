/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting other programs: argument vectors, never a shell.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

struct tr_err;

/* How a program is run; all zero is fine, and so is a NULL pointer to it. */
struct tr_run_how {
	const char *dir;	   /* its working folder; NULL: ours */
	const struct tr_strv *env; /* KEY=VALUE, put on top of this process's environment: a value
				    * handed over so stands in no argument list */
	const char *output; /* both streams go to this file (0600, emptied first), since a pipe
			     * would end the program with us; NULL: they are handed back */
	bool to_stdout;	    /* both streams go to our descriptor 1 */
	bool join;	    /* error output comes back in one stream with the output, in order */
	const volatile int *stop_flag; /* non-zero: the program is ended, INTERRUPTED comes back */
};

/*
 * Runs a program to its end. argv[0] is looked up on PATH. Standard input is /dev/null. Output and
 * error output are kept apart, each cut at 4 MiB; either pointer may be NULL, which throws that
 * stream away. The program has a process group of its own, so Ctrl-C reaches us and not it.
 * ret_status: the exit status, or 128 + the signal. NOT_FOUND when there is no such program.
 */
int tr_run(const struct tr_strv *argv, const struct tr_run_how *how, struct tr_buf *ret_out,
	struct tr_buf *ret_errout, int *ret_status, struct tr_err *err);

/* This process's environment with `extra` (KEY=VALUE; NULL: nothing) on top, shaped for execve: an
 * array that the caller frees, of strings that are borrowed from both. NULL when memory is out. */
char **tr_env_merge(const struct tr_strv *extra);

/* The full path of a program on PATH, or NULL; the caller's. */
char *tr_which(const char *program);
