/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/state: written by whoever holds a server of the process runtime, its shim or a job's tranche.
 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"
#include "run/cgroup.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

int tr_run__state_write(const char *path, const char *name, pid_t server,
	const struct tr_cgroup *group, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	char cgroup[PATH_MAX];
	struct timespec now;
	json_t *json;

	clock_gettime(CLOCK_REALTIME, &now);
	tr_cgroup_path(name, cgroup);
	json = json_pack("{sI sI sI ss* sb sI}", "pid", (json_int_t)server, "pid_start",
		(json_int_t)tr_run__proc_start(server), "shim", (json_int_t)getpid(), "cgroup",
		group->memory_dir[0] ? cgroup : NULL, "limited", (int)group->is_limited,
		"started_ms", (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	if (!text)
		return tr_fail(err, TR_E_NO_MEMORY, "describe '%s': out of memory", name);
	return tr_write_file(path, 0600, text, strlen(text), err);
}
