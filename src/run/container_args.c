/* SPDX-License-Identifier: Apache-2.0 */
#include "run/container.h"

#include <string.h>

/* Names that the loader, Go, podman, docker, conmon or the runtime look at. A '*' stands for any
 * end. */
static const char *const program_env[] = { "PATH", "HOME", "USER", "TMPDIR", "LD_*", "XDG_*",
	"CONTAINER*", "CONMON*", "PODMAN*", "BUILDAH*", "DOCKER*", "STORAGE_*", "REGISTRY_*",
	"REGISTRIES_*", "DBUS_*", "NOTIFY_SOCKET", "LISTEN_*", "HTTP_PROXY", "HTTPS_PROXY",
	"NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_*", "GO*", "LC_*", "LANG", "TZ",
	"NETAVARK*", "CNI_*", "_*" };

bool tr_container__is_env_for_file(const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < TR_COUNT(program_env); i++) {
		size_t known = strcspn(program_env[i], "*");
		bool is_open = program_env[i][known] == '*';

		if ((is_open ? len >= known : len == known) &&
			strncmp(entry, program_env[i], known) == 0)
			return true;
	}
	return false;
}

void tr_container__add_labels(const struct tr_server_spec *spec, struct tr_strv *ret)
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

void tr_container__add_mode(const struct tr_server_spec *spec, struct tr_strv *ret)
{
	tr_strv_add(ret, spec->is_job ? "-i" : "-d");
	if (spec->is_job && spec->has_tty)
		tr_strv_add(ret, "-t");
}

void tr_container__add_limits(const struct tr_server_spec *spec, struct tr_strv *ret)
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
	if (spec->shm_bytes) {
		tr_strv_add(ret, "--shm-size");
		tr_strv_addf(ret, "%llu", (unsigned long long)spec->shm_bytes);
	}
}

void tr_container__add_env(
	const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret)
{
	if (spec->env_file)
		tr_strv_adds(ret, "--env-file", spec->env_file, NULL);
	if (env_file)
		tr_strv_adds(ret, "--env-file", env_file, NULL);
	for (size_t i = 0; i < spec->env.n; i++) {
		const char *entry = spec->env.v[i];

		if (env_file && tr_container__is_env_for_file(entry))
			continue;
		tr_strv_add(ret, "--env");
		tr_strv_addf(ret, "%.*s", (int)strcspn(entry, "="), entry);
	}
}

void tr_container__add_command(const struct tr_server_spec *spec, struct tr_strv *ret)
{
	tr_strv_add(ret, spec->image);
	for (size_t i = 0; i < spec->argv.n; i++)
		tr_strv_add(ret, spec->argv.v[i]);
}
