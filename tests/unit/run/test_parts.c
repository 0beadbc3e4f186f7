/* SPDX-License-Identifier: Apache-2.0 */
/* Ports, environment files, log lines, the choice of a runtime: what needs no server. */
#include "room.h"

#include "run/container.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Listens on a free port of `address`; the descriptor, and the port in ret. */
static int listen_on(int family, uint16_t *ret)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 }; /* any address, IPv4 too */
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, address, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, address, &len) < 0) {
		close(fd);
		return -1;
	}
	*ret = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

static void port_in_use_names_its_holder(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	char holder[32];

	(void)state;
	snprintf(holder, sizeof(holder), "process %d (", (int)getpid());
	for (size_t i = 0; i < TR_COUNT(families); i++) {
		uint16_t port = 0;
		int fd = listen_on(families[i], &port);

		if (fd < 0 && families[i] == AF_INET6)
			skip();
		assert_true(fd >= 0);
		assert_int_equal(tr_port_check(port, &err), -TR_E_BUSY);
		assert_non_null(strstr(err.msg, holder));
		assert_non_null(strstr(err.msg, "test_run_parts"));
		close(fd);
		assert_int_equal(tr_port_check(port, &err), 0);
	}
	assert_int_equal(tr_port_check(0, &err), -TR_E_INVALID);
}

static void picked_port_is_free_and_not_taken(void **state)
{
	uint16_t taken[200];

	(void)state;
	for (size_t i = 0; i < TR_COUNT(taken); i++) {
		assert_int_equal(tr_port_pick(taken, i, &taken[i], &err), 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(taken[j], taken[i]);
	}
	assert_int_equal(tr_port_check(taken[0], &err), 0);
}

static void probe_asks_without_a_proxy_and_wants_200(void **state)
{
	uint16_t port = 0;
	int fd = listen_on(AF_INET, &port), status;
	pid_t pid;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	pid = fork();
	if (pid == 0) {
		static const char *const answers[] = { "HTTP/1.0 200 OK\r\n\r\nok",
			"HTTP/1.0 503 Loading\r\n\r\n", "nonsense\n" };

		for (size_t i = 0; i < TR_COUNT(answers); i++) {
			int client = accept(fd, NULL, NULL);
			char request[1024];

			if (read(client, request, sizeof(request)) < 0 ||
				write(client, answers[i], strlen(answers[i])) < 0)
				_exit(1);
			close(client);
		}
		_exit(0);
	}
	assert_int_equal(tr_probe_ready(port, "/health"), 1);
	assert_int_equal(tr_probe_ready(port, "/health"), 0);
	assert_int_equal(tr_probe_ready(port, "/health"), 0);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(tr_probe_ready(port, NULL), 0);
	unsetenv("http_proxy");
}

static void env_file_is_read_as_podman_reads_it(void **state)
{
	TR_AUTO_STRV env = { 0 };
	static const char *const wanted[] = { "A=1", "B=two words # and this", "C=", "D=\"q\"",
		"OURS=here", "E=a=b", "F=last" };

	(void)state;
	setenv("OURS", "here", 1);
	unsetenv("NOT_OURS");
	assert_int_equal(tr_run__env_parse("f",
				 "# note\nA=1\n\n  B=two words # and this\nC=\r\nD=\"q\"\nOURS\n"
				 "NOT_OURS\n   \nE=a=b\nF=last",
				 &env, &err),
		0);
	assert_int_equal(env.n, TR_COUNT(wanted));
	for (size_t i = 0; i < env.n; i++)
		assert_string_equal(env.v[i], wanted[i]);
}

static void bad_env_line_is_named_and_its_value_hidden(void **state)
{
	static const char *const bad[] = { "A=1\n=secret\n", "A=1\nMY KEY=secret\n" };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(bad); i++) {
		TR_AUTO_STRV env = { 0 };

		assert_int_equal(tr_run__env_parse("hf.env", bad[i], &env, &err), -TR_E_INVALID);
		assert_non_null(strstr(err.msg, "hf.env:2: "));
		assert_null(strstr(err.msg, "secret"));
	}
}

