/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop.h"

#include "base/own.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* A signal handler can reach nothing but globals. */
static volatile int stop_flag;
static const char *volatile stop_what = "";

static void say(const char *text)
{
	ssize_t ignored = write(STDERR_FILENO, text, strlen(text));

	(void)ignored;
}

static void on_signal(int sig)
{
	int kept_errno = errno;

	(void)sig;
	if (*stop_what) {
		say(stop_flag ? "\nstill stopping: " : "\nstopping: ");
		say(stop_what);
		say("\n");
	}
	stop_flag = 1;
	errno = kept_errno;
}

/* A handler and not SIG_IGN, which the programs that we start would inherit. */
static void on_pipe(int sig)
{
	(void)sig;
}

void tr_stop_catch(const char *what)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction stop = { .sa_handler = on_signal }, pipe = { .sa_handler = on_pipe };
	struct sigaction before;

	stop_what = what;
	sigemptyset(&stop.sa_mask);
	sigemptyset(&pipe.sa_mask);
	/* No SA_RESTART: a wait ends early and sees the flag. */
	for (size_t i = 0; i < TR_COUNT(signals); i++) {
		if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 &&
			before.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &stop, NULL);
	}
	sigaction(SIGPIPE, &pipe, NULL);
}

const volatile int *tr_stop_flag(void)
{
	return &stop_flag;
}
