/* SPDX-License-Identifier: Apache-2.0 */
#include "run/machine.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "run/cgroup.h"
#include "run/podman.h"
#include "run/run.h"
#include "run/specs.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_COMM = 64, MAX_ENVIRON = 1 << 20 };

void tr_findings_done(struct tr_findings *findings)
{
	free(findings->v);
	*findings = (struct tr_findings){ 0 };
}

void tr_findings_add(struct tr_findings *findings, enum tr_finding_kind kind, const char *what,
	const char *fix, const char *fmt, ...)
{
	struct tr_finding *more = realloc(findings->v, (findings->n + 1) * sizeof(*more));
	va_list ap;

	if (!more) {
		findings->failed = true;
		return;
	}
	findings->v = more;
	more = &findings->v[findings->n++];
	*more = (struct tr_finding){ .kind = kind };
	snprintf(more->what, sizeof(more->what), "%s", what);
	snprintf(more->fix, sizeof(more->fix), "%s", fix ? fix : "");
	va_start(ap, fmt);
	vsnprintf(more->text, sizeof(more->text), fmt, ap);
	va_end(ap);
}

/* --- Programs --- */

/* "podman version 4.3.1": the first line of PROGRAM --version; "" when it says nothing. */
static void version_of(const char *program, char *ret, size_t size)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF out = { 0 };
	struct tr_err ignored;
	int status = 0;

	tr_strv_adds(&argv, program, "--version", NULL);
	*ret = '\0';
	if (tr_run(&argv, NULL, &out, NULL, &status, &ignored) == 0 && status == 0)
		snprintf(ret, size, "%.*s", (int)strcspn(tr_buf_str(&out), "\n"), tr_buf_str(&out));
}

