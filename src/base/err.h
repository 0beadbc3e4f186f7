/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling in the error object of <tranche/err.h>.
 *
 * A layer wraps only when it knows something the inner one did not (which model, which GPU); it
 * never replaces the inner words. All three return -code, so that `return tr_fail(...)` is one
 * statement.
 */
#pragma once

#include <tranche/err.h>

/* Sets code and message, and clears the hint. */
int tr_fail(struct tr_err *err, enum tr_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As tr_fail, with ": " and strerror(errnum) behind the message; EACCES and EPERM become
 * PERMISSION, ENOENT becomes NOT_FOUND, ENOMEM becomes NO_MEMORY, everything else IO. */
int tr_fail_errno(struct tr_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message that is there. */
int tr_wrap(struct tr_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says what to type next; replaces an earlier hint. */
int tr_hint(struct tr_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
