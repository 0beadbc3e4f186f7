/* SPDX-License-Identifier: Apache-2.0 */
/* Every runtime that starts containers, by the same tests. ENGINE names the header of its own. */
#include "room.h"

#include "base/spawn.h"

#include <sys/wait.h>

#include ENGINE

static const struct tr_runtime *const runtime = RUNTIME;
static struct room_server server;
static struct tr_server seen;
static char image[64];

static int run_engine(const char *first, ...)
{
	TR_AUTO_STRV argv = { 0 };
	int status;
	va_list ap;

	engine_begin(&argv);
	va_start(ap, first);
	for (const char *word = first; word; word = va_arg(ap, const char *))
		tr_strv_add(&argv, word);
	va_end(ap);
	return tr_run(&argv, NULL, NULL, NULL, &status, &err) < 0 ? -1 : status;
}

/* An image that holds the test's server, and nothing else. */
static int image_open(void **state)
{
	TR_AUTO_STRV argv = { 0 };
	char tar[128];
	int status;

	if (room_open(state) < 0 || engine_open() < 0)
		return -1;
	snprintf(tar, sizeof(tar), "%s/image.tar", room_dir);
	snprintf(image, sizeof(image), "localhost/tranche-test:%d", (int)getpid());
	tr_strv_adds(&argv, "tar", "-C", SERVER_DIR, "-cf", tar, "run_server", NULL);
	if (tr_run(&argv, NULL, NULL, NULL, &status, &err) < 0 || status != 0)
		return -1;
	return run_engine("import", "--change", "ENTRYPOINT [\"/run_server\"]", tar, image, NULL);
}

static int image_close(void **state)
{
	int r = run_engine("rmi", "-f", image, NULL);

	if (engine_close() != 0)
		r = -1;
	return room_close(state) < 0 ? -1 : r;
}

static int server_open(void **state)
{
	(void)state;
	seen = (struct tr_server){ 0 };
	room_server_init(&server, "p");
	server.spec.image = image;
	return 0;
}

static int server_close(void **state)
{
	int r;

	(void)state;
	r = runtime->stop(server.name, 0, NULL, &err);
	if (r < 0)
		print_error("%s\n", err.msg);
	if (room_has_cgroup(server.name))
		r = -1;
	tr_run__server_done(&seen);
	room_server_done(&server);
	return r;
}

static void say(const char *verb, const char *arg)
{
	tr_strv_adds(&server.spec.argv, verb, arg, NULL);
}

static void start(void)
{
	if (runtime->start(&server.spec, &err) < 0)
		fail_msg("start: %s", err.msg);
}

static void look(enum tr_server_state wanted)
{
	room_wait(room_is_in(runtime, server.name, wanted));
	tr_run__server_done(&seen);
	assert_true(room_find(runtime, server.name, &seen));
}

static void stop(void)
{
	if (runtime->stop(server.name, 5000, NULL, &err) < 0)
		fail_msg("stop: %s", err.msg);
	room_assert_gone(runtime, server.name);
	assert_int_equal(run_engine("container", "inspect", server.name, NULL), NOT_THERE);
}

static void started_container_is_listed_by_its_labels(void **state)
{
	TR_AUTO_FREE char *cgroup = NULL;

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	assert_string_equal(seen.node, "testnode");
	assert_string_equal(seen.stack, "teststack");
	assert_string_equal(seen.model, "p");
	assert_string_equal(seen.slice_uuid, "MIG-1234");
	assert_string_equal(seen.config_hash, "abc");
	assert_int_equal(seen.replica, 2);
	assert_int_equal(seen.port, 4711);
	assert_ptr_equal(seen.runtime, runtime);
	assert_true(seen.limits_enforced);
	assert_true(seen.started_unix_ms > 0);
	assert_int_equal(kill(seen.pid, 0), 0);
	cgroup = tr_run__proc_cgroup(seen.pid);
	assert_string_equal(seen.cgroup, cgroup);
	/* Names live in folders, too: without them the container is still there. */
	assert_int_equal(tr_run__unclaim(server.name, &err), 0);
	look(TR_SERVER_RUNNING);
	assert_int_equal(runtime->start(&server.spec, &err), -TR_E_EXISTS);
	look(TR_SERVER_RUNNING);
	assert_int_equal(runtime->stop(server.name, 0, NULL, &err), 0);
	room_assert_gone(runtime, server.name);
}

