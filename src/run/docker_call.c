/* SPDX-License-Identifier: Apache-2.0 */
#include "run/docker.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "run/container.h"

#include <stdio.h>
#include <string.h>

#define SOCKET "/var/run/docker.sock"

enum { CONFIG_MAX = 1 << 20 };

/* A user's own settings may name a daemon that is somewhere else. */
static bool has_context(void)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	TR_AUTO_FREE char *text = NULL;
	TR_AUTO_BUF path = { 0 };
	struct tr_err ignored;

	if (dir && *dir)
		tr_buf_addf(&path, "%s/config.json", dir);
	else
		tr_buf_addf(&path, "%s/.docker/config.json", home ? home : "");
	return tr_read_file(tr_buf_str(&path), CONFIG_MAX, &text, NULL, &ignored) == 0 &&
	       strstr(text, "\"currentContext\"");
}

bool tr_docker__may_answer(void)
{
	return getenv("DOCKER_HOST") || getenv("DOCKER_CONTEXT") || access(SOCKET, F_OK) == 0 ||
	       has_context();
}

static bool says(const char *text, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}

static int not_running(struct tr_err *err)
{
	tr_fail(err, TR_E_UNSUPPORTED, "docker is installed, but its daemon does not run");
	return tr_hint(err, "%s",
		tr_is_dir("/run/systemd/system") ? "sudo systemctl start docker"
						 : "sudo dockerd >/var/log/dockerd.log 2>&1 &");
}

static int not_permitted(struct tr_err *err)
{
	tr_fail(err, TR_E_PERMISSION, "docker's daemon does not let this user in");
	return tr_hint(err, "sudo tranche ..., or: sudo usermod -aG docker $USER, and log in anew");
}

/* Puts docker's words, of 20.10 and of newer ones, to our codes. */
static int fail(const char *said, struct tr_err *err)
{
	static const char *const dead[] = { "cannot connect to the docker daemon",
		"failed to connect to the docker api", NULL };
	static const char *const denied[] = { "permission denied while trying to connect", NULL };
	static const char *const none[] = { "no such container", "no such object", "no such image",
		NULL };
	TR_AUTO_BUF copy = { 0 }, reason = { 0 };

	if (says(said, denied))
		return not_permitted(err);
	if (says(said, dead))
		return not_running(err);
	tr_buf_puts(&copy, said);
	tr_docker__container.reason(&copy, &reason);
	return tr_fail(err, says(said, none) ? TR_E_NOT_FOUND : TR_E_IO, "docker: %s",
		tr_buf_str(&reason));
}

int tr_docker__call(const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err)
{
	TR_AUTO_BUF said = { 0 };
	int status;

	if (tr_run(argv, NULL, ret_out, &said, &status, err) < 0)
		return -(int)err->code;
	return status == 0 ? 0 : fail(tr_buf_str(&said), err);
}