static void conmons_lines_come_out_as_written(void **state)
{
	static const char text[] = "2026-11-25T14:37:13.9+00:00 stdout F one\n"
				   "2026-11-25T14:37:13.9+00:00 stderr P half \n"
				   "2026-11-25T14:37:13.9+00:00 stderr F whole\n"
				   "2026-11-25T14:37:13.9+00:00 stdout F \n"
				   "odd\n"
				   "2026-11-25T14:37:13.9+00:00 stdout F beg";
	TR_AUTO_BUF said = { 0 };
	size_t used = tr_run__log_decode(TR_LOG_CRI, text, sizeof(text) - 1, &said);

	(void)state;
	assert_string_equal(said.s, "one\nhalf whole\n\nodd\n");
	assert_string_equal(text + used, "2026-11-25T14:37:13.9+00:00 stdout F beg");
}

static void unknown_runtime_is_refused_with_the_known_ones(void **state)
{
	const struct tr_runtime *runtime = NULL;

	(void)state;
	assert_int_equal(tr_runtime_pick("dockr", &runtime, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "podman, docker, process"));
	assert_null(runtime);
	assert_int_equal(tr_runtime_pick("process", &runtime, &err), 0);
	assert_ptr_equal(runtime, &tr_runtime_process);
}

static void without_containers_the_process_runtime_is_picked_and_lists_are_whole(void **state)
{
	TR_AUTO_FREE char *path = strdup(getenv("PATH"));
	const struct tr_runtime *runtime = NULL;
	struct tr_servers all = { 0 };

	(void)state;
	setenv("PATH", room_dir, 1);
	assert_int_equal(tr_runtime_pick(NULL, &runtime, &err), 0);
	assert_ptr_equal(runtime, &tr_runtime_process);
	assert_int_equal(tr_runtime_pick("podman", &runtime, &err), -TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "apt-get install podman"));
	assert_int_equal(tr_servers_list(&all, &err), 0);
	assert_int_equal(all.n, 0);
	tr_servers_done(&all);
	assert_int_equal(tr_runtime_podman.stop("tranche-none", 0, NULL, &err), 0);
	assert_int_equal(tr_runtime_docker.stop("tranche-none", 0, NULL, &err), 0);
	assert_int_equal(tr_runtime_pick("docker", &runtime, &err), -TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "apt-get install docker.io"));
	setenv("PATH", path, 1);
}

/* A `docker` that says what a script says; the words are those of real ones. */
static void fake_docker(const char *script)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/docker", room_dir);
	if (tr_write_file(path, 0755, script, strlen(script), &err) < 0)
		fail_msg("%s", err.msg);
}

#define VERSION "#!/bin/sh\nif [ \"$1\" = --version ]; then echo Docker version 28.2.2; exit; fi\n"
#define LOCAL	VERSION "[ \"$1\" = context ] && { echo unix:///var/run/docker.sock; exit; }\n"

static void docker_that_cannot_be_used_says_why(void **state)
{
	static const struct {
		const char *script, *why, *hint;
		int r;
	} cases[] = {
		{ LOCAL "echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker "
			"daemon "
			"running?' >&2; exit 1",
			"its daemon does not run", "docker", -TR_E_UNSUPPORTED },
		{ LOCAL "echo 'failed to connect to the docker API at unix:///x; check if the path "
			"is "
			"correct' >&2; exit 1",
			"its daemon does not run", "docker", -TR_E_UNSUPPORTED },
		{ LOCAL "echo 'permission denied while trying to connect to the docker API at "
			"unix:///x' >&2; exit 1",
			"does not let this user in", "usermod -aG docker", -TR_E_PERMISSION },
		{ LOCAL "echo 19.03.8", "19.3 is too old: 20.10", "", -TR_E_UNSUPPORTED },
		{ VERSION "echo tcp://192.0.2.1:2376", "another machine: tcp://192.0.2.1",
			"context use", -TR_E_UNSUPPORTED },
		{ "#!/bin/sh\necho podman version 4.3.1", "podman under another name",
			"--runtime podman", -TR_E_UNSUPPORTED },
	};
	TR_AUTO_FREE char *path = strdup(getenv("PATH"));
	TR_AUTO_BUF mine = { 0 };

	(void)state;
	tr_buf_addf(&mine, "%s:%s", room_dir, path);
	setenv("PATH", mine.s, 1);
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		err = (struct tr_err){ 0 };
		fake_docker(cases[i].script);
		assert_int_equal(tr_runtime_docker.check(&err), cases[i].r);
		assert_non_null(strstr(err.msg, cases[i].why));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
	fake_docker(LOCAL "echo 20.10.24+dfsg1");
	assert_int_equal(tr_runtime_docker.check(&err), 0);
	setenv("PATH", path, 1);
}

