/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program inside a virtual node: around the library it finds what a driver shows beside it.
 *
 * Everything is laid out on a tmpfs of a private mount namespace and bound over the places where
 * programs look, so nothing on the machine changes and nothing is left when the program ends.
 */
#include <tranche/tranche.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/node.h"
#include "core/virtual_view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int bind_over(const char *from, const char *to, struct tr_err *err)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0
		       ? tr_fail_errno(err, errno, "show '%s'", to)
		       : 0;
}

/* Shows in `dir` what is in `from` too: links as they are, the rest bound. */
static int carry_over(const char *from, const char *dir, struct tr_err *err)
{
	char source[PATH_MAX + 300], target[PATH_MAX + 300], link[PATH_MAX];
	DIR *list = opendir(from);
	struct dirent *entry;
	struct stat st;

	while (list && (entry = readdir(list))) {
		ssize_t len;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", dir, entry->d_name);
		/* What we made stands in place of what was there. */
		if (lstat(source, &st) < 0 || access(target, F_OK) == 0)
			continue;
		len = S_ISLNK(st.st_mode) ? readlink(source, link, sizeof(link) - 1) : -1;
		if (len >= 0) {
			link[len] = '\0';
			if (symlink(link, target) < 0)
				break;
			continue;
		}
		if (S_ISDIR(st.st_mode) ? mkdir(target, 0755) < 0
					: mknod(target, S_IFREG | 0600, 0) < 0)
			break;
		if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
			break;
	}
	if (list)
		closedir(list);
	return list && entry ? tr_fail_errno(err, errno, "carry '%s' over", source) : 0;
}

static int show_modules(const char *room, struct tr_err *err)
{
	TR_AUTO_FREE char *there = NULL;
	TR_AUTO_BUF text = { 0 };
	char path[PATH_MAX];

	if (tr_path_join(room, "modules", path, err) < 0)
		return -(int)err->code;
	if (access("/proc/modules", F_OK) < 0)
		return 0; /* this kernel has no such file */
	if (tr_read_file("/proc/modules", 1 << 20, &there, NULL, err) < 0)
		return -(int)err->code;
	tr_buf_puts(&text, there);
	tr_buf_puts(&text, "nvidia 14381056 0 - Live 0x0000000000000000 (OE)\n");
	if (tr_buf_ok(&text, err) < 0 || tr_write_file(path, 0444, text.s, text.len, err) < 0)
		return -(int)err->code;
	return bind_over(path, "/proc/modules", err);
}

static int lay_out(const char *room, const struct tr_sim_node *node, struct tr_err *err)
{
	struct tr_view at;

	if (tr_view_make(room, node, &at, err) < 0)
		return -(int)err->code;
	if (carry_over("/dev", at.dev, err) < 0 || carry_over("/proc/driver", at.proc, err) < 0 ||
		carry_over("/sys/bus/pci/devices", at.pci, err) < 0 ||
		show_modules(room, err) < 0 || bind_over(at.dev, "/dev", err) < 0)
		return -(int)err->code;
	/* A kernel without these has nothing to show them in. */
	if (access("/sys/bus/pci/devices", F_OK) == 0 &&
		bind_over(at.pci, "/sys/bus/pci/devices", err) < 0)
		return -(int)err->code;
	if (access("/proc/driver", F_OK) == 0 && bind_over(at.proc, "/proc/driver", err) < 0)
		return -(int)err->code;
	return 0;
}

static int enter_room(const char *name, char room[PATH_MAX], struct tr_err *err)
{
	if (tr_sim_node_path(name, "room", room, err) < 0 || tr_mkdir_p(room, 0755, err) < 0)
		return -(int)err->code;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tranche", room, "tmpfs", MS_NOSUID, "mode=755") < 0) {
		tr_fail_errno(err, errno, "mount what the program shall see");
		return err->code == TR_E_PERMISSION ? tr_hint(err, "sudo tranche virtual run")
						    : -(int)err->code;
	}
	return 0;
}

static int set_environment(const char *name, struct tr_err *err)
{
	const char *before = getenv("LD_LIBRARY_PATH");
	TR_AUTO_BUF path = { 0 };
	char lib[PATH_MAX];

	if (tr_sim_node_path(name, "lib", lib, err) < 0)
		return -(int)err->code;
	tr_buf_addf(&path, "%s%s%s", lib, before && *before ? ":" : "", before ? before : "");
	if (tr_buf_ok(&path, err) < 0)
		return -(int)err->code;
	if (setenv("LD_LIBRARY_PATH", path.s, 1) < 0 || setenv("TRANCHE_NODE", name, 1) < 0)
		return tr_fail_errno(err, errno, "set the program's environment");
	return 0;
}

int tr_virtual_run(const char *name, char *const argv[], struct tr_err *err)
{
	TR_AUTO_FREE char *state = malloc(sizeof(struct tr_sim_node));
	struct tr_sim_node *node = (struct tr_sim_node *)(void *)state;
	char room[PATH_MAX];

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "run a program: out of memory");
	if (tr_sim_read(name, node, err) < 0 || enter_room(name, room, err) < 0 ||
		lay_out(room, node, err) < 0 || set_environment(name, err) < 0)
		return tr_wrap(err, "run '%s' on virtual node '%s'", argv[0], name);
	execvp(argv[0], argv);
	return tr_fail_errno(err, errno, "run '%s'", argv[0]);
}
