/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting the stand-in for the vendor's container hook where dockerd is told to look.
 *
 * A folder of one's own, first on dockerd's PATH: never where programs usually lie, and never where
 * a vendor's hook is, which must go on serving real cards.
 */
#include "core/node.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "base/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HOOK	  "nvidia-container-runtime-hook"
#define LINK_NAME ".tranche-run"

enum { HOOK_MAX = 64 << 20 };

/* What src/hook/main.c carries. */
static const char mark[] = "tranche: a stand-in for virtual nodes";

static const char *const system_dirs[] = { "/bin", "/sbin", "/usr/bin", "/usr/sbin",
	"/usr/local/bin", "/usr/local/sbin", "/usr/games", "/snap/bin" };

/* The vendor's toolkit installs its hook under both names. */
static const char *const vendors[] = { HOOK, "nvidia-container-toolkit" };

static bool is_ours(const char *path)
{
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;
	size_t len = 0;

	return tr_read_file(path, HOOK_MAX, &text, &len, &ignored) == 0 &&
	       memmem(text, len, mark, sizeof(mark) - 1);
}

static int check_folder(const char *dir, struct tr_err *err)
{
	char real[PATH_MAX];

	for (size_t i = 0; i < TR_COUNT(system_dirs); i++) {
		if (!realpath(system_dirs[i], real) || strcmp(real, dir) != 0)
			continue;
		tr_fail(err, TR_E_INVALID,
			"'%s' is a folder of the system's programs: there every docker daemon of "
			"this "
			"machine would find the stand-in",
			dir);
		return tr_hint(err, "tranche virtual install-hook /opt/tranche/hook");
	}
	return 0;
}

static int refuse(const char *path, struct tr_err *err)
{
	tr_fail(err, TR_E_EXISTS,
		"'%s' is the vendor's: it serves this machine's cards, and is not to be shadowed",
		path);
	return tr_hint(err, "virtual nodes need no hook with: tranche up --runtime docker");
}

static int check_vendor(const char *target, struct tr_err *err)
{
	for (size_t i = 0; i < TR_COUNT(vendors); i++) {
		TR_AUTO_FREE char *found = tr_which(vendors[i]);

		if (found && !is_ours(found))
			return refuse(found, err);
		for (size_t d = 0; d < TR_COUNT(system_dirs); d++) {
			TR_AUTO_BUF path = { 0 };

			tr_buf_addf(&path, "%s/%s", system_dirs[d], vendors[i]);
			if (tr_is_file(tr_buf_str(&path)) && !is_ours(path.s))
				return refuse(path.s, err);
		}
	}
	return tr_is_file(target) && !is_ours(target) ? refuse(target, err) : 0;
}

/* The hook is run by a daemon, whose environment knows nothing of ours. */
static int link_run_dir(const char *dir, struct tr_err *err)
{
	char run_dir[PATH_MAX], path[PATH_MAX], temp[PATH_MAX];

	if (tr_run_dir(run_dir, err) < 0 || tr_path_join(dir, LINK_NAME, path, err) < 0 ||
		tr_path_join(dir, LINK_NAME ".new", temp, err) < 0)
		return -(int)err->code;
	if ((unlink(temp) < 0 && errno != ENOENT) || symlink(run_dir, temp) < 0 ||
		rename(temp, path) < 0)
		return tr_fail_errno(err, errno, "make '%s'", path);
	return 0;
}

static int install(const char *dir, const char *target, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	char part[PATH_MAX];
	size_t len = 0;

	if (check_folder(dir, err) < 0 || check_vendor(target, err) < 0 ||
		tr_part_find(HOOK, part, err) < 0 ||
		tr_read_file(part, HOOK_MAX, &text, &len, err) < 0 ||
		tr_write_file(target, 0755, text, len, err) < 0)
		return -(int)err->code;
	return link_run_dir(dir, err);
}

int tr_virtual_hook_install(const char *dir, char **ret_path, struct tr_err *err)
{
	char real[PATH_MAX], target[PATH_MAX];
	bool was_there = tr_is_dir(dir);

	if (tr_mkdir_p(dir, 0755, err) < 0)
		return -(int)err->code;
	if (!realpath(dir, real))
		return tr_fail_errno(err, errno, "find '%s'", dir);
	if (tr_path_join(real, HOOK, target, err) < 0 || install(real, target, err) < 0) {
		if (!was_there)
			rmdir(real);
		return tr_wrap(err, "install the hook");
	}
	*ret_path = strdup(target);
	return *ret_path ? 0 : tr_fail(err, TR_E_NO_MEMORY, "install the hook: out of memory");
}