/* Without a daemon there is no container; but what we know to be docker's is not forgotten. */
static void docker_without_its_daemon_holds_nothing_unless_known(void **state)
{
	TR_AUTO_FREE char *path = strdup(getenv("PATH"));
	struct tr_servers all = { 0 };
	struct room_server server;
	TR_AUTO_BUF mine = { 0 };

	(void)state;
	tr_buf_addf(&mine, "%s:%s", room_dir, path);
	setenv("PATH", mine.s, 1);
	setenv("DOCKER_HOST", "unix:///no/such/socket", 1);
	fake_docker(LOCAL "echo 'Cannot connect to the Docker daemon at unix:///x.' >&2; exit 1");
	assert_int_equal(tr_runtime_docker.list(&all, &err), 0);
	assert_int_equal(all.n, 0);
	room_server_init(&server, "d");
	assert_int_equal(tr_run__claim(&server.spec, "docker", NULL, &err), 0);
	assert_int_equal(tr_runtime_docker.list(&all, &err), -TR_E_UNSUPPORTED);
	assert_int_equal(tr_runtime_docker.stop(server.name, 0, NULL, &err), -TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, server.name));
	assert_int_equal(tr_run__unclaim(server.name, &err), 0);
	unsetenv("DOCKER_HOST");
	setenv("PATH", path, 1);
}

static void variables_that_podman_looks_at_go_by_file(void **state)
{
	static const char *const by_file[] = { "PATH=x", "LD_PRELOAD=x", "HOME=x",
		"XDG_RUNTIME_DIR=", "CONTAINERS_CONF=x", "no_proxy=x" };
	static const char *const by_name[] = { "PATHS=x", "HF_TOKEN=x", "CUDA_VISIBLE_DEVICES=x",
		"HOMES=x", "LDX=1", "MY_PATH=x" };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(by_file); i++)
		assert_true(tr_container__is_env_for_file(by_file[i]));
	for (size_t i = 0; i < TR_COUNT(by_name); i++)
		assert_false(tr_container__is_env_for_file(by_name[i]));
}

static void folders_of_dead_starters_are_swept(void **state)
{
	char dir[PATH_MAX], dead[PATH_MAX];
	struct room_server server;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(tr_run_dir(dir, &err), 0);
	snprintf(dead, sizeof(dead), "%s/run/servers/.new-%d-abcdef", room_dir, (int)pid);
	assert_int_equal(tr_mkdir_p(dead, 0700, &err), 0);
	room_server_init(&server, "s");
	assert_int_equal(tr_run__claim(&server.spec, "process", "{}", &err), 0);
	assert_false(tr_is_dir(dead));
	assert_int_equal(tr_run__claim(&server.spec, "podman", NULL, &err), -TR_E_EXISTS);
	/* Of another runtime: not podman's to remove. */
	assert_int_equal(tr_runtime_podman.stop(server.name, 0, NULL, &err), 0);
	assert_true(room_is_in(&tr_runtime_process, server.name, TR_SERVER_CREATED));
	assert_int_equal(tr_runtime_process.stop(server.name, 0, NULL, &err), 0);
	room_assert_gone(&tr_runtime_process, server.name);
}

/* Under version 1 the kernel has moved it to the root, where it would never be gone. */
static void who_has_ended_is_in_no_group_that_stays(void **state)
{
	TR_AUTO_FREE char *group = NULL;
	siginfo_t info = { 0 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	group = tr_run__proc_cgroup(pid);
	assert_true(!group || strcmp(group, "/") != 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_in_use_names_its_holder),
		cmocka_unit_test(picked_port_is_free_and_not_taken),
		cmocka_unit_test(probe_asks_without_a_proxy_and_wants_200),
		cmocka_unit_test(env_file_is_read_as_podman_reads_it),
		cmocka_unit_test(bad_env_line_is_named_and_its_value_hidden),
		cmocka_unit_test(conmons_lines_come_out_as_written),
		cmocka_unit_test(unknown_runtime_is_refused_with_the_known_ones),
		cmocka_unit_test(
			without_containers_the_process_runtime_is_picked_and_lists_are_whole),
		cmocka_unit_test(docker_that_cannot_be_used_says_why),
		cmocka_unit_test(docker_without_its_daemon_holds_nothing_unless_known),
		cmocka_unit_test(variables_that_podman_looks_at_go_by_file),
		cmocka_unit_test(who_has_ended_is_in_no_group_that_stays),
		cmocka_unit_test(folders_of_dead_starters_are_swept),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
