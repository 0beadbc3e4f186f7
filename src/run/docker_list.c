/* SPDX-License-Identifier: Apache-2.0 */
#include "run/docker.h"

#include "base/err.h"
#include "base/spawn.h"
#include "run/container.h"
#include "run/run_priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "2026-11-25T15:38:33.603507663Z"; what never began is said to have begun in the year 1. */
static int64_t unix_ms(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t seconds = rest ? timegm(&tm) : 0;
	double fraction = rest && *rest == '.' ? strtod(rest, NULL) : 0;

	return seconds > 0 ? (int64_t)seconds * 1000 + (int64_t)(fraction * 1000) : 0;
}

/* Docker drops a limit that the kernel does not offer, and only warns. */
static bool has_limits(const json_t *labels, const json_t *config)
{
	unsigned long long memory =
		strtoull(tr_container__text(labels, "tranche.memory"), NULL, 10);
	unsigned long long millis = strtoull(tr_container__text(labels, "tranche.cpu"), NULL, 10);

	return (json_int_t)memory == json_integer_value(json_object_get(config, "Memory")) &&
	       (json_int_t)millis * 1000000 ==
		       json_integer_value(json_object_get(config, "NanoCpus"));
}

/* One element of what `docker inspect` answers. */
static void read_container(const json_t *row, struct tr_server *ret)
{
	const json_t *labels = json_object_get(json_object_get(row, "Config"), "Labels");
	const json_t *state = json_object_get(row, "State");
	const char *name = tr_container__text(row, "Name");

	tr_container__read_labels(&tr_docker__container, name + (name[0] == '/'), labels, ret);
	ret->state = tr_container__state(tr_container__text(state, "Status"));
	ret->limits_enforced = has_limits(labels, json_object_get(row, "HostConfig"));
	ret->started_unix_ms = unix_ms(tr_container__text(state, "StartedAt"));
	if (ret->state == TR_SERVER_RUNNING) {
		ret->pid = (pid_t)json_integer_value(json_object_get(state, "Pid"));
		ret->cgroup = tr_run__proc_cgroup(ret->pid);
	} else if (ret->state == TR_SERVER_EXITED) {
		ret->exit_code = (int)json_integer_value(json_object_get(state, "ExitCode"));
		ret->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
	}
}

static int read_containers(const char *text, size_t len, struct tr_servers *ret, struct tr_err *err)
{
	json_error_t why;
	json_t *rows = json_loadb(text, len, 0, &why), *row;
	size_t i;
	int r = 0;

	if (!json_is_array(rows)) {
		json_decref(rows);
		return tr_fail(
			err, TR_E_IO, "docker inspect: its answer cannot be read: %s", why.text);
	}
	json_array_foreach (rows, i, row) {
		struct tr_server server;

		read_container(row, &server);
		r = tr_run__add_server(ret, &server, err);
		if (r < 0)
			break;
	}
	json_decref(rows);
	return r;
}

static int list_containers(struct tr_servers *ret, struct tr_err *err)
{
	TR_AUTO_STRV ps = { 0 }, inspect = { 0 };
	TR_AUTO_BUF ids = { 0 }, text = { 0 };
	char *save = NULL;

	/* Ours by this label alone: `docker` may be podman under another name. */
	tr_strv_adds(&ps, "docker", "ps", "-a", "-q", "--no-trunc", "--filter",
		"label=tranche.runtime=docker", NULL);
	if (tr_docker__call(&ps, &ids, err) < 0)
		return -(int)err->code;
	if (tr_buf_ok(&ids, err) < 0)
		return -(int)err->code;
	if (!ids.len)
		return 0;
	tr_strv_adds(&inspect, "docker", "inspect", "--type", "container", NULL);
	for (char *id = strtok_r(ids.s, "\n", &save); id; id = strtok_r(NULL, "\n", &save))
		tr_strv_add(&inspect, id);
	/* One that went away meanwhile is complained about, and the others are told. */
	if (tr_docker__call(&inspect, &text, err) < 0 && err->code != TR_E_NOT_FOUND)
		return -(int)err->code;
	return read_containers(tr_buf_str(&text), text.len, ret, err);
}

int tr_docker__list(struct tr_servers *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *docker_path = tr_which("docker");
	TR_AUTO_STRV names = { 0 };
	int r = 0;

	if (tr_run__folders("docker", &names, err) < 0)
		return -(int)err->code;
	if (docker_path && (names.n || tr_docker__may_answer()))
		r = list_containers(ret, err);
	/* A daemon that cannot be asked holds nothing, unless we know better. */
	if (r < 0 && (names.n || (r != -TR_E_UNSUPPORTED && r != -TR_E_PERMISSION)))
		return r;
	return tr_container__add_folders(&tr_docker__container, &names, ret, err);
}
