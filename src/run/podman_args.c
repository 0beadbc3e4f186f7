/* SPDX-License-Identifier: Apache-2.0 */
#include "run/podman.h"

#include "base/err.h"
#include "base/fs.h"
#include "run/cgroup.h"
#include "run/container.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* What podman asks for by itself; more is refused to it even where our own limit is higher. */
enum { NOFILE_MAX = 1048576, NPROC_MAX = 32768 };

bool tr_podman__needs_runc(void)
{
	TR_AUTO_FREE char *controllers = NULL;
	struct tr_err ignored;

	return !tr_cgroup_is_v2() &&
	       tr_read_file("/sys/fs/cgroup/unified/cgroup.controllers", 4096, &controllers, NULL,
		       &ignored) == 0 &&
	       controllers[strspn(controllers, " \n")] != '\0';
}

static bool has_systemd(void)
{
	return tr_is_dir("/run/systemd/system");
}

bool tr_podman__owns_cgroups(void)
{
	return geteuid() == 0 && !has_systemd();
}

void tr_podman__begin(struct tr_strv *ret)
{
	tr_strv_add(ret, "podman");
	if (!has_systemd())
		tr_strv_adds(ret, "--cgroup-manager", "cgroupfs", "--events-backend", "file", NULL);
	if (tr_podman__needs_runc())
		tr_strv_adds(ret, "--runtime", "runc", NULL);
}

static bool has_sys_resource(void)
{
	TR_AUTO_FREE char *status = NULL;
	struct tr_err ignored;
	const char *at;

	if (tr_read_file("/proc/self/status", 65536, &status, NULL, &ignored) < 0)
		return true;
	at = strstr(status, "\nCapEff:");
	return !at || (strtoull(at + strlen("\nCapEff:"), NULL, 16) >> CAP_SYS_RESOURCE & 1);
}

static void add_ulimit(
	__rlimit_resource_t resource, const char *name, unsigned long most, struct tr_strv *ret)
{
	struct rlimit limit;
	unsigned long value = most;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_max < most)
		value = (unsigned long)limit.rlim_max;
	tr_strv_add(ret, "--ulimit");
	tr_strv_addf(ret, "%s=%lu:%lu", name, value, value);
}

/* Podman asks for more open files than we may have, and then nothing starts. Naming one limit
 * drops podman's default for the other, so both are named. */
static void add_ulimits(struct tr_strv *ret)
{
	if (has_sys_resource())
		return;
	add_ulimit(RLIMIT_NOFILE, "nofile", NOFILE_MAX, ret);
	add_ulimit(RLIMIT_NPROC, "nproc", NPROC_MAX, ret);
}

/* Why each switch: docs/design/runtimes.md. */
void tr_podman__run(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret)
{
	tr_podman__begin(ret);
	tr_strv_add(ret, "run");
	tr_container__add_mode(spec, ret);
	tr_strv_adds(ret, "--name", spec->name, "--pull", "never", "--network", "host",
		"--cap-drop", "all", "--security-opt", "no-new-privileges", "--pids-limit", "4096",
		"--no-healthcheck", "--sdnotify", "ignore", "--http-proxy=false", "--log-driver",
		"k8s-file", "--log-opt", "max-size=16mb", NULL);
	if (tr_podman__owns_cgroups()) {
		tr_strv_add(ret, "--cgroup-parent");
		tr_strv_addf(ret, "/tranche/%s", spec->name);
	}
	add_ulimits(ret);
	tr_container__add_limits(spec, ret);
	tr_container__add_labels(spec, ret);
	for (size_t i = 0; i < spec->devices.n; i++)
		tr_strv_adds(ret, "--device", spec->devices.v[i], NULL);
	for (size_t i = 0; i < spec->mounts.n; i++)
		tr_strv_adds(ret, "-v", spec->mounts.v[i], NULL);
	tr_container__add_env(spec, env_file, ret);
	tr_container__add_command(spec, ret);
}
