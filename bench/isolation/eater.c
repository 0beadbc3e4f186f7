/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A neighbour that eats memory: up to MIB, again and again, for SECONDS.
 *
 *	bench_eater MIB SECONDS
 *
 * A child eats and, once it has all, gives it back by ending; its parent counts how often that went
 * well, how often the kernel killed it, and the most that one ever held. What the parent holds is
 * next to nothing, so it is the child that is chosen when their slice has no more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, PAGE = 4096, PAUSE_MS = 50, MOST_MIB = 4096, MOST_SECONDS = 600 };

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void pause_ms(void)
{
	nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
}

/* Writes every page, and in `most` how far it has come: who is killed can say nothing. */
static void eat(long mib, volatile long *most)
{
	volatile char *food;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (long n = 1; n <= mib; n++) {
		food = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (food == MAP_FAILED)
			_exit(1);
		for (size_t i = 0; i < MIB; i += PAGE)
			food[i] = 1;
		if (n > *most)
			*most = n;
	}
	pause_ms();
	_exit(0);
}

int main(int argc, char **argv)
{
	long mib = argc == 3 ? atol(argv[1]) : 0, seconds = argc == 3 ? atol(argv[2]) : 0;
	long n_fed = 0, n_killed = 0;
	volatile long *most;
	long long until;

	if (mib < 1 || mib > MOST_MIB || seconds < 1 || seconds > MOST_SECONDS) {
		fprintf(stderr, "usage: bench_eater MIB SECONDS, at most %d and %d\n", MOST_MIB,
			MOST_SECONDS);
		return 2;
	}
	most = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (most == MAP_FAILED)
		return 1;
	for (until = now_ms() + seconds * 1000; now_ms() < until; pause_ms()) {
		pid_t child = fork();
		int status;

		if (child == 0)
			eat(mib, most);
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return 1;
		n_fed += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		n_killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	printf("{\"most_mib\": %ld, \"fed\": %ld, \"killed\": %ld}\n", *most, n_fed, n_killed);
	return 0;
}
