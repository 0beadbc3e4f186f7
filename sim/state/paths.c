/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state/state.h"

#include "base/err.h"
#include "sim/state/state_priv.h"

#include <stdio.h>
#include <string.h>

int tr_sim__check_name(const char *name, struct tr_err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len >= TR_SIM_NAME_MAX || name[0] == '-' ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		return tr_fail(err, TR_E_INVALID,
			"'%.40s' is no name for a node: small letters, digits and '-', at most %d, "
			"the first no '-'",
			name, TR_SIM_NAME_MAX - 1);
	return 0;
}

static int too_long(struct tr_err *err, const char *path)
{
	return tr_fail(err, TR_E_INVALID, "the path '%.100s...' is too long", path);
}

int tr_sim__join(const char *dir, const char *rest, char *ret, struct tr_err *err)
{
	size_t dir_len = strlen(dir), rest_len = strlen(rest);

	if (dir_len + 1 + rest_len >= PATH_MAX)
		return too_long(err, dir);
	memmove(ret, dir, dir_len);
	if (rest_len)
		ret[dir_len++] = '/';
	memcpy(ret + dir_len, rest, rest_len + 1);
	return 0;
}

/* A relative folder would mean another one after each chdir: INVALID. */
static int from_env(const char *variable, const char *below, char *ret, struct tr_err *err)
{
	const char *value = getenv(variable);

	if (!value || !*value)
		return 1;
	if (value[0] != '/')
		return tr_fail(err, TR_E_INVALID, "%s must be a full path, not '%.100s'", variable,
			value);
	return tr_sim__join(value, below, ret, err);
}

int tr_sim_run_dir(char *ret, struct tr_err *err)
{
	int r = from_env("TRANCHE_RUN_DIR", "", ret, err);

	if (r == 1 && geteuid() == 0)
		return tr_sim__join("/run/tranche", "", ret, err);
	if (r == 1)
		r = from_env("XDG_RUNTIME_DIR", "tranche", ret, err);
	if (r == 1) {
		snprintf(ret, PATH_MAX, "/tmp/tranche-%u", (unsigned)geteuid());
		r = 0;
	}
	return r;
}

int tr_sim_state_dir(char *ret, struct tr_err *err)
{
	int r = from_env("TRANCHE_STATE_DIR", "", ret, err);

	if (r == 1 && geteuid() == 0)
		return tr_sim__join("/var/lib/tranche", "", ret, err);
	if (r == 1)
		r = from_env("XDG_STATE_HOME", "tranche", ret, err);
	if (r == 1)
		r = from_env("HOME", ".local/state/tranche", ret, err);
	if (r == 1)
		r = tr_fail(err, TR_E_INVALID,
			"none of TRANCHE_STATE_DIR, XDG_STATE_HOME and HOME says where to keep state");
	return r;
}

static int node_path(int (*root)(char *, struct tr_err *), const char *name, const char *rest,
	char *ret, struct tr_err *err)
{
	char base[PATH_MAX], full[TR_SIM_NAME_MAX + 16];

	if (tr_sim__check_name(name, err) < 0 || root(base, err) < 0)
		return -(int)err->code;
	snprintf(full, sizeof(full), "virtual/%s", name);
	if (tr_sim__join(base, full, base, err) < 0)
		return -(int)err->code;
	return tr_sim__join(base, rest, ret, err);
}

int tr_sim_node_path(const char *name, const char *rest, char *ret, struct tr_err *err)
{
	return node_path(tr_sim_run_dir, name, rest, ret, err);
}

int tr_sim_node_var_path(const char *name, const char *rest, char *ret, struct tr_err *err)
{
	return node_path(tr_sim_state_dir, name, rest, ret, err);
}
