/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { PROC_FILE_MAX = 1 << 20, PARENT_FIELD = 4, START_FIELD = 22 };

static char *read_proc(pid_t pid, const char *file, size_t *ret_len)
{
	struct tr_err ignored;
	char path[64], *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return tr_read_file(path, PROC_FILE_MAX, &text, ret_len, &ignored) < 0 ? NULL : text;
}

/* A number of /proc/PID/stat; 0 when there is no such process. */
static uint64_t stat_field(pid_t pid, int wanted)
{
	TR_AUTO_FREE char *text = read_proc(pid, "stat", NULL);
	/* The command, field 2, may hold blanks and brackets. */
	const char *at = text ? strrchr(text, ')') : NULL;

	for (int field = 2; at && field < wanted; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

uint64_t tr_run__proc_start(pid_t pid)
{
	return stat_field(pid, START_FIELD);
}

bool tr_run__proc_is_alive(pid_t pid)
{
	TR_AUTO_FREE char *text = pid > 0 ? read_proc(pid, "stat", NULL) : NULL;
	const char *state = text ? strrchr(text, ')') : NULL;

	return state && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X';
}

/* The path of the line whose controllers name "memory"; else that of version 2 ("0::"). */
/* The kernel moves what has ended to the root, before it is waited for: that is nobody's group, and
 * who is bound to it would never be gone. */
static char *own_group(const char *path)
{
	return path && strcmp(path, "/") != 0 ? strdup(path) : NULL;
}

char *tr_run__proc_cgroup(pid_t pid)
{
	TR_AUTO_FREE char *text = read_proc(pid, "cgroup", NULL);
	char *found = NULL;

	for (char *save = NULL, *line = text ? strtok_r(text, "\n", &save) : NULL; line;
		line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		for (char *next = NULL, *name = strtok_r(names + 1, ",", &next); name;
			name = strtok_r(NULL, ",", &next))
			if (strcmp(name, "memory") == 0)
				return own_group(path);
		if (strcmp(line, "0:") == 0)
			found = path;
	}
	return own_group(found);
}

typedef bool match_fn(pid_t pid, const void *arg);

static int each_process(match_fn *match, const void *arg, int signal)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (!isdigit((unsigned char)entry->d_name[0]) || pid == getpid() ||
			!match(pid, arg))
			continue;
		if (signal)
			kill(pid, signal);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Is a string among those of /proc/PID/environ or cmdline, which end with a NUL each? */
static bool has_string(pid_t pid, const char *file, const char *wanted)
{
	size_t len = 0;
	TR_AUTO_FREE char *text = read_proc(pid, file, &len);

	for (size_t at = 0; text && at < len; at += strlen(text + at) + 1)
		if (strcmp(text + at, wanted) == 0)
			return true;
	return false;
}

static bool is_marked(pid_t pid, const void *mark)
{
	return has_string(pid, "environ", mark);
}

int tr_run__proc_kill_marked(const char *dir)
{
	TR_AUTO_BUF mark = { 0 };

	tr_buf_addf(&mark, TR_RUN_MARK "=%s", dir);
	return mark.failed ? 0 : each_process(is_marked, mark.s, SIGKILL);
}

static bool is_child(pid_t pid, const void *unused)
{
	(void)unused;
	return stat_field(pid, PARENT_FIELD) == (uint64_t)getpid();
}

int tr_run__proc_kill_children(void)
{
	return each_process(is_child, NULL, SIGKILL);
}

struct place {
	const char *dir, *word;
};

static bool is_in(pid_t pid, const void *arg)
{
	const struct place *place = arg;
	char link[64], cwd[PATH_MAX];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	len = readlink(link, cwd, sizeof(cwd) - 1);
	if (len < 0)
		return false;
	cwd[len] = '\0';
	return strcmp(cwd, place->dir) == 0 &&
	       (!place->word || has_string(pid, "cmdline", place->word));
}

int tr_run__proc_in_folder(const char *dir, const char *word)
{
	char real[PATH_MAX];
	struct place place = { real, word };

	return realpath(dir, real) ? each_process(is_in, &place, 0) : 0;
}
