/* SPDX-License-Identifier: Apache-2.0 */
#include "run/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int tr_shim_log_open(struct tr_shim_log *log)
{
	log->used = 0;
	log->fd =
		open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return log->fd < 0 ? -1 : 0;
}

static void rotate(struct tr_shim_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	rename("log", "log.1");
	tr_shim_log_open(log);
}

/* A full disk must not stop the server: what cannot be written is dropped. */
void tr_shim_log_write(struct tr_shim_log *log, const char *data, size_t len)
{
	if (log->fd < 0 || log->used + len > TR_SHIM_LOG_MAX)
		rotate(log);
	while (log->fd >= 0 && len > 0) {
		ssize_t put = write(log->fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return;
		data += put;
		len -= (size_t)put;
		log->used += (size_t)put;
	}
}