static void container_has_few_rights_and_its_limits(void **state)
{
	TR_AUTO_FREE char *status = NULL;
	TR_AUTO_FREE char *limit = NULL;
	char path[PATH_MAX];

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	server.spec.cpu_millis = 500;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)seen.pid);
	assert_int_equal(tr_read_file(path, 1 << 16, &status, NULL, &err), 0);
	assert_non_null(strstr(status, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(status, "CapBnd:\t0000000000000000"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1"));
	if (tr_cgroup_is_v2() || !seen.limits_enforced)
		skip();
	snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/memory.memsw.limit_in_bytes",
		seen.cgroup);
	if (!tr_is_file(path))
		skip();
	assert_int_equal(tr_read_file(path, 100, &limit, NULL, &err), 0);
	assert_int_equal(strtoull(limit, NULL, 10), 64 << 20);
}

static void container_answers_on_loopback_and_leaves_nothing(void **state)
{
	char port_text[16];
	uint16_t port;

	(void)state;
	assert_int_equal(tr_port_pick(NULL, 0, &port, &err), 0);
	snprintf(port_text, sizeof(port_text), "%u", port);
	say("serve", port_text);
	start();
	room_wait(tr_probe_ready(port, "/health"));
	stop();
	assert_int_equal(tr_probe_ready(port, NULL), 0);
}

static void container_out_of_its_memory_is_known_as_such(void **state)
{
	(void)state;
	server.spec.memory_bytes = 32 << 20;
	say("eat", "200");
	start();
	look(TR_SERVER_EXITED);
	if (!seen.limits_enforced)
		skip();
	assert_int_equal(seen.exit_code, 137);
	assert_true(seen.oom_killed);
	stop();
}

static void killed_container_is_not_taken_for_out_of_memory(void **state)
{
	(void)state;
	server.spec.memory_bytes = 32 << 20;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	assert_int_equal(kill(seen.pid, SIGKILL), 0);
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 137);
	assert_false(seen.oom_killed);
	stop();
}

static void exit_code_and_last_words_are_known(void **state)
{
	TR_AUTO_FREE char *text = NULL;
	char kept[128];

	(void)state;
	say("exit", "7");
	start();
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 7);
	room_wait(room_has_said(runtime, server.name, "about to exit 7\n"));
	snprintf(kept, sizeof(kept), "%s/kept", room_dir);
	assert_int_equal(runtime->stop(server.name, 1000, kept, &err), 0);
	assert_int_equal(tr_read_file(kept, 4096, &text, NULL, &err), 0);
	assert_string_equal(text, "about to exit 7\n");
	room_assert_gone(runtime, server.name);
}

static void log_is_followed_until_the_container_ends(void **state)
{
	TR_AUTO_FREE char *text = NULL;
	pid_t helper;

	(void)state;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	room_wait(room_has_said(runtime, server.name, "stubborn\n"));
	helper = fork();
	if (helper == 0) {
		tr_sleep_ms(&tr_clock_real, 200);
		_exit(kill(seen.pid, SIGKILL) < 0);
	}
	text = room_followed(runtime, server.name, UINT32_MAX, true);
	waitpid(helper, NULL, 0);
	assert_string_equal(text, "stubborn\n");
}

static void stubborn_container_is_killed_after_grace(void **state)
{
	(void)state;
	say("stubborn", NULL);
	start();
	room_wait(room_has_said(runtime, server.name, "stubborn\n"));
	assert_int_equal(runtime->stop(server.name, 200, NULL, &err), 0);
	room_assert_gone(runtime, server.name);
}

static void taken_name_is_refused_and_its_holder_untouched(void **state)
{
	pid_t pid;

	(void)state;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	pid = seen.pid;
	assert_int_equal(runtime->start(&server.spec, &err), -TR_E_EXISTS);
	look(TR_SERVER_RUNNING);
	assert_int_equal(seen.pid, pid);
}

