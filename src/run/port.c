/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NET_FILE_MAX = 16 << 20, STATE_LISTEN = 10, MAX_TRIES = 64 };

/* Binds a loopback port (0: any free one) as a server would, SO_REUSEADDR included: a port that
 * only waits out its old connections is free. */
static int bind_port(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t len = sizeof(address);
	TR_AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	*ret_port = ntohs(address.sin_port);
	return 0;
}

/* An address of /proc/net/tcp or tcp6 that keeps 127.0.0.1 busy: any, or loopback, in hexadecimal
 * as the processor orders it. */
static bool is_ours(const char *address)
{
	char loopback[16];
	size_t len = strlen(address);

	snprintf(loopback, sizeof(loopback), "%08X", htonl(INADDR_LOOPBACK));
	return strspn(address, "0") == len ||
	       (len >= 8 && strcmp(address + len - 8, loopback) == 0);
}

/* The socket inode of who listens on `port` in /proc/net/tcp or tcp6: lines are
 * "  0: ADDR:PORT ADDR:PORT STATE ... UID TIMEOUT INODE". 0 when nobody does. */
static unsigned long find_inode(const char *path, uint16_t port)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;

	if (tr_read_file(path, NET_FILE_MAX, &text, NULL, &ignored) < 0)
		return 0;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char address[40] = "";
		unsigned local = 0, state = 0;
		unsigned long inode = 0;

		if (sscanf(line,
			    " %*d: %39[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u "
			    "%*u %lu",
			    address, &local, &state, &inode) == 4 &&
			state == STATE_LISTEN && local == port && is_ours(address))
			return inode;
	}
	return 0;
}

static bool has_socket(const char *pid, unsigned long inode)
{
	char wanted[64], path[300], link[64];
	struct dirent *entry;
	bool found = false;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false; /* not ours to see */
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	closedir(dir);
	return found;
}

static pid_t find_holder(unsigned long inode)
{
	DIR *dir = inode ? opendir("/proc") : NULL;
	struct dirent *entry;
	pid_t pid = 0;

	while (dir && pid == 0 && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, inode))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	return pid;
}

static void command_of(pid_t pid, char *ret, size_t size)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (tr_read_file(path, 256, &text, NULL, &ignored) == 0)
		text[strcspn(text, "\n")] = '\0';
	snprintf(ret, size, "%s", text ? text : "?");
}

static int say_busy(uint16_t port, struct tr_err *err)
{
	unsigned long inode = find_inode("/proc/net/tcp", port);
	char command[64];
	pid_t pid;

	if (!inode)
		inode = find_inode("/proc/net/tcp6", port);
	pid = find_holder(inode);
	if (!pid) {
		tr_fail(err, TR_E_BUSY,
			"port %u of 127.0.0.1 is in use by a process that cannot be seen from here",
			port);
		return tr_hint(err, "ss -ltnp 'sport = :%u'   as root names it", port);
	}
	command_of(pid, command, sizeof(command));
	tr_fail(err, TR_E_BUSY, "port %u of 127.0.0.1 is in use by process %d (%s)", port, (int)pid,
		command);
	return tr_hint(err, "choose another port, or end process %d", (int)pid);
}

int tr_port_check(uint16_t port, struct tr_err *err)
{
	uint16_t bound;
	int r;

	if (port == 0)
		return tr_fail(err, TR_E_INVALID, "0 is no port");
	r = bind_port(port, &bound);
	if (r == -EADDRINUSE)
		return say_busy(port, err);
	return r < 0 ? tr_fail_errno(err, -r, "listen on port %u of 127.0.0.1", port) : 0;
}

int tr_port_pick(const uint16_t *taken, size_t n_taken, uint16_t *ret, struct tr_err *err)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		bool is_taken = false;
		uint16_t port = 0;
		int r = bind_port(0, &port);

		if (r < 0)
			return tr_fail_errno(err, -r, "find a free port of 127.0.0.1");
		for (size_t j = 0; j < n_taken; j++)
			is_taken = is_taken || taken[j] == port;
		if (!is_taken) {
			*ret = port;
			return 0;
		}
	}
	return tr_fail(err, TR_E_BUSY, "every free port of 127.0.0.1 that was tried is spoken for");
}
