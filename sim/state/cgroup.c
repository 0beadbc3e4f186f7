/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading cgroups, version 1 (memory hierarchy) or 2.
 *
 * No detection: a path is looked for in the memory hierarchy first, then in the unified one. On a
 * hybrid machine the first exists; on a pure version 2 only the second can.
 */
#include "sim/state/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };

enum { MEMORY_STAT_MAX = 8192, MAX_DEPTH = 16 };

/* Below the hierarchy's root, and not out of it again. */
static bool is_cgroup_path(const char *cgroup)
{
	const char *at = cgroup;

	if (*at != '/')
		return *at == '\0';
	while ((at = strstr(at, "/.."))) {
		if (at[3] == '/' || at[3] == '\0')
			return false;
		at += 3;
	}
	return true;
}

static int open_in(const char *cgroup, const char *file, int flags)
{
	char path[PATH_MAX];

	if (!is_cgroup_path(cgroup))
		return -1;
	for (size_t i = 0; i < TR_COUNT(roots); i++) {
		int fd;

		if ((size_t)snprintf(path, sizeof(path), "%s%s/%s", roots[i], cgroup, file) >=
			sizeof(path))
			return -1;
		fd = open(path, flags | O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

bool tr_sim_cgroup_exists(const char *cgroup)
{
	char path[PATH_MAX];
	struct stat st;

	if (!is_cgroup_path(cgroup))
		return false;
	for (size_t i = 0; i < TR_COUNT(roots); i++) {
		snprintf(path, sizeof(path), "%s%s/cgroup.procs", roots[i], cgroup);
		if (stat(path, &st) == 0)
			return true;
	}
	return false;
}

int tr_sim_cgroup_open_memory(const char *cgroup)
{
	return open_in(cgroup, "memory.stat", 0);
}

int tr_sim_cgroup_open_usage(const char *cgroup)
{
	int fd = open_in(cgroup, "memory.usage_in_bytes", 0);

	return fd >= 0 ? fd : open_in(cgroup, "memory.current", 0);
}

/* True when the line at `text` is "key NUMBER". */
static bool is_line(const char *text, const char *key, size_t len, uint64_t *ret)
{
	uint64_t number = 0;

	if (strncmp(text, key, len) != 0 || text[len] != ' ')
		return false;
	for (const char *c = text + len + 1; isdigit((unsigned char)*c); c++)
		number = number * 10 + (uint64_t)(*c - '0');
	*ret = number;
	return true;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

/* One pass, ended by the second number: this is what a memory query of the driver spends its time
 * on. Version 1 has "shmem" too, of the group without its children; only "anon" tells version 2. */
static bool sum_lines(const char *text, uint64_t *ret)
{
	uint64_t anon = 0, shmem = 0;
	bool has_anon = false;

	for (const char *line = text; line && *line; line = next_line(line)) {
		if (line[0] == 'a' && is_line(line, "anon", 4, &anon))
			has_anon = true;
		else if (line[0] == 't' && is_line(line, "total_rss", 9, &anon))
			has_anon = true;
		else if (has_anon &&
			 ((line[0] == 's' && is_line(line, "shmem", 5, &shmem)) ||
				 (line[0] == 't' && is_line(line, "total_shmem", 11, &shmem)))) {
			*ret = anon + shmem;
			return true;
		}
	}
	return false;
}

bool tr_sim_cgroup_memory_fd(int fd, uint64_t *ret_bytes)
{
	char text[MEMORY_STAT_MAX];
	ssize_t got;

	do
		got = pread(fd, text, sizeof(text) - 1, 0);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return sum_lines(text, ret_bytes);
}

bool tr_sim_cgroup_usage_fd(int fd, uint64_t *ret_bytes)
{
	char text[32], *end;
	ssize_t got;

	do
		got = pread(fd, text, sizeof(text) - 1, 0);
	while (got < 0 && errno == EINTR);
	if (got <= 1 || !isdigit((unsigned char)text[0]))
		return false;
	text[got] = '\0';
	*ret_bytes = strtoull(text, &end, 10);
	return strcmp(end, "\n") == 0;
}

bool tr_sim_cgroup_memory(const char *cgroup, uint64_t *ret_bytes)
{
	TR_AUTO_CLOSE int fd = tr_sim_cgroup_open_memory(cgroup);

	return fd >= 0 && tr_sim_cgroup_memory_fd(fd, ret_bytes);
}

static void read_pids(int dir_fd, int32_t *ret, int n_max, int *n)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char line[32];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		int32_t pid = (int32_t)strtol(line, NULL, 10);

		if (pid <= 0)
			continue; /* not of the caller's PID namespace */
		if (*n < n_max)
			ret[*n] = pid;
		(*n)++;
	}
	fclose(file);
}

/* Takes dir_fd. */
static void walk_pids(int dir_fd, int32_t *ret, int n_max, int *n, int depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir) {
		close(dir_fd);
		return;
	}
	read_pids(dir_fd, ret, n_max, n);
	while (depth < MAX_DEPTH && (entry = readdir(dir))) {
		int child;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = openat(
			dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			walk_pids(child, ret, n_max, n, depth + 1);
	}
	closedir(dir);
}

int tr_sim_cgroup_pids(const char *cgroup, int32_t *ret, int n_max)
{
	int dir_fd, n = 0;

	if (!tr_sim_cgroup_exists(cgroup))
		return -1;
	dir_fd = open_in(cgroup, ".", O_DIRECTORY);
	if (dir_fd < 0)
		return -1;
	walk_pids(dir_fd, ret, n_max, &n, 0);
	return n;
}

/* Version 1 has a hierarchy for it, version 2 a line of cpu.stat. */
bool tr_sim_cgroup_cpu(const char *cgroup, uint64_t *ret_ns)
{
	static const struct {
		const char *root, *file, *key;
		uint64_t to_ns;
	} places[] = {
		{ "/sys/fs/cgroup/cpuacct", "cpuacct.usage", "", 1 },
		{ "/sys/fs/cgroup/cpu,cpuacct", "cpuacct.usage", "", 1 },
		{ "/sys/fs/cgroup", "cpu.stat", "usage_usec ", 1000 },
	};
	char path[PATH_MAX], text[1024];

	if (!is_cgroup_path(cgroup))
		return false;
	for (size_t i = 0; i < TR_COUNT(places); i++) {
		TR_AUTO_CLOSE int fd = -1;
		const char *at;
		ssize_t got;

		snprintf(path, sizeof(path), "%s%s/%s", places[i].root, cgroup, places[i].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (got <= 0)
			continue;
		text[got] = '\0';
		at = strstr(text, places[i].key);
		if (!at)
			return false;
		*ret_ns = strtoull(at + strlen(places[i].key), NULL, 10) * places[i].to_ns;
		return true;
	}
	return false;
}
