/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Servers stopped beside each other, by a runtime that knows who is being stopped. */
#include "base/err.h"
#include "base/fs.h"
#include "core/stops.h"
#include "core/store.h"
#include "core/took.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static char dir[64];
static struct tr_node node = { .name = "n" };

static pthread_barrier_t meeting; /* of all that are stopped */
static bool they_meet;
static atomic_int n_stopped;

static int stop(const char *name, int64_t grace_ms, const char *keep_log, struct tr_err *err)
{
	(void)keep_log;
	if (they_meet)
		pthread_barrier_wait(&meeting);
	atomic_fetch_add(&n_stopped, 1);
	if (strstr(name, "bad"))
		return tr_fail(
			err, TR_E_BUSY, "'%s' hangs after %lld ms", name, (long long)grace_ms);
	return 0;
}

static const struct tr_runtime runtime = { .name = "test", .stop = stop };

static int room_open(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tranche-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	setenv("TRANCHE_STATE_DIR", dir, 1);
	return tr_store_open(&node.store, &err);
}

static int room_close(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	tr_store_close(node.store);
	return tr_rm_tree(dir, &err);
}

static void put(struct tr_stops *stops, const char *model, const char *name)
{
	struct tr_stop one = { .runtime = &runtime };
	struct tr_err err = { 0 };

	snprintf(one.name, sizeof(one.name), "%s", name);
	snprintf(one.who, sizeof(one.who), "%s-0", model);
	snprintf(one.stack, sizeof(one.stack), "lab");
	snprintf(one.model, sizeof(one.model), "%s", model);
	assert_int_equal(tr_stops_add(stops, &one, &err), 0);
}

/* None comes back from its stop before all are in it. */
static void all_are_told_before_one_is_waited_for(void **state)
{
	TR_AUTO(tr_stops_done) struct tr_stops stops = { 0 };
	struct tr_err err = { 0 };
	int64_t ms;

	(void)state;
	assert_int_equal(tr_stops_run(&stops, &node, 1000, &err), 0);
	assert_int_equal(pthread_barrier_init(&meeting, NULL, 7), 0);
	they_meet = true;
	n_stopped = 0;
	for (int i = 0; i < 7; i++)
		put(&stops, i % 2 ? "a" : "b", "good");
	assert_int_equal(tr_stops_run(&stops, &node, 1000, &err), 0);
	they_meet = false;
	pthread_barrier_destroy(&meeting);
	assert_int_equal(n_stopped, 7);
	assert_int_equal(stops.n, 0);
	assert_true(tr_took_server(&node, TR_TOOK_STOP, "lab", "a", &ms));
}

static void every_one_is_tried_and_the_first_error_told(void **state)
{
	TR_AUTO(tr_stops_done) struct tr_stops stops = { 0 };
	struct tr_err err = { 0 };
	int64_t ms;

	(void)state;
	n_stopped = 0;
	for (int i = 0; i < 100; i++)
		put(&stops,
			i == 60	  ? "first"
			: i == 80 ? "second"
				  : "c",
			i == 60 || i == 80 ? "bad" : "good");
	assert_int_equal(tr_stops_run(&stops, &node, 250, &err), -TR_E_BUSY);
	assert_string_equal(err.msg, "stop first-0: 'bad' hangs after 250 ms");
	assert_int_equal(n_stopped, 100);
	assert_false(tr_took_server(&node, TR_TOOK_STOP, "lab", "first", &ms));
	assert_true(tr_took_server(&node, TR_TOOK_STOP, "lab", "c", &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_told_before_one_is_waited_for),
		cmocka_unit_test(every_one_is_tried_and_the_first_error_told),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