static bool look_at_runtime(const struct tr_runtime *runtime, struct tr_findings *ret)
{
	struct tr_err why = { 0 };
	char version[96];

	if (runtime->check(&why) < 0) {
		tr_findings_add(ret, TR_FINDING_NOTE, runtime->name, why.hint, "%s", why.msg);
		return false;
	}
	version_of(runtime->name, version, sizeof(version));
	tr_findings_add(ret, TR_FINDING_OK, runtime->name, NULL, "%s", version);
	return true;
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

/* What podman alone would fail on here; tranche's own calls go round both. */
static void podman_traps(struct tr_findings *ret)
{
	if (tr_podman__needs_runc())
		tr_findings_add(ret, TR_FINDING_NOTE, "podman",
			"podman --runtime runc run ...   (tranche does so by itself)",
			"both versions of control groups are mounted with controllers, which crun, "
			"podman's default, refuses");
	if (!has_sys_resource())
		tr_findings_add(ret, TR_FINDING_NOTE, "podman",
			"podman run --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 ...   "
			"(tranche does so by itself)",
			"this machine may not raise limits (no CAP_SYS_RESOURCE), and podman asks "
			"for more open files than there may be");
}

static void look_at_low_level(const char *program, struct tr_findings *ret)
{
	TR_AUTO_FREE char *path = tr_which(program);
	char version[96];

	if (!path)
		return;
	version_of(program, version, sizeof(version));
	tr_findings_add(ret, TR_FINDING_OK, program, NULL, "%s", version);
}

void tr_machine_runtimes(struct tr_findings *ret)
{
	bool podman = look_at_runtime(&tr_runtime_podman, ret);
	bool docker = look_at_runtime(&tr_runtime_docker, ret);
	char shim[PATH_MAX];
	struct tr_err why = { 0 };

	if (podman)
		podman_traps(ret);
	look_at_low_level("runc", ret);
	look_at_low_level("crun", ret);
	if (tr_part_find("tranche-shim", shim, &why) < 0)
		tr_findings_add(ret, podman || docker ? TR_FINDING_NOTE : TR_FINDING_PROBLEM,
			"process", "make install, or: export TRANCHE_LIBEXEC_DIR=FOLDER",
			"no plain process can be started: %s", why.msg);
	else
		tr_findings_add(ret, TR_FINDING_OK, "process", NULL, "%s", shim);
	if (!podman && !docker)
		tr_findings_add(ret, TR_FINDING_NOTE, "containers", "apt-get install podman runc",
			"models start as plain processes only; vllm needs a container");
}

/* --- Control groups --- */

void tr_machine_cgroups(struct tr_findings *ret)
{
	const char *version = tr_cgroup_is_v2()		? "version 2"
			      : tr_podman__needs_runc() ? "version 1, and 2 beside it"
							: "version 1";
	struct tr_cgroup group = { 0 };
	struct tr_err ignored;
	char name[64];

	snprintf(name, sizeof(name), "doctor-%d", (int)getpid());
	tr_cgroup_make(name, (uint64_t)64 << 20, 500, &group);
	tr_cgroup_remove(name, &ignored);
	if (group.is_limited)
		tr_findings_add(ret, TR_FINDING_OK, "control groups", NULL,
			"%s; memory and processors of plain processes can be limited", version);
	else
		tr_findings_add(ret, TR_FINDING_NOTE, "control groups",
			geteuid() == 0 ? "mount a memory and a cpu controller that root may write"
				       : "sudo tranche ...   or a container runtime",
			"%s; plain processes run without limits here, so that a virtual slice's "
			"memory is not enforced",
			version);
}

/* --- Services --- */

/* The kernel cuts a process's name to 15 letters. */
static const struct {
	const char *comm, *what, *fix;
} services[] = {
	{ "nv-hostengine", "DCGM's host engine holds every card: the MIG mode cannot be changed",
		"systemctl stop nvidia-dcgm   before tranche mig, and start it again behind" },
	{ "dcgm-exporter", "the DCGM exporter holds every card: the MIG mode cannot be changed",
		"stop it before tranche mig; start it again, since it looks for slices only once" },
	{ "nvidia-mig-man", "NVIDIA's MIG manager cuts cards by a layout of its own",
		"systemctl disable --now nvidia-mig-manager   or leave the cards to it" },
	{ "nvidia-device-p", "the Kubernetes device plugin hands out slices itself",
		"keep tranche off this machine's cards, or the plugin" },
	{ "kubelet", "Kubernetes may hand out the cards of this machine",
		"keep tranche off the cards that it manages" },
	{ "slurmd", "Slurm may hand out the cards of this machine",
		"keep tranche off the cards that its gres.conf names" },
	{ "nvsm_core", "NVSM holds the cards: the MIG mode cannot be changed",
		"systemctl stop nvsm   before tranche mig" },
};

static void look_at_process(
	const char *proc, const char *pid, bool matters, struct tr_findings *ret)
{
	TR_AUTO_FREE char *comm = NULL;
	TR_AUTO_BUF path = { 0 };
	struct tr_err ignored;

	tr_buf_addf(&path, "%s/%s/comm", proc, pid);
	if (path.failed || tr_read_file(path.s, MAX_COMM, &comm, NULL, &ignored) < 0)
		return;
	for (size_t i = 0; i < TR_COUNT(services); i++)
		if (strncmp(comm, services[i].comm, strlen(services[i].comm)) == 0)
			tr_findings_add(ret, TR_FINDING_NOTE, "services",
				matters ? services[i].fix : NULL, "pid %s: %s%s", pid,
				services[i].what,
				matters ? "" : " (it does not see a virtual node's)");
}

void tr_machine_services(const char *proc, bool matters, struct tr_findings *ret)
{
	size_t before = ret->n;
	DIR *dir = opendir(proc);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_process(proc, entry->d_name, matters, ret);
	if (dir)
		closedir(dir);
	if (ret->n == before)
		tr_findings_add(ret, TR_FINDING_OK, "services", NULL,
			"nothing that holds cards or hands them out");
}

/* --- Docker's hook --- */

#define HOOK "nvidia-container-runtime-hook"

/* The first folder of a PATH that holds it; false when none does. */
static bool find_hook(const char *path, struct tr_buf *ret)
{
	while (*path) {
		size_t len = strcspn(path, ":");

		tr_buf_clear(ret);
		tr_buf_addf(ret, "%.*s/" HOOK, (int)len, path);
		if (len && access(tr_buf_str(ret), X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static void look_at_daemon(const char *proc, const char *pid, struct tr_findings *ret)
{
	TR_AUTO_FREE char *comm = NULL, *env = NULL;
	TR_AUTO_BUF path = { 0 }, env_path = { 0 }, hook = { 0 };
	struct tr_err ignored;
	size_t len = 0;

	tr_buf_addf(&path, "%s/%s/comm", proc, pid);
	tr_buf_addf(&env_path, "%s/%s/environ", proc, pid);
	if (path.failed || env_path.failed ||
		tr_read_file(path.s, MAX_COMM, &comm, NULL, &ignored) < 0 ||
		strcmp(comm, "dockerd\n") != 0 ||
		tr_read_file(env_path.s, MAX_ENVIRON, &env, &len, &ignored) < 0)
		return;
	for (const char *entry = env; entry < env + len; entry += strlen(entry) + 1) {
		if (strncmp(entry, "PATH=", 5) != 0)
			continue;
		if (find_hook(entry + 5, &hook))
			tr_findings_add(ret, TR_FINDING_OK, "docker --gpus", NULL,
				"docker's daemon (pid %s) has %s", pid, tr_buf_str(&hook));
		else
			tr_findings_add(ret, TR_FINDING_NOTE, "docker --gpus",
				"tranche virtual install-hook DIR   and start the daemon anew, "
				"with DIR on its PATH",
				"docker's daemon (pid %s) has no " HOOK " on its PATH: docker run "
				"--gpus reaches no virtual node",
				pid);
		return;
	}
}

void tr_machine_hook(const char *proc, struct tr_findings *ret)
{
	DIR *dir = opendir(proc);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_daemon(proc, entry->d_name, ret);
	if (dir)
		closedir(dir);
}

/* --- CDI --- */

void tr_machine_cdi(const char *const *dirs, size_t n_dirs, const char *const *uuids,
	size_t n_uuids, struct tr_findings *ret)
{
	TR_AUTO_FREE char *tool = tr_which("nvidia-ctk");
	TR_AUTO_BUF specs = { 0 }, command = { 0 };
	TR_AUTO_STRV argv = { 0 };
	const char *fix;
	size_t n_specs = tr_specs_read(dirs, n_dirs, &specs), n_missing = 0;
	const char *missing = NULL;

	tr_specs_command(&argv);
	tr_strv_quote(&argv, &command);
	fix = tr_buf_str(&command);
	if (!tool)
		tr_findings_add(ret, TR_FINDING_PROBLEM, "toolkit",
			"apt-get install nvidia-container-toolkit   (NVIDIA's repository)",
			"there is no nvidia-ctk: containers cannot be given a slice");
	else
		tr_findings_add(ret, TR_FINDING_OK, "toolkit", NULL, "%s", tool);
	for (size_t i = 0; i < n_uuids; i++) {
		if (strstr(tr_buf_str(&specs), uuids[i]))
			continue;
		n_missing++;
		missing = uuids[i];
	}
	if (n_missing)
		tr_findings_add(ret, TR_FINDING_PROBLEM, "CDI", fix,
			"%zu of %zu slices are in no CDI spec (%s): podman and docker 29 "
			"cannot bind them",
			n_missing, n_uuids, missing);
	else if (n_specs)
		tr_findings_add(ret, TR_FINDING_OK, "CDI", NULL,
			"%zu spec%s, every slice is in one", n_specs, n_specs == 1 ? "" : "s");
	else
		tr_findings_add(ret, TR_FINDING_NOTE, "CDI", fix,
			"there is no CDI spec yet; podman binds slices by one");
}
