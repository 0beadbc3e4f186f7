/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum { CAP = 4 << 20 };

static struct tr_err err;

/* Runs words that end with NULL; both streams are kept. */
static int run(struct tr_buf *out, struct tr_buf *errout, int *status, ...)
{
	TR_AUTO_STRV argv = { 0 };
	const char *word;
	va_list ap;

	va_start(ap, status);
	while ((word = va_arg(ap, const char *)))
		tr_strv_add(&argv, word);
	va_end(ap);
	return tr_run(&argv, NULL, out, errout, status, &err);
}

static void streams_are_kept_apart(void **state)
{
	TR_AUTO_BUF out = { 0 }, errout = { 0 };
	int status = -1;

	(void)state;
	assert_int_equal(
		run(&out, &errout, &status, "sh", "-c", "echo a; echo b >&2; echo c", NULL), 0);
	assert_int_equal(status, 0);
	assert_string_equal(tr_buf_str(&out), "a\nc\n");
	assert_string_equal(tr_buf_str(&errout), "b\n");
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "echo a; echo b >&2", NULL), 0);
}

static void arguments_pass_through_no_shell(void **state)
{
	TR_AUTO_BUF out = { 0 };
	int status = -1;

	(void)state;
	assert_int_equal(
		run(&out, NULL, &status, "printf", "%s|", "$HOME", "a b", "", "*", NULL), 0);
	assert_string_equal(tr_buf_str(&out), "$HOME|a b||*|");
}

static void status_tells_exit_and_signal(void **state)
{
	int status = -1;

	(void)state;
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "exit 7", NULL), 0);
	assert_int_equal(status, 7);
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "kill -KILL $$", NULL), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "kill -SEGV $$", NULL), 0);
	assert_int_equal(status, 128 + SIGSEGV);
}

static void missing_program_is_named(void **state)
{
	int status = 42;

	(void)state;
	assert_int_equal(run(NULL, NULL, &status, "no-such-program", NULL), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no-such-program"));
	assert_int_equal(run(NULL, NULL, &status, "/etc/passwd", NULL), -TR_E_NOT_FOUND);
	assert_int_equal(run(NULL, NULL, &status, "/no/such", NULL), -TR_E_NOT_FOUND);
	assert_int_equal(status, 42);
}

static void input_is_empty(void **state)
{
	TR_AUTO_BUF out = { 0 };
	int status = -1;

	(void)state;
	assert_int_equal(run(&out, NULL, &status, "cat", NULL), 0);
	assert_int_equal(status, 0);
	assert_int_equal(out.len, 0);
}

static void environment_goes_on_top(void **state)
{
	TR_AUTO_STRV argv = { 0 }, env = { 0 };
	TR_AUTO_BUF out = { 0 };
	int status = -1;

	(void)state;
	setenv("TR_TEST_KEPT", "kept", 1);
	setenv("TR_TEST_OLD", "old", 1);
	setenv("TR_TEST_OLDER", "older", 1);
	tr_strv_adds(&env, "TR_TEST_OLD=new", "TR_TEST_ADDED=a=b", NULL);
	tr_strv_adds(&argv, "sh", "-c",
		"echo $TR_TEST_KEPT $TR_TEST_OLD $TR_TEST_OLDER $TR_TEST_ADDED", NULL);
	assert_int_equal(
		tr_run(&argv, &(struct tr_run_how){ .env = &env }, &out, NULL, &status, &err), 0);
	assert_string_equal(tr_buf_str(&out), "kept new older a=b\n");
	assert_string_equal(getenv("TR_TEST_OLD"), "old");
}

/* More than is kept, on both streams at once; what is kept is the beginning, without a hole. */
static void output_goes_to_a_file_that_is_named(void **state)
{
	char path[] = "/tmp/tranche-test-XXXXXX", text[16] = "";
	TR_AUTO_CLOSE int fd = mkostemp(path, O_CLOEXEC);
	TR_AUTO_STRV argv = { 0 };
	int status = -1;

	(void)state;
	tr_strv_adds(&argv, "sh", "-c", "echo a; echo b >&2; exit 3", NULL);
	assert_int_equal(
		tr_run(&argv, &(struct tr_run_how){ .output = path }, NULL, NULL, &status, &err),
		0);
	assert_int_equal(status, 3);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 4);
	assert_string_equal(text, "a\nb\n");
	unlink(path);
}

static void joined_streams_keep_their_order(void **state)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF out = { 0 };
	int status = -1;

	(void)state;
	tr_strv_adds(&argv, "sh", "-c", "echo a; echo b >&2; echo c", NULL);
	assert_int_equal(
		tr_run(&argv, &(struct tr_run_how){ .join = true }, &out, NULL, &status, &err), 0);
	assert_string_equal(out.s, "a\nb\nc\n");
	assert_int_equal(status, 0);
}

static volatile int flag;

static void raise_flag(int sig)
{
	(void)sig;
	flag = 1;
}

