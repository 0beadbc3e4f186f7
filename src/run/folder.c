/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_LEN_MAX = 200, SPEC_MAX = 1 << 20 };

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_LEN_MAX && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

static int servers_path(const char *rest, char ret[PATH_MAX], struct tr_err *err)
{
	if (tr_run_dir(ret, err) < 0 || tr_path_join(ret, "servers", ret, err) < 0)
		return -(int)err->code;
	return tr_path_join(ret, rest, ret, err);
}

int tr_run__path(const char *name, const char *rest, char ret[PATH_MAX], struct tr_err *err)
{
	if (!is_name(name))
		return tr_fail(err, TR_E_INVALID, "'%.100s' is no name for a server", name);
	if (servers_path(name, ret, err) < 0)
		return -(int)err->code;
	return tr_path_join(ret, rest, ret, err);
}

void tr_run__sweep(void)
{
	char servers[PATH_MAX];
	struct tr_err unread;
	DIR *dir = servers_path("", servers, &unread) < 0 ? NULL : opendir(servers);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		TR_AUTO_BUF path = { 0 };
		struct tr_err ignored;
		long pid;

		if (strncmp(entry->d_name, ".new-", 5) != 0 &&
			strncmp(entry->d_name, ".old-", 5) != 0)
			continue;
		pid = strtol(entry->d_name + 5, NULL, 10);
		if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		tr_buf_addf(&path, "%s/%s", servers, entry->d_name);
		if (!path.failed)
			tr_rm_tree(path.s, &ignored);
	}
	if (dir)
		closedir(dir);
}

static char *spec_text(const struct tr_server_spec *spec, const char *runtime)
{
	json_t *json = json_pack("{ss ss ss ss si ss ss si sb}", "runtime", runtime, "node",
		spec->node, "stack", spec->stack, "model", spec->model, "replica",
		(int)spec->replica, "slice", spec->slice_uuid, "hash", spec->config_hash, "port",
		(int)spec->port, "limits", spec->memory_bytes || spec->cpu_millis);
	char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;

	json_decref(json);
	return text;
}

static int write_in(
	const char *dir, const char *file, const char *text, bool is_there, struct tr_err *err)
{
	TR_AUTO_BUF path = { 0 };

	if (!is_there)
		return 0;
	tr_buf_addf(&path, "%s/%s", dir, file);
	if (tr_buf_ok(&path, err) < 0)
		return -(int)err->code;
	return tr_write_file(path.s, 0600, text, strlen(text), err);
}

static int fill(const char *dir, const char *spec, const char *launch, struct tr_err *err)
{
	TR_AUTO_BUF ctl = { 0 };

	if (write_in(dir, "spec", spec, true, err) < 0 ||
		write_in(dir, "launch", launch, launch != NULL, err) < 0 ||
		write_in(dir, "lock", "", launch != NULL, err) < 0)
		return -(int)err->code;
	tr_buf_addf(&ctl, "%s/ctl", dir);
	if (tr_buf_ok(&ctl, err) < 0)
		return -(int)err->code;
	if (launch && mkfifo(ctl.s, 0600) < 0)
		return tr_fail_errno(err, errno, "make '%s'", ctl.s);
	return 0;
}

int tr_run__claim(const struct tr_server_spec *spec, const char *runtime, const char *launch,
	struct tr_err *err)
{
	TR_AUTO_FREE char *text = spec_text(spec, runtime);
	char servers[PATH_MAX], target[PATH_MAX];
	TR_AUTO_BUF temp = { 0 };
	struct tr_err ignored;
	int r;

