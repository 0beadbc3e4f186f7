/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever has the library open is a client of the cards, if only to watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nv.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct tr_err err;
static nvmlDevice_t a100, h100;

static int open_all(void **state)
{
	static const char *const products[] = { "a100-80gb", "h100-sxm5-80gb" };

	if (room_open(state) < 0 || nv_open("test", products, TR_COUNT(products)) < 0 ||
		NV(nvmlInit_v2)() != NVML_SUCCESS)
		return -1;
	a100 = nv_card(0);
	h100 = nv_card(1);
	return 0;
}

static int close_all(void **state)
{
	NV(nvmlShutdown)();
	dlclose(nv_library);
	return room_close(state);
}

static int plain_cards(void **state)
{
	nvmlReturn_t activation;

	(void)state;
	NV(nvmlDeviceSetMigMode)(h100, 0, &activation);
	return (int)NV(nvmlDeviceSetMigMode)(a100, 0, &activation);
}

/* A child that starts the library, and then, told so, shuts it down; both are answered by a byte.
 */
struct watcher {
	pid_t pid;
	int to, from;
};

static void watch(int from, int to)
{
	char byte = 'x';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (NV(nvmlInit_v2)() != NVML_SUCCESS || write(to, &byte, 1) != 1 ||
		read(from, &byte, 1) != 1 || NV(nvmlShutdown)() != NVML_SUCCESS ||
		write(to, &byte, 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static struct watcher start_watcher(void)
{
	int to[2], from[2];
	struct watcher watcher;
	char byte;

	assert_true(pipe(to) == 0 && pipe(from) == 0);
	watcher = (struct watcher){ .pid = fork(), .to = to[1], .from = from[0] };
	if (watcher.pid == 0) {
		close(to[1]);
		watch(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	assert_int_equal(read(watcher.from, &byte, 1), 1);
	return watcher;
}

static void shut_watcher_down(const struct watcher *watcher)
{
	char byte = 'x';

	assert_int_equal(write(watcher->to, &byte, 1), 1);
	assert_int_equal(read(watcher->from, &byte, 1), 1);
}

static void end_watcher(const struct watcher *watcher)
{
	kill(watcher->pid, SIGKILL);
	waitpid(watcher->pid, NULL, 0);
	close(watcher->to);
	close(watcher->from);
}

static nvmlReturn_t set_mode(nvmlDevice_t card, unsigned mode)
{
	nvmlReturn_t activation = NVML_ERROR_UNKNOWN;

	assert_int_equal(NV(nvmlDeviceSetMigMode)(card, mode, &activation), NVML_SUCCESS);
	return activation;
}

static void check_mode(nvmlDevice_t card, unsigned want_current, unsigned want_pending)
{
	unsigned current, pending;

	assert_int_equal(NV(nvmlDeviceGetMigMode)(card, &current, &pending), NVML_SUCCESS);
	assert_int_equal(current, want_current);
	assert_int_equal(pending, want_pending);
}

/* A wish that was refused waits, and the next try with nobody there fulfils it. */
static void watcher_keeps_an_ampere_card_from_changing_its_mode(void **state)
{
	struct watcher watcher = start_watcher();

	(void)state;
	assert_int_equal(set_mode(a100, 1), NVML_ERROR_IN_USE);
	check_mode(a100, 0, 1);
	shut_watcher_down(&watcher);
	assert_int_equal(set_mode(a100, 1), NVML_SUCCESS);
	check_mode(a100, 1, 1);
	end_watcher(&watcher);
}

static void killed_watcher_is_no_client(void **state)
{
	struct watcher watcher = start_watcher();

	(void)state;
	assert_int_equal(set_mode(a100, 1), NVML_ERROR_IN_USE);
	end_watcher(&watcher);
	assert_int_equal(set_mode(a100, 1), NVML_SUCCESS);
}

/* Their mode needs no reset. */
static void hopper_cards_do_not_mind_a_watcher(void **state)
{
	struct watcher watcher = start_watcher();

	(void)state;
	assert_int_equal(set_mode(h100, 1), NVML_SUCCESS);
	check_mode(h100, 1, 1);
	end_watcher(&watcher);
}

static void mode_that_is_set_already_needs_nobody_gone(void **state)
{
	struct watcher watcher = start_watcher();

	(void)state;
	assert_int_equal(set_mode(a100, 0), NVML_SUCCESS);
	end_watcher(&watcher);
}

static void reset_names_the_watcher(void **state)
{
	struct watcher watcher = start_watcher();
	char want[64];

	(void)state;
	snprintf(want, sizeof(want), "its driver is open in pid %d (", (int)watcher.pid);
	assert_int_equal(tr_sim_reset("test", 1, &err), -TR_E_BUSY);
	if (!strstr(err.msg, want))
		fail_msg("'%s' lacks '%s'", err.msg, want);
	end_watcher(&watcher);
	assert_int_equal(tr_sim_reset("test", 1, &err), 0);
}

/* A child that has not started the library itself has nothing of its parent's open. */
static void plain_children_are_no_clients(void **state)
{
	char names[64], byte = 'x';
	int ready[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(tr_sim_node_clients("test", names, sizeof(names)), 0);
	assert_string_equal(names, "");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
#define PLAIN(test) cmocka_unit_test_setup(test, plain_cards)
	const struct CMUnitTest tests[] = {
		PLAIN(watcher_keeps_an_ampere_card_from_changing_its_mode),
		PLAIN(killed_watcher_is_no_client),
		PLAIN(hopper_cards_do_not_mind_a_watcher),
		PLAIN(mode_that_is_set_already_needs_nobody_gone),
		PLAIN(reset_names_the_watcher),
		PLAIN(plain_children_are_no_clients),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