/* Nothing comes back by which the end could be seen; the flag ends it all the same. */
static void output_passes_on_until_the_flag_rises(void **state)
{
	struct itimerval soon = { .it_value = { .tv_usec = 200000 } };
	int saved = dup(STDOUT_FILENO), ends[2], status = -1, r;
	TR_AUTO_STRV argv = { 0 };
	char said[8] = "";

	(void)state;
	flag = 0;
	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	signal(SIGALRM, raise_flag);
	tr_strv_adds(&argv, "sh", "-c", "echo out; echo err >&2; sleep 1000", NULL);
	r = setitimer(ITIMER_REAL, &soon, NULL);
	if (r == 0)
		r = tr_run(&argv, &(struct tr_run_how){ .to_stdout = true, .stop_flag = &flag },
			NULL, NULL, &status, &err);
	dup2(saved, STDOUT_FILENO);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(r, -TR_E_INTERRUPTED);
	assert_int_equal(read(ends[0], said, sizeof(said)), 8);
	assert_memory_equal(said, "out\nerr\n", 8);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static void long_output_is_cut_at_its_end(void **state)
{
	TR_AUTO_BUF out = { 0 }, errout = { 0 };
	size_t len = 0;
	int status = -1;

	(void)state;
	assert_int_equal(run(&out, &errout, &status, "sh", "-c",
				 "seq 1000000 1999999 & seq 3000000 3999999 >&2; wait; "
				 "for i in 1 2 3 4 5 6 7 8; do sleep 0.01; echo tail; done; exit 3",
				 NULL),
		0);
	assert_int_equal(status, 3);
	assert_int_equal(out.len, CAP);
	assert_int_equal(errout.len, CAP);
	for (int i = 0; len + 8 <= out.len; i++, len += 8) {
		char line[16];

		snprintf(line, sizeof(line), "%d\n", 1000000 + i);
		assert_memory_equal(out.s + len, line, 8);
		snprintf(line, sizeof(line), "%d\n", 3000000 + i);
		if (len + 8 <= errout.len)
			assert_memory_equal(errout.s + len, line, 8);
	}
	assert_null(strstr(out.s, "tail"));
}

static void child_starts_with_usual_signals_and_own_group(void **state)
{
	TR_AUTO_BUF out = { 0 };
	int status = -1, pgrp = 0;
	sigset_t blocked, before;

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "kill -PIPE $$; exit 0", NULL), 0);
	assert_int_equal(status, 128 + SIGPIPE);
	assert_int_equal(run(NULL, NULL, &status, "sh", "-c", "kill -TERM $$; exit 0", NULL), 0);
	assert_int_equal(status, 128 + SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(run(&out, NULL, &status, "cat", "/proc/self/stat", NULL), 0);
	assert_int_equal(sscanf(out.s, "%*d %*s %*c %*d %d", &pgrp), 1);
	assert_int_not_equal(pgrp, getpgrp());
}

static void on_alarm(int signum)
{
	(void)signum;
}

/* A signal that interrupts the wait for output is no output. */
static void signals_do_not_disturb(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm }, before;
	TR_AUTO_BUF out = { 0 }, errout = { 0 };
	int status = -1;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	ualarm(2000, 2000);
	/* The error stream must be drained while nothing comes on the other. */
	assert_int_equal(run(&out, &errout, &status, "sh", "-c",
				 "echo a; sleep 0.05; head -c 300000 /dev/zero >&2; echo b", NULL),
		0);
	ualarm(0, 0);
	sigaction(SIGALRM, &before, NULL);
	assert_string_equal(tr_buf_str(&out), "a\nb\n");
	assert_int_equal(errout.len, 300000);
	assert_int_equal(status, 0);
}

static void which_finds_as_a_shell_does(void **state)
{
	char *path = tr_which("sh");

	(void)state;
	assert_non_null(path);
	assert_int_equal(path[0], '/');
	free(path);
	path = tr_which("/bin/sh");
	assert_string_equal(path, "/bin/sh");
	free(path);
	assert_null(tr_which("no-such-program"));
	assert_null(tr_which("/etc"));
	assert_null(tr_which(""));
}

/* The flag rises while the program runs: it and what it started are gone when the call comes back,
 * long before it would have ended; also one that does not listen to the gentle signal. */
static void a_raised_flag_ends_the_program(void **state)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF out = { 0 };
	struct itimerval soon = { .it_value = { .tv_usec = 200000 } };
	int status = -1;
	long child;

	(void)state;
	flag = 0;
	signal(SIGALRM, raise_flag);
	tr_strv_adds(&argv, "sh", "-c", "sleep 1000 & echo $!; wait", NULL);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(tr_run(&argv, &(struct tr_run_how){ .stop_flag = &flag }, &out, NULL,
				 &status, &err),
		-TR_E_INTERRUPTED);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(status, -1);
	child = strtol(tr_buf_str(&out), NULL, 10);
	assert_true(child > 0);
	/* Whoever reaps orphans here may take a moment; a live one would stay. */
	for (int i = 0; i < 200 && kill((pid_t)child, 0) == 0; i++)
		usleep(20000);
	assert_int_equal(kill((pid_t)child, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_kept_apart),
		cmocka_unit_test(arguments_pass_through_no_shell),
		cmocka_unit_test(status_tells_exit_and_signal),
		cmocka_unit_test(missing_program_is_named),
		cmocka_unit_test(input_is_empty),
		cmocka_unit_test(environment_goes_on_top),
		cmocka_unit_test(output_goes_to_a_file_that_is_named),
		cmocka_unit_test(joined_streams_keep_their_order),
		cmocka_unit_test(output_passes_on_until_the_flag_rises),
		cmocka_unit_test(long_output_is_cut_at_its_end),
		cmocka_unit_test(child_starts_with_usual_signals_and_own_group),
		cmocka_unit_test(signals_do_not_disturb),
		cmocka_unit_test(a_raised_flag_ends_the_program),
		cmocka_unit_test(which_finds_as_a_shell_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
