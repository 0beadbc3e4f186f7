/* SPDX-License-Identifier: Apache-2.0 */
#include "run/podman.h"

#include "base/err.h"
#include "base/fs.h"
#include "run/cgroup.h"

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

/* Names that the loader, Go, podman, conmon or the runtime look at. A '*' stands for any end. */
static const char *const podman_env[] = { "PATH", "HOME", "USER", "TMPDIR", "LD_*", "XDG_*",
	"CONTAINER*", "CONMON*", "PODMAN*", "BUILDAH*", "DOCKER*", "STORAGE_*", "REGISTRY_*",
	"REGISTRIES_*", "DBUS_*", "NOTIFY_SOCKET", "LISTEN_*", "HTTP_PROXY", "HTTPS_PROXY",
	"NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_*", "GO*", "LC_*", "LANG", "TZ",
	"NETAVARK*", "CNI_*", "_*" };

bool tr_podman__is_env_for_file(const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < TR_COUNT(podman_env); i++) {
		size_t known = strcspn(podman_env[i], "*");
		bool is_open = podman_env[i][known] == '*';

		if ((is_open ? len >= known : len == known) &&
			strncmp(entry, podman_env[i], known) == 0)
			return true;
	}
	return false;
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

static void add_labels(const struct tr_server_spec *spec, struct tr_strv *ret)
{
	const struct {
		const char *key, *value;
	} labels[] = {
		{ "node", spec->node },
		{ "stack", spec->stack },
		{ "model", spec->model },
		{ "slice", spec->slice_uuid },
		{ "hash", spec->config_hash },
	};

	for (size_t i = 0; i < TR_COUNT(labels); i++) {
		tr_strv_add(ret, "--label");
		tr_strv_addf(ret, "tranche.%s=%s", labels[i].key, labels[i].value);
	}
	tr_strv_add(ret, "--label");
	tr_strv_addf(ret, "tranche.replica=%u", spec->replica);
	tr_strv_add(ret, "--label");
	tr_strv_addf(ret, "tranche.port=%u", spec->port);
}

static void add_limits(const struct tr_server_spec *spec, struct tr_strv *ret)
{
	if (spec->memory_bytes) {
		tr_strv_add(ret, "-m");
		tr_strv_addf(ret, "%llub", (unsigned long long)spec->memory_bytes);
		/* The same again: memory and swap together, so that nothing is swapped out. */
		tr_strv_add(ret, "--memory-swap");
		tr_strv_addf(ret, "%llub", (unsigned long long)spec->memory_bytes);
	}
	if (spec->cpu_millis) {
		tr_strv_add(ret, "--cpus");
		tr_strv_addf(ret, "%u.%03u", spec->cpu_millis / 1000, spec->cpu_millis % 1000);
	}
}

static void add_env(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret)
{
	if (spec->env_file)
		tr_strv_adds(ret, "--env-file", spec->env_file, NULL);
	if (env_file)
		tr_strv_adds(ret, "--env-file", env_file, NULL);
	for (size_t i = 0; i < spec->env.n; i++) {
		const char *entry = spec->env.v[i];

		if (env_file && tr_podman__is_env_for_file(entry))
			continue;
		tr_strv_add(ret, "--env");
		tr_strv_addf(ret, "%.*s", (int)strcspn(entry, "="), entry);
	}
}

/* Why each switch: docs/design/runtimes.md. */
void tr_podman__run(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret)
{
	tr_podman__begin(ret);
	tr_strv_adds(ret, "run", "-d", "--name", spec->name, "--pull", "never", "--network", "host",
		"--cap-drop", "all", "--security-opt", "no-new-privileges", "--pids-limit", "4096",
		"--no-healthcheck", "--sdnotify", "ignore", "--http-proxy=false", "--log-driver",
		"k8s-file", "--log-opt", "max-size=16mb", NULL);
	if (tr_podman__owns_cgroups()) {
		tr_strv_add(ret, "--cgroup-parent");
		tr_strv_addf(ret, "/tranche/%s", spec->name);
	}
	add_ulimits(ret);
	add_limits(spec, ret);
	if (spec->shm_bytes) {
		tr_strv_add(ret, "--shm-size");
		tr_strv_addf(ret, "%llu", (unsigned long long)spec->shm_bytes);
	}
	add_labels(spec, ret);
	for (size_t i = 0; i < spec->devices.n; i++)
		tr_strv_adds(ret, "--device", spec->devices.v[i], NULL);
	for (size_t i = 0; i < spec->mounts.n; i++)
		tr_strv_adds(ret, "-v", spec->mounts.v[i], NULL);
	add_env(spec, env_file, ret);
	tr_strv_add(ret, spec->image);
	for (size_t i = 0; i < spec->argv.n; i++)
		tr_strv_add(ret, spec->argv.v[i]);
}
