/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/buf.h"
#include "base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

int tr_read_file(const char *path, size_t max, char **ret_text, size_t *ret_len, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	TR_AUTO_BUF buf = { 0 };
	char chunk[16384];
	ssize_t got;
	char *text;

	if (fd < 0)
		return tr_fail_errno(err, errno, "read '%s'", path);
	while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return tr_fail_errno(err, errno, "read '%s'", path);
		if (buf.len + (size_t)got > max)
			return tr_fail(
				err, TR_E_INVALID, "'%s' is larger than %zu bytes", path, max);
		tr_buf_add(&buf, chunk, (size_t)got);
	}
	if (ret_len)
		*ret_len = buf.len;
	text = tr_buf_take(&buf);
	if (!text)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", path);
	*ret_text = text;
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		data += put;
		len -= (size_t)put;
	}
	return 0;
}

int tr_write_file(const char *path, mode_t mode, const void *data, size_t len, struct tr_err *err)
{
	TR_AUTO_BUF temp = { 0 };
	TR_AUTO_CLOSE int fd = -1;
	int errnum;

	tr_buf_addf(&temp, "%s.XXXXXX", path);
	if (tr_buf_ok(&temp, err) < 0)
		return tr_wrap(err, "write '%s'", path);
	fd = mkostemp(temp.s, O_CLOEXEC);
	if (fd < 0)
		return tr_fail_errno(err, errno, "write '%s'", path);
	if (write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
		rename(temp.s, path) < 0) {
		errnum = errno;
		unlink(temp.s);
		return tr_fail_errno(err, errnum, "write '%s'", path);
	}
	return 0;
}

int tr_mkdir_p(const char *path, mode_t mode, struct tr_err *err)
{
	TR_AUTO_FREE char *copy = strdup(path);

	if (!*path)
		return tr_fail(err, TR_E_INVALID, "make folder '': it has no name");
	if (!copy)
		return tr_fail(err, TR_E_NO_MEMORY, "make folder '%s': out of memory", path);
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return tr_fail_errno(err, errno, "make folder '%s'", copy);
		*at = '/';
	}
	if (mkdir(path, mode) < 0 && !(errno == EEXIST && tr_is_dir(path)))
		return tr_fail_errno(err, errno, "make folder '%s'", path);
	return 0;
}

/* A bind mount has the device number of what is around it, so that alone does not tell. */
static bool is_mount(int parent_fd, const char *name)
{
	struct statx st;

	return statx(parent_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int rm_at(int parent_fd, const char *name, dev_t dev, const char *top, struct tr_err *err)
{
	struct stat st;
	struct dirent *entry;
	DIR *dir;
	int fd, r = 0;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : tr_fail_errno(err, errno, "remove '%s'", top);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT)
			return tr_fail_errno(err, errno, "remove '%s'", top);
		return 0;
	}
	if (dev && (st.st_dev != dev || is_mount(parent_fd, name)))
		return tr_fail(err, TR_E_BUSY, "remove '%s': '%s' is a mount", top, name);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tr_fail_errno(err, errno, "remove '%s'", top);
	dir = fdopendir(fd);
	if (!dir) {
		r = tr_fail_errno(err, errno, "remove '%s'", top);
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = rm_at(fd, entry->d_name, st.st_dev, top, err);
	closedir(dir);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = tr_fail_errno(err, errno, "remove '%s'", top);
	return r;
}

int tr_rm_tree(const char *path, struct tr_err *err)
{
	return rm_at(AT_FDCWD, path, 0, path, err);
}

bool tr_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool tr_is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int tr_lock_file(const char *path, bool wait, int *ret_fd, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return tr_fail_errno(err, errno, "open lock '%s'", path);
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return tr_fail(err, TR_E_BUSY, "'%s' is held by another process", path);
		return tr_fail_errno(err, errno, "lock '%s'", path);
	}
	*ret_fd = tr_take_fd(&fd);
	return 0;
}