	if (!text)
		return tr_fail(err, TR_E_NO_MEMORY, "describe '%s': out of memory", spec->name);
	if (servers_path("", servers, err) < 0 || tr_run__path(spec->name, "", target, err) < 0 ||
		tr_mkdir_p(servers, 0700, err) < 0)
		return -(int)err->code;
	tr_run__sweep();
	tr_buf_addf(&temp, "%s/.new-%d-XXXXXX", servers, (int)getpid());
	if (tr_buf_ok(&temp, err) < 0)
		return -(int)err->code;
	if (!mkdtemp(temp.s))
		return tr_fail_errno(err, errno, "make a folder in '%s'", servers);
	r = fill(temp.s, text, launch, err);
	if (r == 0 && rename(temp.s, target) < 0)
		r = errno == ENOTEMPTY || errno == EEXIST
			    ? tr_fail(err, TR_E_EXISTS, "there is a server '%s' already",
				      spec->name)
			    : tr_fail_errno(err, errno, "make folder '%s'", target);
	if (r < 0)
		tr_rm_tree(temp.s, &ignored);
	return r;
}

int tr_run__unclaim(const char *name, struct tr_err *err)
{
	char servers[PATH_MAX], dir[PATH_MAX];
	TR_AUTO_BUF gone = { 0 };

	if (servers_path("", servers, err) < 0 || tr_run__path(name, "", dir, err) < 0)
		return -(int)err->code;
	tr_buf_addf(&gone, "%s/.old-%d-XXXXXX", servers, (int)getpid());
	if (tr_buf_ok(&gone, err) < 0)
		return -(int)err->code;
	if (!tr_is_dir(dir))
		return 0;
	if (!mkdtemp(gone.s))
		return tr_fail_errno(err, errno, "make a folder in '%s'", servers);
	if (rename(dir, gone.s) < 0 && errno != ENOENT) {
		tr_fail_errno(err, errno, "remove '%s'", dir);
		rmdir(gone.s);
		return -(int)err->code;
	}
	return tr_rm_tree(gone.s, err);
}

static json_t *load_spec(const char *name, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	json_error_t why;
	json_t *json;
	size_t len;

	if (tr_run__path(name, "spec", path, err) < 0 ||
		tr_read_file(path, SPEC_MAX, &text, &len, err) < 0)
		return NULL;
	json = json_loadb(text, len, 0, &why);
	if (!json)
		tr_fail(err, TR_E_INVALID, "'%s' is damaged: %s", path, why.text);
	return json;
}

bool tr_run__is_of(const char *name, const char *runtime)
{
	struct tr_err ignored;
	json_t *json = load_spec(name, &ignored);
	const char *says = json ? json_string_value(json_object_get(json, "runtime")) : NULL;
	bool is = says && strcmp(says, runtime) == 0;

	json_decref(json);
	return is;
}

int tr_run__folders(const char *runtime, struct tr_strv *ret, struct tr_err *err)
{
	char servers[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (servers_path("", servers, err) < 0)
		return -(int)err->code;
	dir = opendir(servers);
	if (!dir)
		return errno == ENOENT ? 0 : tr_fail_errno(err, errno, "read '%s'", servers);
	while ((entry = readdir(dir)))
		if (is_name(entry->d_name) && tr_run__is_of(entry->d_name, runtime))
			tr_strv_add(ret, entry->d_name);
	closedir(dir);
	return tr_strv_ok(ret, err);
}

static char *copy_string(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return strdup(value ? value : "");
}

int tr_run__read_spec(const char *name, struct tr_server *ret, struct tr_err *err)
{
	json_t *json = load_spec(name, err);

	if (!json)
		return -(int)err->code;
	*ret = (struct tr_server){
		.name = strdup(name),
		.node = copy_string(json, "node"),
		.stack = copy_string(json, "stack"),
		.model = copy_string(json, "model"),
		.slice_uuid = copy_string(json, "slice"),
		.config_hash = copy_string(json, "hash"),
		.replica = (uint32_t)json_integer_value(json_object_get(json, "replica")),
		.port = (uint16_t)json_integer_value(json_object_get(json, "port")),
		.state = TR_SERVER_CREATED,
		.limits_enforced = !json_is_true(json_object_get(json, "limits")),
	};
	json_decref(json);
	return 0;
}
