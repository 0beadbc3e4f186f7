/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a slice's parts into a container that is being made.
 *
 * The image is a stranger's: a link in it ("/run -> /etc") must not lead out of the container's
 * root, where we still have all rights. So every path in it is walked by openat2 with
 * RESOLVE_IN_ROOT, and what is mounted goes onto an open descriptor, never onto a path. The sources
 * are opened before the container's mount namespace is entered, read-only from birth.
 */
#include "hook/hook.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum { NODE_MODE = 0666 };

/* --- Inside the container's root --- */

static int open_in(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Opens the folder that holds `path`, making what is missing; the last name is left in *ret_name.
 * -1 with errno. */
static int open_parent(int root, const char *path, const char **ret_name)
{
	int fd = open_in(root, "/", O_DIRECTORY);

	for (const char *at = path + 1, *slash; fd >= 0 && (slash = strchr(at, '/'));
		at = slash + 1) {
		char name[NAME_MAX + 1], whole[PATH_MAX];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)(slash - at), at);
		snprintf(whole, sizeof(whole), "%.*s", (int)(slash - path), path);
		if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST) {
			close(fd);
			return -1;
		}
		next = open_in(root, whole, O_DIRECTORY);
		close(fd);
		fd = next;
	}
	*ret_name = strrchr(path, '/') + 1;
	return fd;
}

/* The place for a mount, an empty file or folder when it was not there. -1 with errno. */
static int open_target(int root, const char *path, bool is_dir)
{
	TR_AUTO_CLOSE int parent = -1;
	const char *name;
	struct stat st;
	int fd = open_in(root, path, is_dir ? O_DIRECTORY : 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	parent = open_parent(root, path, &name);
	if (parent < 0)
		return -1;
	/* A link that leads nowhere: what it stood for is not in this image. */
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
		unlinkat(parent, name, 0) < 0)
		return -1;
	if (is_dir ? mkdirat(parent, name, 0755) < 0 && errno != EEXIST
		   : mknodat(parent, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return -1;
	return open_in(root, path, is_dir ? O_DIRECTORY : 0);
}

static int make_device(int root, const char *path, dev_t device, struct tr_err *err)
{
	TR_AUTO_CLOSE int parent = -1;
	const char *name;
	struct stat st;

	parent = open_parent(root, path, &name);
	if (parent < 0)
		return tr_fail_errno(err, errno, "make '%s' in the container", path);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode))
		return 0;
	if (mknodat(parent, name, S_IFCHR | NODE_MODE, device) < 0 ||
		fchmodat(parent, name, NODE_MODE, 0) < 0)
		return tr_fail_errno(err, errno, "make '%s' in the container", path);
	return 0;
}

/* --- From outside --- */

struct part {
	int fd; /* a mount that hangs nowhere yet; -1: none */
	bool is_dir;
	char target[PATH_MAX];
};

static int detach(const char *host, struct part *part, struct tr_err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };
	struct stat st;

	part->fd = open_tree(AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (part->fd < 0 || mount_setattr(part->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
		fstat(part->fd, &st) < 0)
		return tr_fail_errno(err, errno, "give '%s' to the container", host);
	part->is_dir = S_ISDIR(st.st_mode);
	return 0;
}

/* "HOST:TARGET:ro" */
static int open_part(const char *mount, struct part *part, struct tr_err *err)
{
	const char *colon = strchr(mount, ':');
	char host[PATH_MAX];

	if (!colon || (size_t)(colon - mount) >= sizeof(host))
		return tr_fail(err, TR_E_INVALID, "'%s' is no mount", mount);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - mount), mount);
	snprintf(part->target, sizeof(part->target), "%.*s", (int)strcspn(colon + 1, ":"),
		colon + 1);
	return detach(host, part, err);
}

static int attach(int root, const struct part *part, struct tr_err *err)
{
	TR_AUTO_CLOSE int target = open_target(root, part->target, part->is_dir);

	if (target < 0 || move_mount(part->fd, "", target, "",
				  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return tr_fail_errno(err, errno, "mount '%s' in the container", part->target);
	return 0;
}

static int enter(const struct tr_hook_container *container, int *ret_root, struct tr_err *err)
{
	TR_AUTO_CLOSE int ns = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)container->pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
		return tr_fail_errno(err, errno, "enter the container's mount namespace");
	*ret_root = open(container->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_root < 0)
		return tr_fail_errno(err, errno, "open the container's root '%s'", container->root);
	return 0;
}

static int give(struct part *parts, size_t n, const struct tr_strv *devices,
	const struct tr_hook_container *container, struct tr_err *err)
{
	TR_AUTO_CLOSE int root = -1;
	struct stat device;

	if (stat(TR_SIM_DEVICE, &device) < 0)
		return tr_fail_errno(err, errno, "look at '%s'", TR_SIM_DEVICE);
	if (enter(container, &root, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < n; i++)
		if (attach(root, &parts[i], err) < 0)
			return -(int)err->code;
	for (size_t i = 0; i < devices->n; i++)
		if (make_device(root, devices->v[i], device.st_rdev, err) < 0)
			return -(int)err->code;
	return 0;
}

static int open_parts(const struct tr_strv *mounts, struct part *parts, struct tr_err *err)
{
	for (size_t i = 0; i < mounts->n; i++)
		parts[i].fd = -1;
	for (size_t i = 0; i < mounts->n; i++)
		if (open_part(mounts->v[i], &parts[i], err) < 0)
			return -(int)err->code;
	return 0;
}

int tr_hook_give(const struct tr_hook_choice *choice, const struct tr_hook_container *container,
	struct tr_err *err)
{
	TR_AUTO_STRV mounts = { 0 }, devices = { 0 };
	TR_AUTO_FREE char *room = NULL;
	struct part *parts;
	int r;

	for (size_t i = 0; i < choice->uuids.n; i++)
		if (tr_sim_guest_parts(choice->node, choice->uuids.v[i], &mounts, &devices, err) <
			0)
			return -(int)err->code;
	room = calloc(mounts.n + 1, sizeof(*parts));
	if (!room)
		return tr_fail(err, TR_E_NO_MEMORY, "give the slices: out of memory");
	parts = (struct part *)(void *)room;
	r = open_parts(&mounts, parts, err);
	if (r == 0)
		r = give(parts, mounts.n, &devices, container, err);
	for (size_t i = 0; i < mounts.n; i++)
		tr_closep(&parts[i].fd);
	return r;
}
