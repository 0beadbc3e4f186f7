/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"

#include <jansson.h>
#include <pwd.h>
#include <sys/wait.h>

static const struct tr_runtime *const process = &tr_runtime_process;
static struct room_server server;
static struct tr_server seen;

static int server_open(void **state)
{
	(void)state;
	seen = (struct tr_server){ 0 };
	room_server_init(&server, "a");
	tr_strv_add(&server.spec.argv, SERVER);
	return 0;
}

static int server_close(void **state)
{
	int r;

	(void)state;
	r = process->stop(server.name, 0, NULL, &err);
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
	if (process->start(&server.spec, &err) < 0)
		fail_msg("start: %s", err.msg);
}

static void look(enum tr_server_state wanted)
{
	room_wait(room_is_in(process, server.name, wanted));
	tr_run__server_done(&seen);
	assert_true(room_find(process, server.name, &seen));
}

static void stop(void)
{
	if (process->stop(server.name, 5000, NULL, &err) < 0)
		fail_msg("stop: %s", err.msg);
	room_assert_gone(process, server.name);
}

static bool may_limit(void)
{
	return geteuid() == 0 && seen.limits_enforced && seen.cgroup;
}

static pid_t shim_pid(void)
{
	char path[PATH_MAX];
	json_t *state;
	pid_t pid;

	assert_int_equal(tr_run__path(server.name, "state", path, &err), 0);
	state = json_load_file(path, 0, NULL);
	assert_non_null(state);
	pid = (pid_t)json_integer_value(json_object_get(state, "shim"));
	json_decref(state);
	return pid;
}

static void started_server_is_listed_with_what_it_was_started_from(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	assert_string_equal(seen.node, "testnode");
	assert_string_equal(seen.stack, "teststack");
	assert_string_equal(seen.model, "a");
	assert_string_equal(seen.slice_uuid, "MIG-1234");
	assert_string_equal(seen.config_hash, "abc");
	assert_int_equal(seen.replica, 2);
	assert_int_equal(seen.port, 4711);
	assert_ptr_equal(seen.runtime, process);
	assert_true(seen.started_unix_ms > 0);
	assert_int_equal(kill(seen.pid, 0), 0);
	assert_int_equal(tr_run__path(server.name, "", path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void server_answers_on_its_port_and_stops_gently(void **state)
{
	char port_text[16];
	uint16_t port;

	(void)state;
	assert_int_equal(tr_port_pick(NULL, 0, &port, &err), 0);
	snprintf(port_text, sizeof(port_text), "%u", port);
	say("serve", port_text);
	assert_int_equal(tr_probe_ready(port, "/health"), 0);
	start();
	room_wait(tr_probe_ready(port, "/health"));
	assert_int_equal(tr_probe_ready(port, NULL), 1);
	stop();
	assert_int_equal(tr_probe_ready(port, NULL), 0);
}

static void server_that_ignores_sigterm_is_killed_after_grace(void **state)
{
	(void)state;
	say("stubborn", NULL);
	start();
	room_wait(room_has_said(process, server.name, "stubborn"));
	assert_int_equal(process->stop(server.name, 100, NULL, &err), 0);
	room_assert_gone(process, server.name);
}

static void exit_code_and_signal_are_known(void **state)
{
	(void)state;
	say("exit", "7");
	start();
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 7);
	assert_false(seen.oom_killed);
	assert_true(room_has_said(process, server.name, "about to exit 7"));
	stop();
	tr_strv_done(&server.spec.argv);
	tr_strv_adds(&server.spec.argv, SERVER, "signal", "11", NULL);
	start();
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 128 + 11);
	assert_false(seen.oom_killed);
}

static void server_out_of_its_memory_is_killed_and_said_so(void **state)
{
	char limit[PATH_MAX];

	(void)state;
	server.spec.memory_bytes = 32 << 20;
	server.spec.cpu_millis = 500;
	say("eat", "200");
	start();
	assert_true(room_find(process, server.name, &seen));
	if (!may_limit())
		skip();
	snprintf(limit, sizeof(limit), "/tranche/%s", server.name);
	assert_string_equal(seen.cgroup, limit);
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 128 + SIGKILL);
	assert_true(seen.oom_killed);
}