static void container_that_cannot_start_leaves_nothing(void **state)
{
	(void)state;
	tr_strv_add(&server.spec.mounts, "/no/such/folder:/x:ro");
	say("stubborn", NULL);
	assert_int_equal(runtime->prepare(&server.spec, NULL, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/no/such/folder"));
	assert_int_equal(runtime->start(&server.spec, &err), -TR_E_SERVER);
	assert_non_null(strstr(err.msg, server.name));
	room_assert_gone(runtime, server.name);
	assert_int_equal(run_engine("container", "inspect", server.name, NULL), NOT_THERE);
}

static void container_that_was_never_started_is_listed_and_removed(void **state)
{
	(void)state;
	assert_int_equal(run_engine("create", "--name", server.name, "--network", "host", "--label",
				 "tranche.node=testnode", "--label", "tranche.runtime=docker",
				 image, "stubborn", NULL),
		0);
	look(TR_SERVER_CREATED);
	assert_string_equal(seen.node, "testnode");
	stop();
	assert_int_equal(tr_run__claim(&server.spec, runtime->name, NULL, &err), 0);
	look(TR_SERVER_CREATED);
	assert_string_equal(seen.stack, "teststack");
	stop();
}

static void killed_starter_leaves_nothing_that_stop_misses(void **state)
{
	(void)state;
	say("stubborn", NULL);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(runtime->start(&server.spec, &err) < 0);
		tr_sleep_ms(&tr_clock_real, 3 + i * 20);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(runtime->stop(server.name, 0, NULL, &err), 0);
		room_assert_gone(runtime, server.name);
	}
}

static void variables_reach_the_server_and_no_argument_list(void **state)
{
	const struct {
		const char *entry, *name;
	} cases[] = {
		{ "HF_TOKEN=secret-1 'quoted' #x", "HF_TOKEN" },
		{ "LD_LIBRARY_PATH=/secret-2", "LD_LIBRARY_PATH" },
		{ "PATH=/secret-3", "PATH" },
	};
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		TR_AUTO_BUF text = { 0 };

		room_server_done(&server);
		room_server_init(&server, "p");
		server.spec.image = image;
		tr_strv_add(&server.spec.env, cases[i].entry);
		say("env", cases[i].name);
		assert_int_equal(runtime->describe(&server.spec, &text, &err), 0);
		assert_non_null(strstr(text.s, cases[i].name));
		assert_null(strstr(text.s, "secret"));
		start();
		look(TR_SERVER_EXITED);
		assert_true(room_has_said(runtime, server.name, cases[i].entry));
		assert_int_equal(tr_run__path(server.name, "env", path, &err), 0);
		assert_false(tr_is_file(path));
		stop();
	}
}

static void env_file_is_read_and_beaten_by_the_spec(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/env", room_dir);
	assert_int_equal(tr_write_file(path, 0600, "A=file\nHOME=/file\n", 18, &err), 0);
	server.spec.env_file = path;
	tr_strv_add(&server.spec.env, "HOME=/spec");
	assert_int_equal(runtime->prepare(&server.spec, NULL, &err), 0);
	say("env", "HOME");
	start();
	look(TR_SERVER_EXITED);
	assert_true(room_has_said(runtime, server.name, "HOME=/spec"));
	stop();
	server.spec.env_file = "/no/such.env";
	assert_int_equal(runtime->prepare(&server.spec, NULL, &err), -TR_E_NOT_FOUND);
}

static void missing_local_image_is_said_with_what_to_type(void **state)
{
	(void)state;
	assert_int_equal(runtime->prepare(&server.spec, NULL, &err), 0);
	assert_false(runtime->needs_pull(&server.spec));
	server.spec.image = "localhost/tranche-no-such-image";
	assert_false(runtime->needs_pull(&server.spec));
	assert_int_equal(runtime->prepare(&server.spec, NULL, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.hint, " build -t localhost/tranche-no-such-image"));
	assert_int_equal(strncmp(err.hint, runtime->name, strlen(runtime->name)), 0);
	server.spec.image = "registry.invalid/tranche-no-such-image";
	assert_true(runtime->needs_pull(&server.spec));
}

static void description_is_what_is_run(void **state)
{
	TR_AUTO_BUF text = { 0 };

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	server.spec.cpu_millis = 1500;
	say("serve", "80");
	assert_int_equal(runtime->describe(&server.spec, &text, &err), 0);
	assert_non_null(strstr(text.s, " -m 67108864b --memory-swap 67108864b --cpus 1.500 "));
	assert_non_null(strstr(text.s, " --cap-drop all --security-opt no-new-privileges "));
	assert_non_null(strstr(text.s, " --label tranche.slice=MIG-1234 "));
	assert_non_null(strstr(text.s, " serve 80\n"));
	assert_int_equal(strncmp(text.s, runtime->name, strlen(runtime->name)), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, server_open, server_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(started_container_is_listed_by_its_labels),
		T(container_has_few_rights_and_its_limits),
		T(container_answers_on_loopback_and_leaves_nothing),
		T(container_out_of_its_memory_is_known_as_such),
		T(killed_container_is_not_taken_for_out_of_memory),
		T(exit_code_and_last_words_are_known),
		T(log_is_followed_until_the_container_ends),
		T(stubborn_container_is_killed_after_grace),
		T(taken_name_is_refused_and_its_holder_untouched),
		T(container_that_cannot_start_leaves_nothing),
		T(container_that_was_never_started_is_listed_and_removed),
		T(killed_starter_leaves_nothing_that_stop_misses),
		T(variables_reach_the_server_and_no_argument_list),
		T(env_file_is_read_and_beaten_by_the_spec),
		T(missing_local_image_is_said_with_what_to_type),
		T(description_is_what_is_run),
	};

	const char *lack = geteuid() == 0 ? engine_lacks() : "not root";

	if (lack) {
		printf("1..0 # SKIP %s\n", lack);
		return 77;
	}
	return cmocka_run_group_tests(tests, image_open, image_close);
}
