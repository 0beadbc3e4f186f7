/* SPDX-License-Identifier: Apache-2.0 */
/* What a job asks for beside its program: variables and folders, looked at before anything is cut.
 * A variable's value is in no message: it may be a secret. */
#include "core/job.h"

#include "base/err.h"
#include "base/fs.h"
#include "run/run.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* --- Variables --- */

/* Set by tranche: they say which slice the job may use, and by which driver. */
static int check_name(
	const char *name, size_t len, const struct tr_runtime *runtime, struct tr_err *err)
{
	static const char *const reserved[] = { "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
		"LD_LIBRARY_PATH" };

	for (size_t i = 0; i < len; i++) {
		if (isalpha((unsigned char)name[i]) || name[i] == '_' ||
			(i > 0 && isdigit((unsigned char)name[i])))
			continue;
		len = 0;
	}
	if (len == 0) {
		tr_fail(err, TR_E_INVALID, "there is no name of a variable in front of '='");
		return tr_hint(err, "-e NAME=VALUE, or -e NAME for the value that it has here");
	}
	for (size_t i = 0; i < TR_COUNT(reserved); i++) {
		if (strlen(reserved[i]) != len || strncmp(reserved[i], name, len) != 0)
			continue;
		if (i < 2)
			return tr_fail(err, TR_E_INVALID,
				"variable '%s' is set by tranche, to the job's slice", reserved[i]);
		if (runtime->is_container)
			continue;
		tr_fail(err, TR_E_INVALID,
			"variable '%s' is set by tranche, to where the node's driver is",
			reserved[i]);
		return tr_hint(err, "%s=... tranche run ...   comes behind that", reserved[i]);
	}
	return 0;
}

/* The last one of a name counts. */
static void put(struct tr_strv *env, const char *name, size_t len, const char *value)
{
	for (size_t i = 0; i < env->n; i++) {
		char *entry = NULL;

		if (strncmp(env->v[i], name, len) != 0 || env->v[i][len] != '=')
			continue;
		if (asprintf(&entry, "%.*s=%s", (int)len, name, value) < 0) {
			env->failed = true;
			return;
		}
		free(env->v[i]);
		env->v[i] = entry;
		return;
	}
	tr_strv_addf(env, "%.*s=%s", (int)len, name, value);
}

static int add_env(const struct tr_job *job, const struct tr_runtime *runtime,
	struct tr_server_spec *spec, struct tr_err *err)
{
	for (size_t i = 0; i < job->n_env; i++) {
		const char *entry = job->env[i], *value;
		size_t len = strcspn(entry, "=");

		if (check_name(entry, len, runtime, err) < 0)
			return -(int)err->code;
		value = entry[len] == '=' ? entry + len + 1 : getenv(entry);
		if (value)
			put(&spec->env, entry, len, value);
	}
	return tr_strv_ok(&spec->env, err);
}

/* By its full path: podman and docker are run elsewhere. */
static int add_env_file(
	const char *file, char path[PATH_MAX], struct tr_server_spec *spec, struct tr_err *err)
{
	if (!file)
		return 0;
	if (!realpath(file, path)) {
		tr_fail_errno(err, errno, "env file '%.200s'", file);
		err->code = TR_E_NOT_FOUND;
		return tr_hint(err, "a file with lines NAME=VALUE");
	}
	spec->env_file = path;
	return 0;
}

/* --- Folders --- */

static int bad_volume(const char *volume, struct tr_err *err)
{
	tr_fail(err, TR_E_INVALID, "'%.200s' is no volume", volume);
	return tr_hint(err, "-v HOST:TARGET, or HOST:TARGET:ro; TARGET begins with '/'");
}

/* podman and docker take a name without '/' for a volume of their own; here it is a folder. */
static int add_volume(const char *volume, struct tr_server_spec *spec, struct tr_err *err)
{
	const char *target = strchr(volume, ':'), *mode = target ? strchr(target + 1, ':') : NULL;
	TR_AUTO_FREE char *host = target ? strndup(volume, (size_t)(target - volume)) : NULL;
	TR_AUTO_FREE char *full = NULL;

	if (!target || target == volume || target[1] != '/' ||
		(mode && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0))
		return bad_volume(volume, err);
	if (!host)
		return tr_fail(err, TR_E_NO_MEMORY, "mount '%s': out of memory", volume);
	full = realpath(host, NULL);
	if (!full) {
		tr_fail_errno(err, errno, "volume '%.200s'", host);
		err->code = TR_E_NOT_FOUND;
		return tr_hint(err, "mkdir -p %.200s", host);
	}
	if (strchr(full, ':'))
		return tr_fail(err, TR_E_INVALID,
			"volume '%.200s': a path with ':' cannot be mounted", full);
	tr_strv_addf(&spec->mounts, "%s%s%s", full, target, mode ? "" : ":rw");
	return tr_strv_ok(&spec->mounts, err);
}

int tr_job__asks(const struct tr_job *job, const struct tr_runtime *runtime,
	char env_file[PATH_MAX], struct tr_server_spec *spec, struct tr_err *err)
{
	if (job->n_volumes && !runtime->is_container) {
		tr_fail(err, TR_E_INVALID,
			"a plain process sees this machine's folders as they are: '-v' is for a "
			"container");
		return tr_hint(err, "tranche run %s --image IMAGE -v %s -- ...", job->profile,
			job->volumes[0]);
	}
	for (size_t i = 0; i < job->n_volumes; i++)
		if (add_volume(job->volumes[i], spec, err) < 0)
			return -(int)err->code;
	if (add_env_file(job->env_file, env_file, spec, err) < 0)
		return -(int)err->code;
	return add_env(job, runtime, spec, err);
}