static void limits_are_set_in_the_kernel_with_swap(void **state)
{
	struct tr_cgroup group;
	char path[PATH_MAX + 64];
	TR_AUTO_FREE char *memory = NULL;
	TR_AUTO_FREE char *swap = NULL;
	TR_AUTO_FREE char *cpu = NULL;
	TR_AUTO_FREE char *of_server = NULL;

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	server.spec.cpu_millis = 250;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	if (!may_limit() || tr_cgroup_is_v2())
		skip();
	of_server = tr_run__proc_cgroup(seen.pid);
	assert_string_equal(of_server, seen.cgroup);
	tr_cgroup_find(server.name, &group);
	snprintf(path, sizeof(path), "%s/memory.limit_in_bytes", group.memory_dir);
	assert_int_equal(tr_read_file(path, 100, &memory, NULL, &err), 0);
	assert_int_equal(strtoull(memory, NULL, 10), 64 << 20);
	snprintf(path, sizeof(path), "%s/memory.memsw.limit_in_bytes", group.memory_dir);
	if (tr_is_file(path)) {
		assert_int_equal(tr_read_file(path, 100, &swap, NULL, &err), 0);
		assert_int_equal(strtoull(swap, NULL, 10), 64 << 20);
	}
	snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", group.cpu_dir);
	assert_int_equal(tr_read_file(path, 100, &cpu, NULL, &err), 0);
	assert_int_equal(strtoull(cpu, NULL, 10), 25000);
}

static void what_the_server_started_ends_with_it(void **state)
{
	char path[PATH_MAX];

	(void)state;
	say("family", NULL);
	start();
	look(TR_SERVER_RUNNING);
	room_wait(room_has_said(process, server.name, "family"));
	assert_int_equal(kill(seen.pid, SIGTERM), 0);
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 0);
	assert_int_equal(tr_run__path(server.name, "", path, &err), 0);
	assert_int_equal(tr_run__proc_kill_marked(path), 0);
	stop();
}

static void killed_shim_takes_its_server_along_and_stop_cleans_up(void **state)
{
	pid_t pid;

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	say("family", NULL);
	start();
	look(TR_SERVER_RUNNING);
	room_wait(room_has_said(process, server.name, "family"));
	pid = seen.pid;
	assert_int_equal(kill(shim_pid(), SIGKILL), 0);
	look(TR_SERVER_EXITED);
	assert_int_equal(seen.exit_code, 128 + SIGKILL);
	assert_int_equal(seen.pid, 0);
	room_wait(kill(pid, 0) < 0);
	stop();
}

static void taken_name_is_refused_and_its_holder_untouched(void **state)
{
	pid_t pid;

	(void)state;
	say("stubborn", NULL);
	start();
	look(TR_SERVER_RUNNING);
	pid = seen.pid;
	assert_int_equal(process->start(&server.spec, &err), -TR_E_EXISTS);
	assert_non_null(strstr(err.msg, server.name));
	look(TR_SERVER_RUNNING);
	assert_int_equal(seen.pid, pid);
}

