/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/hook.h"

#include "base/err.h"
#include "run/cgroup.h"
#include "run/run_priv.h"

#include <string.h>

/* One of its own: where docker has no rights to control groups it is the daemon's, which must be
 * neither limited nor taken for a server. */
static int group_of(pid_t pid, char **ret, struct tr_err *err)
{
	TR_AUTO_FREE char *group = tr_run__proc_cgroup(pid);
	TR_AUTO_FREE char *ours = tr_run__proc_cgroup(getpid());

	if (group && ours && strcmp(group, "/") != 0 && strcmp(group, ours) != 0) {
		*ret = TR_TAKE(group);
		return 0;
	}
	tr_fail(err, TR_E_UNSUPPORTED,
		"the container has no control group of its own: its slice's limits cannot be kept");
	return tr_hint(err, "run docker's daemon as root, or with cgroup delegation");
}

static int hold(const struct tr_hook_choice *choice, const char *group, struct tr_err *err)
{
	struct tr_sim_limits sum = { 0 }, limits;

	for (size_t i = 0; i < choice->uuids.n; i++) {
		if (tr_sim_claim(choice->node, choice->uuids.v[i], group, err) < 0) {
			if (err->code == TR_E_BUSY)
				tr_hint(err, "stop it, or take another slice: tranche slices");
			return -(int)err->code;
		}
		if (tr_sim_slice_limits(choice->node, choice->uuids.v[i], &limits, err) < 0)
			return -(int)err->code;
		sum.memory_bytes += limits.memory_bytes;
		sum.cpu_millis += limits.cpu_millis;
	}
	return tr_cgroup_cap(group, sum.memory_bytes, sum.cpu_millis, err);
}

int tr_hook_hold(const struct tr_hook_choice *choice, pid_t pid, struct tr_err *err)
{
	TR_AUTO_FREE char *group = NULL;
	struct tr_err ignored;

	if (group_of(pid, &group, err) < 0)
		return -(int)err->code;
	if (hold(choice, group, err) < 0) {
		tr_sim_unbind(choice->node, group, &ignored);
		return -(int)err->code;
	}
	return 0;
}

void tr_hook_release(const struct tr_hook_choice *choice, pid_t pid)
{
	TR_AUTO_FREE char *group = tr_run__proc_cgroup(pid);
	struct tr_err ignored;

	if (group)
		tr_sim_unbind(choice->node, group, &ignored);
}
