/* SPDX-License-Identifier: Apache-2.0 */
#include "run/cgroup.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define ROOT "/sys/fs/cgroup"
#define TOP  "/tranche"

enum { CPU_PERIOD_US = 100000 }; /* the kernel's own default */

void tr_cgroup_path(const char *name, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s", TOP, name);
}

bool tr_cgroup_is_v2(void)
{
	struct statfs fs;

	return statfs(ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Writes one value with one write(2), as the kernel wants it. */
static int put(const char *dir, const char *file, const char *value)
{
	TR_AUTO_BUF path = { 0 };
	TR_AUTO_CLOSE int fd = -1;

	tr_buf_addf(&path, "%s/%s", dir, file);
	if (path.failed)
		return -1;
	fd = open(path.s, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return write(fd, value, strlen(value)) < 0 ? -1 : 0;
}

static int put_number(const char *dir, const char *file, uint64_t number)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	return put(dir, file, value);
}

static bool has_file(const char *dir, const char *file)
{
	TR_AUTO_BUF path = { 0 };

	tr_buf_addf(&path, "%s/%s", dir, file);
	return !path.failed && access(path.s, F_OK) == 0;
}

static char *get(const char *dir, const char *file)
{
	TR_AUTO_BUF path = { 0 };
	struct tr_err ignored;
	char *text = NULL;

	tr_buf_addf(&path, "%s/%s", dir, file);
	if (path.failed || tr_read_file(path.s, 1 << 20, &text, NULL, &ignored) < 0)
		return NULL;
	return text;
}

/* Makes HIERARCHY/tranche/NAME. Somebody may remove the empty "/tranche" between the two mkdir
 * calls: begin again. */
static int make_dir(const char *hierarchy, const char *name, bool is_v2)
{
	TR_AUTO_BUF top = { 0 }, dir = { 0 };

	tr_buf_addf(&top, "%s%s", hierarchy, TOP);
	tr_buf_addf(&dir, "%s%s/%s", hierarchy, TOP, name);
	if (top.failed || dir.failed)
		return -1;
	for (int i = 0; i < 100; i++) {
		if (mkdir(top.s, 0755) < 0 && errno != EEXIST)
			return -1;
		if (is_v2)
			put(top.s, "cgroup.subtree_control", "+memory +cpu");
		if (mkdir(dir.s, 0755) == 0 || errno == EEXIST)
			return 0;
		if (errno != ENOENT)
			return -1;
	}
	return -1;
}

/* The folder of NAME's group in the first of these hierarchies that has one. */
static void find_dir(const char *const hierarchies[], const char *name, char ret[PATH_MAX])
{
	for (int i = 0; hierarchies[i]; i++) {
		int len = snprintf(ret, PATH_MAX, "%s%s/%s", hierarchies[i], TOP, name);

		if (len < PATH_MAX && has_file(ret, "cgroup.procs"))
			return;
	}
	ret[0] = '\0';
}

static const char *const memory_hierarchies[] = { ROOT "/memory", NULL };
static const char *const cpu_hierarchies[] = { ROOT "/cpu", ROOT "/cpu,cpuacct", NULL };
static const char *const v2_hierarchies[] = { ROOT, NULL };

void tr_cgroup_find(const char *name, struct tr_cgroup *ret)
{
	bool is_v2 = tr_cgroup_is_v2();

	*ret = (struct tr_cgroup){ .is_limited = false };
	find_dir(is_v2 ? v2_hierarchies : memory_hierarchies, name, ret->memory_dir);
	find_dir(is_v2 ? v2_hierarchies : cpu_hierarchies, name, ret->cpu_dir);
}

/* Memory and swap together stop at the limit: swap of version 1 is counted in memsw (which a
 * kernel without swap accounting lacks; then swap escapes the limit), that of version 2 apart. */
static bool limit_memory(const char *dir, bool is_v2, uint64_t bytes)
{
	if (!dir[0])
		return false;
	if (is_v2) {
		if (has_file(dir, "memory.swap.max"))
			put(dir, "memory.swap.max", "0");
		return put_number(dir, "memory.max", bytes) == 0;
	}
	if (put_number(dir, "memory.limit_in_bytes", bytes) < 0)
		return false;
	return !has_file(dir, "memory.memsw.limit_in_bytes") ||
	       put_number(dir, "memory.memsw.limit_in_bytes", bytes) == 0;
}

static bool limit_cpu(const char *dir, bool is_v2, uint32_t millis)
{
	uint64_t quota = (uint64_t)millis * (CPU_PERIOD_US / 1000);
	char value[64];

	if (!dir[0])
		return false;
	if (!is_v2)
		return put_number(dir, "cpu.cfs_period_us", CPU_PERIOD_US) == 0 &&
		       put_number(dir, "cpu.cfs_quota_us", quota) == 0;
	snprintf(value, sizeof(value), "%llu %d", (unsigned long long)quota, CPU_PERIOD_US);
	return put(dir, "cpu.max", value) == 0;
}

void tr_cgroup_make(
	const char *name, uint64_t memory_bytes, uint32_t cpu_millis, struct tr_cgroup *ret)
{
	bool is_v2 = tr_cgroup_is_v2();

	if (is_v2) {
		put(ROOT, "cgroup.subtree_control", "+memory +cpu");
		make_dir(ROOT, name, true);
	} else {
		make_dir(memory_hierarchies[0], name, false);
		for (int i = 0; cpu_hierarchies[i]; i++)
			if (make_dir(cpu_hierarchies[i], name, false) == 0)
				break;
	}
	tr_cgroup_find(name, ret);
	ret->is_limited = true;
	if (memory_bytes && !limit_memory(ret->memory_dir, is_v2, memory_bytes))
		ret->is_limited = false;
	if (cpu_millis && !limit_cpu(ret->cpu_dir, is_v2, cpu_millis))
		ret->is_limited = false;
}

int tr_cgroup_join(const struct tr_cgroup *group)
{
	if (group->memory_dir[0] && put(group->memory_dir, "cgroup.procs", "0") < 0)
		return -1;
	if (group->cpu_dir[0] && strcmp(group->cpu_dir, group->memory_dir) != 0 &&
		put(group->cpu_dir, "cgroup.procs", "0") < 0)
		return -1;
	return 0;
}

bool tr_cgroup_oom_kills(const struct tr_cgroup *group, uint64_t *ret)
{
	TR_AUTO_FREE char *text = NULL;
	const char *at;

	if (!group->memory_dir[0])
		return false;
	text = get(group->memory_dir, tr_cgroup_is_v2() ? "memory.events" : "memory.oom_control");
	for (at = text; at && *at; at = strchr(at, '\n'), at += at != NULL) {
		if (strncmp(at, "oom_kill ", 9) != 0)
			continue;
		*ret = strtoull(at + 9, NULL, 10);
		return true;
	}
	return false;
}

static void kill_in(const char *dir)
{
	TR_AUTO_FREE char *text = dir[0] ? get(dir, "cgroup.procs") : NULL;

	for (char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL) {
		long pid = strtol(at, NULL, 10);

		if (pid > 0) /* 0: a process of another PID namespace */
			kill((pid_t)pid, SIGKILL);
	}
}

bool tr_cgroup_has_processes(const struct tr_cgroup *group)
{
	TR_AUTO_FREE char *memory = get(group->memory_dir, "cgroup.procs");
	TR_AUTO_FREE char *cpu = get(group->cpu_dir, "cgroup.procs");

	return (memory && *memory) || (cpu && *cpu);
}

void tr_cgroup_kill(const struct tr_cgroup *group)
{
	if (group->memory_dir[0] && has_file(group->memory_dir, "cgroup.kill") &&
		put(group->memory_dir, "cgroup.kill", "1") == 0)
		return;
	kill_in(group->memory_dir);
	kill_in(group->cpu_dir);
}

/* The folder of a group in the first of these hierarchies that has one; "" when none has. */
static void group_dir(const char *const hierarchies[], const char *group, char ret[PATH_MAX])
{
	for (int i = 0; hierarchies[i]; i++) {
		int len = snprintf(ret, PATH_MAX, "%s%s", hierarchies[i], group);

		if (len < PATH_MAX && has_file(ret, "cgroup.procs"))
			return;
	}
	ret[0] = '\0';
}

/* A number that a file begins with; UINT64_MAX for "max", "-1" and what cannot be read. */
static uint64_t get_number(const char *dir, const char *file)
{
	TR_AUTO_FREE char *text = get(dir, file);

	return text && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Memory first: version 1 lets it never be above memory and swap together. */
static bool cap_memory(const char *dir, bool is_v2, uint64_t bytes)
{
	const char *file = is_v2 ? "memory.max" : "memory.limit_in_bytes";
	const char *both = "memory.memsw.limit_in_bytes";

	if (get_number(dir, file) > bytes && put_number(dir, file, bytes) < 0)
		return false;
	if (is_v2)
		return !has_file(dir, "memory.swap.max") || put(dir, "memory.swap.max", "0") == 0;
	return !has_file(dir, both) || get_number(dir, both) <= bytes ||
	       put_number(dir, both, bytes) == 0;
}

static uint64_t cpu_now_millis(const char *dir, bool is_v2)
{
	uint64_t quota = get_number(dir, is_v2 ? "cpu.max" : "cpu.cfs_quota_us");
	uint64_t period = CPU_PERIOD_US;

	if (quota == UINT64_MAX)
		return UINT64_MAX;
	if (is_v2) {
		TR_AUTO_FREE char *text = get(dir, "cpu.max");
		const char *second = text ? strchr(text, ' ') : NULL;

		period = second ? strtoull(second, NULL, 10) : 0;
	} else {
		period = get_number(dir, "cpu.cfs_period_us");
	}
	return period ? quota * 1000 / period : UINT64_MAX;
}

int tr_cgroup_cap(const char *group, uint64_t memory_bytes, uint32_t cpu_millis, struct tr_err *err)
{
	bool is_v2 = tr_cgroup_is_v2();
	char memory_dir[PATH_MAX], cpu_dir[PATH_MAX];

	group_dir(is_v2 ? v2_hierarchies : memory_hierarchies, group, memory_dir);
	group_dir(is_v2 ? v2_hierarchies : cpu_hierarchies, group, cpu_dir);
	if (!memory_dir[0] || !cpu_dir[0])
		return tr_fail(err, TR_E_NOT_FOUND,
			"there is no control group '%s' for memory and processors", group);
	if (memory_bytes && !cap_memory(memory_dir, is_v2, memory_bytes))
		return tr_fail(err, TR_E_IO, "control group '%s' cannot be held to %llu MiB", group,
			(unsigned long long)(memory_bytes >> 20));
	if (cpu_millis && cpu_now_millis(cpu_dir, is_v2) > cpu_millis &&
		!limit_cpu(cpu_dir, is_v2, cpu_millis))
		return tr_fail(err, TR_E_IO,
			"control group '%s' cannot be held to %u.%03u processors", group,
			cpu_millis / 1000, cpu_millis % 1000);
	return 0;
}

typedef void visit_fn(const char *hierarchy, void *arg);

/* Every mounted hierarchy: the root itself on version 2, its folders on version 1 (of which some
 * are links to others). */
static void each_hierarchy(visit_fn *visit, void *arg)
{
	DIR *dir;
	struct dirent *entry;

	if (tr_cgroup_is_v2()) {
		visit(ROOT, arg);
		return;
	}
	dir = opendir(ROOT);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		TR_AUTO_BUF path = { 0 };

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		tr_buf_addf(&path, "%s/%s", ROOT, entry->d_name);
		if (!path.failed && has_file(path.s, "cgroup.procs"))
			visit(path.s, arg);
	}
	closedir(dir);
}

static void make_parent(const char *hierarchy, void *arg)
{
	make_dir(hierarchy, arg, false);
}

void tr_cgroup_make_parents(const char *name)
{
	each_hierarchy(make_parent, (void *)(uintptr_t)name);
}

/* Depth first; no group of ours is deep. */
static void remove_groups(const char *path, int depth)
{
	DIR *dir = depth < 8 ? opendir(path) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		TR_AUTO_BUF child = { 0 };

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		tr_buf_addf(&child, "%s/%s", path, entry->d_name);
		if (!child.failed)
			remove_groups(child.s, depth + 1);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

struct removal {
	const char *name;
	char busy[PATH_MAX];
};

static void remove_in(const char *hierarchy, void *arg)
{
	struct removal *removal = arg;
	TR_AUTO_BUF dir = { 0 }, top = { 0 };

	tr_buf_addf(&dir, "%s%s/%s", hierarchy, TOP, removal->name);
	tr_buf_addf(&top, "%s%s", hierarchy, TOP);
	if (dir.failed || top.failed)
		return;
	remove_groups(dir.s, 0);
	if (tr_is_dir(dir.s))
		snprintf(removal->busy, sizeof(removal->busy), "%s", dir.s);
	rmdir(top.s);
}

int tr_cgroup_remove(const char *name, struct tr_err *err)
{
	struct removal removal = { .name = name };

	each_hierarchy(remove_in, &removal);
	if (removal.busy[0])
		return tr_fail(
			err, TR_E_BUSY, "control group '%s' still holds processes", removal.busy);
	return 0;
}
