/* SPDX-License-Identifier: Apache-2.0 */
/* A place of its own for servers, and specs of them, for the tests of run. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "run/cgroup.h"
#include "run/run_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char room_dir[64];
static struct tr_err err;

static inline int room_open(void **state)
{
	char path[128];

	(void)state;
	snprintf(room_dir, sizeof(room_dir), "/tmp/tranche-test-XXXXXX");
	if (!mkdtemp(room_dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run", room_dir);
	setenv("TRANCHE_RUN_DIR", path, 1);
	setenv("TRANCHE_LIBEXEC_DIR", SHIM_DIR, 1);
	return 0;
}

static inline int room_close(void **state)
{
	struct tr_err ignored;

	(void)state;
	return tr_rm_tree(room_dir, &ignored);
}

/* Waits until a question is answered with yes; fails the test after 20 s. */
#define room_wait(question)                                            \
	do {                                                           \
		int64_t until_ = tr_now_ms(&tr_clock_real) + 20000;    \
		while (!(question)) {                                  \
			if (tr_now_ms(&tr_clock_real) > until_)        \
				fail_msg("never came: %s", #question); \
			tr_sleep_ms(&tr_clock_real, 10);               \
		}                                                      \
	} while (0)

/* A spec named after this test program; words end with NULL. */
struct room_server {
	struct tr_server_spec spec;
	char name[80];
};

static inline void room_server_init(struct room_server *server, const char *what)
{
	*server = (struct room_server){ 0 };
	snprintf(server->name, sizeof(server->name), "tranche-test%d-%s", (int)getpid(), what);
	server->spec = (struct tr_server_spec){
		.name = server->name,
		.node = "testnode",
		.stack = "teststack",
		.model = what,
		.replica = 2,
		.slice_uuid = "MIG-1234",
		.config_hash = "abc",
		.port = 4711,
	};
}

static inline void room_server_done(struct room_server *server)
{
	tr_strv_done(&server->spec.argv);
	tr_strv_done(&server->spec.env);
	tr_strv_done(&server->spec.mounts);
}

/* The server as the runtime lists it; false when it does not. */
static inline bool room_find(
	const struct tr_runtime *runtime, const char *name, struct tr_server *ret)
{
	struct tr_servers all = { 0 };
	bool found = false;

	if (runtime->list(&all, &err) < 0)
		fail_msg("list: %s", err.msg);
	for (size_t i = 0; i < all.n && !found; i++) {
		if (strcmp(all.v[i].name, name) != 0)
			continue;
		*ret = all.v[i];
		all.v[i] = (struct tr_server){ 0 };
		found = true;
	}
	tr_servers_done(&all);
	return found;
}

static inline bool room_is_in(
	const struct tr_runtime *runtime, const char *name, enum tr_server_state state)
{
	struct tr_server server = { 0 };
	bool is = room_find(runtime, name, &server) && server.state == state;

	tr_run__server_done(&server);
	return is;
}

static inline bool room_has_said(
	const struct tr_runtime *runtime, const char *name, const char *words)
{
	TR_AUTO_BUF text = { 0 };

	return runtime->tail(name, 100, &text, &err) == 0 && strstr(tr_buf_str(&text), words);
}

/* True while a control group of that name is anywhere. */
static inline bool room_has_cgroup(const char *name)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/memory",
		"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids" };

	for (size_t i = 0; i < TR_COUNT(roots); i++) {
		TR_AUTO_BUF path = { 0 };

		tr_buf_addf(&path, "%s/tranche/%s", roots[i], name);
		if (tr_is_dir(path.s))
			return true;
	}
	return false;
}

/* Nothing of a server is left: folder, list entry, control group. */
static inline void room_assert_gone(const struct tr_runtime *runtime, const char *name)
{
	struct tr_server server = { 0 };
	char path[PATH_MAX];

	assert_false(room_find(runtime, name, &server));
	assert_int_equal(tr_run__path(name, "", path, &err), 0);
	assert_false(tr_is_dir(path));
	assert_false(room_has_cgroup(name));
	assert_int_equal(tr_run__proc_kill_marked(path), 0);
	assert_int_equal(tr_run__proc_in_folder(path, NULL), 0);
}

/* Words that a runtime's logs() writes to fd 1, until the server ends. */
static inline char *room_followed(
	const struct tr_runtime *runtime, const char *name, uint32_t n_lines, bool follow)
{
	static const volatile int never = 0;
	char path[128], *text = NULL;
	int saved = dup(STDOUT_FILENO), fd, r;

	snprintf(path, sizeof(path), "%s/followed", room_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	r = runtime->logs(name, n_lines, follow, &never, &err);
	dup2(saved, STDOUT_FILENO);
	close(fd);
	close(saved);
	if (r < 0)
		fail_msg("logs: %s", err.msg);
	if (tr_read_file(path, 64 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}
