/* SPDX-License-Identifier: Apache-2.0 */
#include "run/podman.h"

#include "base/err.h"
#include "base/spawn.h"
#include "run/cgroup.h"
#include "run/container.h"
#include "run/run_priv.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_KILLED = 137 };

static bool has_oom_file(const char *name)
{
	struct tr_err ignored;
	char path[PATH_MAX];

	return tr_run__path(name, "oom", path, &ignored) == 0 && access(path, F_OK) == 0;
}

/* One row of `podman ps --format json`. */
static void read_row(const json_t *row, struct tr_server *ret)
{
	const char *name = json_string_value(json_array_get(json_object_get(row, "Names"), 0));
	json_int_t started = json_integer_value(json_object_get(row, "StartedAt"));

	tr_container__read_labels(
		&tr_podman__container, name ? name : "", json_object_get(row, "Labels"), ret);
	ret->state = tr_container__state(tr_container__text(row, "State"));
	/* Without root, version 1 gives podman no control groups. */
	ret->limits_enforced = geteuid() == 0 || tr_cgroup_is_v2();
	ret->started_unix_ms = started > 0 ? started * 1000 : 0;
	if (ret->state == TR_SERVER_RUNNING) {
		ret->pid = (pid_t)json_integer_value(json_object_get(row, "Pid"));
		ret->cgroup = tr_run__proc_cgroup(ret->pid);
	} else if (ret->state == TR_SERVER_EXITED) {
		ret->exit_code = (int)json_integer_value(json_object_get(row, "ExitCode"));
		ret->oom_killed = has_oom_file(name ? name : "");
	}
}

/* What podman itself knows of a kill, where conmon left no file. */
static void ask_oom(struct tr_server *server)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF answer = { 0 };
	struct tr_err ignored;

	if (server->exit_code != EXIT_KILLED || server->oom_killed)
		return;
	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "inspect", "--type", "container", "--format", "{{.State.OOMKilled}}",
		server->name, NULL);
	if (tr_container__call(&tr_podman__container, &argv, &answer, &ignored) == 0)
		server->oom_killed = strncmp(tr_buf_str(&answer), "true", 4) == 0;
}

/* Podman learns from conmon that a server has ended. When conmon was killed it goes on to say
 * "running": then nobody knows how the server ended. While conmon lives, its word is waited for. */
static void ask_if_gone(struct tr_server *server)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF answer = { 0 };
	struct tr_err ignored;
	char dir[PATH_MAX], status[32] = "";
	int exit_code = EXIT_KILLED;

	if (!server->name || tr_run__proc_is_alive(server->pid) ||
		tr_run__path(server->name, "", dir, &ignored) < 0 ||
		tr_run__proc_in_folder(dir, NULL) > 0)
		return;
	/* It may have ended properly since podman was asked. */
	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "inspect", "--type", "container", "--format",
		"{{.State.Status}} {{.State.ExitCode}}", server->name, NULL);
	if (tr_container__call(&tr_podman__container, &argv, &answer, &ignored) == 0 &&
		sscanf(tr_buf_str(&answer), "%31s %d", status, &exit_code) == 2 &&
		tr_container__state(status) == TR_SERVER_RUNNING)
		exit_code = EXIT_KILLED;
	server->state = TR_SERVER_EXITED;
	server->pid = 0;
	server->exit_code = exit_code;
	server->oom_killed = has_oom_file(server->name);
	free(TR_TAKE(server->cgroup));
}

static int list_containers(struct tr_servers *ret, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF text = { 0 };
	json_error_t why;
	json_t *rows, *row;
	size_t i;
	int r = 0;

	tr_podman__begin(&argv);
	tr_strv_adds(&argv, "ps", "-a", "--no-trunc", "--filter", "label=tranche.node", "--format",
		"json", NULL);
	if (tr_container__call(&tr_podman__container, &argv, &text, err) < 0)
		return -(int)err->code;
	rows = json_loadb(tr_buf_str(&text), text.len, 0, &why);
	if (!json_is_array(rows)) {
		json_decref(rows);
		return tr_fail(err, TR_E_IO, "podman ps: its answer cannot be read: %s", why.text);
	}
	json_array_foreach (rows, i, row) {
		struct tr_server server;

		read_row(row, &server);
		if (server.state == TR_SERVER_RUNNING)
			ask_if_gone(&server);
		if (server.state == TR_SERVER_EXITED)
			ask_oom(&server);
		r = tr_run__add_server(ret, &server, err);
		if (r < 0)
			break;
	}
	json_decref(rows);
	return r;
}

int tr_podman__list(struct tr_servers *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *podman_path = tr_which("podman");
	TR_AUTO_STRV names = { 0 };

	if (tr_run__folders("podman", &names, err) < 0)
		return -(int)err->code;
	if (podman_path && list_containers(ret, err) < 0)
		return -(int)err->code;
	return tr_container__add_folders(&tr_podman__container, &names, ret, err);
}
