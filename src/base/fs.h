/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and folders: read whole, write whole, make, remove, lock.
 *
 * Every descriptor is opened O_CLOEXEC. Paths in messages stand in single quotes.
 */
#pragma once

#include "base/own.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tr_err;

/* Reads a file of at most `max` bytes, also one whose size stat does not know (/proc, pipes).
 * ret_text is NUL-terminated and the caller's; ret_len may be NULL. INVALID when it is larger. */
int tr_read_file(
	const char *path, size_t max, char **ret_text, size_t *ret_len, struct tr_err *err);

/* Replaces a file in one step: written beside it under another name (mkstemp), synced, renamed. */
int tr_write_file(const char *path, mode_t mode, const void *data, size_t len, struct tr_err *err);

/* Makes a folder and what is missing above it; one that is there already is fine. */
int tr_mkdir_p(const char *path, mode_t mode, struct tr_err *err);

/* Removes a file or a whole folder, following no link and crossing no mount. A path that does not
 * exist is fine. */
int tr_rm_tree(const char *path, struct tr_err *err);

/* True when the path exists and is a folder, or a plain file. */
bool tr_is_dir(const char *path);
bool tr_is_file(const char *path);

/*
 * Takes an exclusive flock on a file, which is made when missing. ret_fd holds the lock until it
 * is closed; it is O_CLOEXEC, so no child keeps the lock alive. flock and not fcntl: an fcntl lock
 * is dropped by any close() of the file anywhere in the program.
 * With wait false, BUSY when somebody else holds it.
 */
int tr_lock_file(const char *path, bool wait, int *ret_fd, struct tr_err *err);