static void of_two_starters_at_once_one_wins(void **state)
{
	int wins = 0;
	pid_t pids[4];

	(void)state;
	say("stubborn", NULL);
	for (size_t i = 0; i < TR_COUNT(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(process->start(&server.spec, &err) == 0 ? 0
				: err.code == TR_E_EXISTS	      ? 1
								      : 2);
	}
	for (size_t i = 0; i < TR_COUNT(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_in_range(WEXITSTATUS(status), 0, 1);
		wins += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(wins, 1);
	look(TR_SERVER_RUNNING);
}

static void program_that_is_missing_or_not_one_leaves_nothing(void **state)
{
	char script[128];

	(void)state;
	tr_strv_done(&server.spec.argv);
	tr_strv_add(&server.spec.argv, "/no/such/program");
	assert_int_equal(process->prepare(&server.spec, NULL, &err), -TR_E_NOT_FOUND);
	assert_int_equal(process->start(&server.spec, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/no/such/program"));
	snprintf(script, sizeof(script), "%s/script", room_dir);
	assert_int_equal(tr_write_file(script, 0755, "#!/no/such/shell\n", 17, &err), 0);
	tr_strv_done(&server.spec.argv);
	tr_strv_add(&server.spec.argv, script);
	assert_int_equal(process->prepare(&server.spec, NULL, &err), 0);
	assert_int_equal(process->start(&server.spec, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, script));
	assert_non_null(strstr(err.msg, strerror(ENOENT)));
	room_assert_gone(process, server.name);
	assert_int_equal(tr_write_file(script, 0755,
				 "\x7f"
				 "ELF junk",
				 9, &err),
		0);
	assert_int_equal(process->start(&server.spec, &err), -TR_E_IO);
	assert_non_null(strstr(err.msg, strerror(ENOEXEC)));
	room_assert_gone(process, server.name);
}

static void environment_is_handed_over_and_little_of_ours(void **state)
{
	char path[128], launch[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/env", room_dir);
	assert_int_equal(
		tr_write_file(path, 0600, "# keys\nTOKEN=from file\nBOTH=file\n", 33, &err), 0);
	server.spec.env_file = path;
	tr_strv_add(&server.spec.env, "BOTH=spec");
	setenv("TEST_SECRET", "hidden", 1);
	const struct {
		const char *name, *said;
	} cases[] = {
		{ "TOKEN", "TOKEN=from file" },
		{ "BOTH", "BOTH=spec" },
		{ "TEST_SECRET", "TEST_SECRET=(none)" },
		{ "PATH", "PATH=/" },
	};
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		tr_strv_done(&server.spec.argv);
		tr_strv_adds(&server.spec.argv, SERVER, "env", cases[i].name, NULL);
		start();
		look(TR_SERVER_EXITED);
		assert_true(room_has_said(process, server.name, cases[i].said));
		assert_int_equal(tr_run__path(server.name, "launch", launch, &err), 0);
		assert_false(tr_is_file(launch));
		stop();
	}
}

static void unreadable_env_file_is_refused_before_anything_starts(void **state)
{
	(void)state;
	say("stubborn", NULL);
	server.spec.env_file = "/no/such/file.env";
	assert_int_equal(process->prepare(&server.spec, NULL, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/no/such/file.env"));
	assert_int_equal(process->start(&server.spec, &err), -TR_E_NOT_FOUND);
	room_assert_gone(process, server.name);
}

static void log_is_rotated_tailed_and_kept(void **state)
{
	TR_AUTO_BUF text = { 0 };
	char path[PATH_MAX], last[32];
	TR_AUTO_FREE char *kept = NULL;
	struct stat st;
	size_t len;

	(void)state;
	say("say", "20"); /* 20 MiB into twice 8 */
	start();
	snprintf(last, sizeof(last), "%d ", 20 * 8192 - 1);
	room_wait(room_has_said(process, server.name, last));
	assert_int_equal(process->tail(server.name, 3, &text, &err), 0);
	assert_int_equal(text.len, 3 * 128);
	assert_int_equal(atoi(text.s), 20 * 8192 - 3);
	assert_int_equal(tr_run__path(server.name, "log.1", path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 8 << 20);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/kept", room_dir);
	assert_int_equal(process->stop(server.name, 1000, path, &err), 0);
	assert_int_equal(tr_read_file(path, 64 << 20, &kept, &len, &err), 0);
	assert_true(len >= 3 * 128 && len <= 16 << 20);
	assert_memory_equal(kept + len - 3 * 128, text.s, 3 * 128);
}

static void log_is_followed_until_the_server_ends(void **state)
{
	TR_AUTO_FREE char *all = NULL;
	TR_AUTO_FREE char *last = NULL;

	(void)state;
	tr_strv_done(&server.spec.argv);
	tr_strv_adds(&server.spec.argv, "sh", "-c",
		"echo one; echo two; while test ! -e \"$GO\"; do sleep 0.05; done; echo three; "
		"printf four",
		NULL);
	tr_strv_addf(&server.spec.env, "GO=%s/go", room_dir);
	start();
	room_wait(room_has_said(process, server.name, "two\n"));
	pid_t helper = fork();
	if (helper == 0) {
		char path[128];

		tr_sleep_ms(&tr_clock_real, 300);
		snprintf(path, sizeof(path), "%s/go", room_dir);
		_exit(tr_write_file(path, 0600, "", 0, &err) < 0);
	}
	all = room_followed(process, server.name, 1, true);
	waitpid(helper, NULL, 0);
	assert_string_equal(all, "two\nthree\nfour");
	last = room_followed(process, server.name, UINT32_MAX, false);
	assert_string_equal(last, "one\ntwo\nthree\nfour");
}

static void start_that_was_cut_off_is_listed_and_removed(void **state)
{
	(void)state;
	assert_int_equal(tr_run__claim(&server.spec, "process", "{}", &err), 0);
	look(TR_SERVER_CREATED);
	assert_int_equal(seen.pid, 0);
	stop();
}

/* The starter is killed at different moments; whatever is left is listed, and stopped. */
static void killed_starter_leaves_nothing_that_stop_misses(void **state)
{
	(void)state;
	say("family", NULL);
	for (int i = 0; i < 12; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct tr_err mine = { 0 };

			_exit(process->start(&server.spec, &mine) < 0);
		}
		usleep((useconds_t)i * 250);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		stop();
	}
}

static void user_without_rights_has_servers_without_limits(void **state)
{
	struct passwd *nobody = getpwnam("nobody");
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0 || !nobody)
		skip();
	server.spec.memory_bytes = 64 << 20;
	say("stubborn", NULL);
	assert_int_equal(chmod(room_dir, 0777), 0);
	pid = fork();
	if (pid == 0) {
		char path[128];
		int r;

		snprintf(path, sizeof(path), "%s/nobody", room_dir);
		setenv("TRANCHE_RUN_DIR", path, 1);
		if (setgid(nobody->pw_gid) < 0 || setuid(nobody->pw_uid) < 0)
			_exit(10);
		if (access(SERVER, X_OK) < 0)
			_exit(77);
		if (process->start(&server.spec, &err) < 0 ||
			!room_find(process, server.name, &seen))
			_exit(11);
		r = seen.state == TR_SERVER_RUNNING && !seen.limits_enforced && !seen.cgroup ? 0
											     : 12;
		if (process->stop(server.name, 100, NULL, &err) < 0 ||
			room_find(process, server.name, &seen))
			_exit(13);
		_exit(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void stopping_what_is_not_there_is_fine(void **state)
{
	TR_AUTO_BUF text = { 0 };

	(void)state;
	assert_int_equal(process->stop("tranche-no-such-server", 1000, NULL, &err), 0);
	assert_int_equal(process->tail("tranche-no-such-server", 3, &text, &err), -TR_E_NOT_FOUND);
	assert_int_equal(process->stop("../../etc", 1000, NULL, &err), -TR_E_INVALID);
}

static void description_names_variables_and_hides_their_values(void **state)
{
	TR_AUTO_BUF text = { 0 };

	(void)state;
	server.spec.memory_bytes = 64 << 20;
	tr_strv_add(&server.spec.env, "HF_TOKEN=secret");
	say("stubborn", NULL);
	assert_int_equal(process->describe(&server.spec, &text, &err), 0);
	assert_non_null(strstr(text.s, "HF_TOKEN=..."));
	assert_non_null(strstr(text.s, "stubborn"));
	assert_non_null(strstr(text.s, "64 MiB"));
	assert_null(strstr(text.s, "secret"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, server_open, server_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(started_server_is_listed_with_what_it_was_started_from),
		T(server_answers_on_its_port_and_stops_gently),
		T(server_that_ignores_sigterm_is_killed_after_grace),
		T(exit_code_and_signal_are_known),
		T(server_out_of_its_memory_is_killed_and_said_so),
		T(limits_are_set_in_the_kernel_with_swap),
		T(what_the_server_started_ends_with_it),
		T(killed_shim_takes_its_server_along_and_stop_cleans_up),
		T(taken_name_is_refused_and_its_holder_untouched),
		T(of_two_starters_at_once_one_wins),
		T(program_that_is_missing_or_not_one_leaves_nothing),
		T(environment_is_handed_over_and_little_of_ours),
		T(unreadable_env_file_is_refused_before_anything_starts),
		T(log_is_rotated_tailed_and_kept),
		T(log_is_followed_until_the_server_ends),
		T(start_that_was_cut_off_is_listed_and_removed),
		T(killed_starter_leaves_nothing_that_stop_misses),
		T(user_without_rights_has_servers_without_limits),
		T(stopping_what_is_not_there_is_fine),
		T(description_names_variables_and_hides_their_values),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
