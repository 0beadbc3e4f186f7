/* SPDX-License-Identifier: Apache-2.0 */
#include "base/paths.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int tr_path_join(const char *dir, const char *rest, char *ret, struct tr_err *err)
{
	size_t dir_len = strlen(dir), rest_len = strlen(rest);

	if (dir_len + 1 + rest_len >= PATH_MAX)
		return tr_fail(err, TR_E_INVALID, "the path '%.100s...' is too long", dir);
	memmove(ret, dir, dir_len);
	if (rest_len)
		ret[dir_len++] = '/';
	memcpy(ret + dir_len, rest, rest_len + 1);
	return 0;
}

/* 1 when the variable is not set. A relative folder would mean another one after each chdir. */
static int from_env(const char *variable, const char *below, char *ret, struct tr_err *err)
{
	const char *value = getenv(variable);

	if (!value || !*value)
		return 1;
	if (value[0] != '/')
		return tr_fail(
			err, TR_E_INVALID, "%s must be a full path, not '%.100s'", variable, value);
	return tr_path_join(value, below, ret, err);
}

int tr_run_dir(char *ret, struct tr_err *err)
{
	int r = from_env("TRANCHE_RUN_DIR", "", ret, err);

	if (r == 1 && geteuid() == 0)
		return tr_path_join("/run/tranche", "", ret, err);
	if (r == 1)
		r = from_env("XDG_RUNTIME_DIR", "tranche", ret, err);
	if (r == 1) {
		snprintf(ret, PATH_MAX, "/tmp/tranche-%u", (unsigned)geteuid());
		r = 0;
	}
	return r;
}

int tr_state_dir(char *ret, struct tr_err *err)
{
	int r = from_env("TRANCHE_STATE_DIR", "", ret, err);

	if (r == 1 && geteuid() == 0)
		return tr_path_join("/var/lib/tranche", "", ret, err);
	if (r == 1)
		r = from_env("XDG_STATE_HOME", "tranche", ret, err);
	if (r == 1)
		r = from_env("HOME", ".local/state/tranche", ret, err);
	if (r == 1)
		r = tr_fail(err, TR_E_INVALID,
			"none of TRANCHE_STATE_DIR, XDG_STATE_HOME and HOME says where to keep "
			"state");
	return r;
}

/* From the folder of the running program: beside it, as installed (bin/ and libexec/tranche/), and
 * as the build lays src/cli, src/run and sim out. */
static const char *const part_dirs[] = { "", "../libexec/tranche/", "../run/", "../hook/",
	"../../sim/", "../../src/run/", "../../src/hook/" };

int tr_part_find(const char *file, char *ret, struct tr_err *err)
{
	const char *named = getenv("TRANCHE_LIBEXEC_DIR");
	char exe[PATH_MAX];
	ssize_t len;

	if (named && *named) {
		if (tr_path_join(named, file, ret, err) < 0)
			return -(int)err->code;
		if (tr_is_file(ret))
			return 0;
		return tr_fail(
			err, TR_E_NOT_FOUND, "TRANCHE_LIBEXEC_DIR '%s' has no '%s'", named, file);
	}
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len < 0)
		return tr_fail_errno(err, errno, "read '/proc/self/exe'");
	exe[len] = '\0';
	*(strrchr(exe, '/') + 1) = '\0';
	for (size_t i = 0; i < TR_COUNT(part_dirs); i++) {
		TR_AUTO_BUF path = { 0 };

		tr_buf_addf(&path, "%s%s%s", exe, part_dirs[i], file);
		if (path.failed || path.len >= PATH_MAX || !tr_is_file(path.s))
			continue;
		return realpath(path.s, ret) ? 0 : tr_fail_errno(err, errno, "find '%s'", path.s);
	}
	tr_fail(err, TR_E_NOT_FOUND,
		"this installation has no '%s': looked in '%s' and '%s../libexec/tranche'", file,
		exe, exe);
	return tr_hint(err, "make install   puts every part in its place");
}
