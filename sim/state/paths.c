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

static int node_path(int (*root)(char *, struct tr_err *), const char *name, const char *rest,
	char *ret, struct tr_err *err)
{
	char base[PATH_MAX], full[TR_SIM_NAME_MAX + 16];

	if (tr_sim__check_name(name, err) < 0 || root(base, err) < 0)
		return -(int)err->code;
	snprintf(full, sizeof(full), "virtual/%s", name);
	if (tr_path_join(base, full, base, err) < 0)
		return -(int)err->code;
	return tr_path_join(base, rest, ret, err);
}

int tr_sim_node_path(const char *name, const char *rest, char *ret, struct tr_err *err)
{
	return node_path(tr_run_dir, name, rest, ret, err);
}

int tr_sim_node_var_path(const char *name, const char *rest, char *ret, struct tr_err *err)
{
	return node_path(tr_state_dir, name, rest, ret, err);
}
