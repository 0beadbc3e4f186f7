/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Layouts applied on a virtual node, with busy slices, interrupted and killed at random. What must
 * hold after each: the old layout or the new one, no GPU instance without a compute instance, no
 * busy slice gone, and no journal open.
 */
#include "base/buf.h"
#include "core/journal.h"
#include "core/node.h"
#include "core/scene.h"
#include "tests/unit/sim/room.h"

#include <string.h>
#include <time.h>

enum { PAIRS = 40, MAX_SLICES = 16 };

static unsigned seed;
static char group[64], group_dir[128]; /* the cgroup of who is busy; "" where there is none */
static pid_t busy_pid;

static size_t random_below(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static void node_free(struct tr_node **node)
{
	tr_node_close(*node);
}
#define AUTO_NODE TR_AUTO(node_free) struct tr_node

static struct tr_node *open_node(void)
{
	struct tr_node *node = NULL;
	struct tr_err err = { 0 };

	if (tr_node_open("n", &node, &err) < 0)
		fail_msg("%s", err.msg);
	return node;
}

/* --- The room: a node of two cards, and somebody who can be on slices --- */

static int open_room(void **state)
{
	const struct tr_virtual_gpu gpus[] = { { .product = "a100-80gb", .count = 1 },
		{ .product = "h200-141gb", .count = 1 } };
	TR_AUTO_FREE char *warning = NULL;
	struct tr_err err = { 0 };

	if (room_open(state) < 0 || tr_virtual_create("n", gpus, 2, 1, NULL, &warning, &err) < 0) {
		print_error("# %s\n", err.msg);
		return -1;
	}
	if (!room_cgroup_make(group, group_dir)) {
		print_message("# no cgroup can be made: nobody is busy\n");
		group[0] = '\0';
		return 0;
	}
	busy_pid = fork();
	if (busy_pid == 0) {
		for (;;)
			pause();
	}
	return room_cgroup_join(group_dir, busy_pid) ? 0 : -1;
}

static int close_room(void **state)
{
	struct tr_err err = { 0 };

	tr_virtual_destroy("n", /* force= */ true, NULL, &err);
	return room_close(state);
}

/* --- What stands --- */

struct slice {
	char uuid[96], profile[64];
};

struct stand {
	char *text; /* the checkpoint */
	size_t n;
	struct slice v[MAX_SLICES];
	size_t n_odd;
};

static void stand_done(struct stand *stand)
{
	free(stand->text);
}

static void look(struct stand *ret)
{
	AUTO_NODE *node = open_node();
	TR_AUTO(tr_cards_done) struct tr_cards cards = { 0 };
	struct tr_err err = { 0 };

	*ret = (struct stand){ 0 };
	assert_int_equal(tr_layout_checkpoint(node, &ret->text, &err), 0);
	assert_int_equal(tr_cards_read(node, &cards, &err), 0);
	for (size_t c = 0; c < cards.n; c++)
		for (size_t s = 0; s < cards.v[c].n_slices && ret->n < MAX_SLICES; s++) {
			const struct tr_card_slice *slice = &cards.v[c].slices[s];

			ret->n_odd += !slice->has_device;
			snprintf(ret->v[ret->n].uuid, 96, "%s", slice->uuid);
			snprintf(ret->v[ret->n++].profile, 64, "%s", slice->profile);
		}
}

static bool is_there(const struct stand *stand, const struct slice *slice)
{
	for (size_t i = 0; i < stand->n; i++)
		if (strcmp(stand->v[i].uuid, slice->uuid) == 0 &&
			strcmp(stand->v[i].profile, slice->profile) == 0)
			return true;
	return false;
}

/* --- Random layouts --- */

static const char *const sizes[2][6] = {
	{ "1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb" },
	{ "1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb" },
};

/* Sizes that one card surely holds together. */
static void put_sizes(size_t card, struct tr_buf *ret)
{
	static const uint8_t sets[][8] = { { 0, 0, 0, 0, 0, 0, 0, 9 }, { 2, 2, 2, 0, 9 },
		{ 3, 3, 9 }, { 4, 3, 9 }, { 3, 2, 0, 0, 9 }, { 5, 9 }, { 1, 1, 9 },
		{ 4, 0, 0, 0, 9 }, { 2, 0, 0, 9 }, { 0, 9 }, { 9 }, { 1, 2, 9 },
		{ 1, 1, 1, 1, 9 } };
	const uint8_t *set = sets[random_below(TR_COUNT(sets))];

	for (size_t i = 0; set[i] != 9; i++)
		tr_buf_addf(ret, "%s%s", i ? ", " : "", sizes[card][set[i]]);
}

/* A file of a random layout; `path` gets its name. */
static void write_layout(char path[128])
{
	TR_AUTO_BUF text = { 0 };
	struct tr_err err = { 0 };

	tr_buf_puts(&text, "version: 1\nlayouts:\n  x:\n");
	for (size_t card = 0; card < 2; card++) {
		bool off = random_below(12) == 0;

		if (card == 1 && random_below(5) == 0)
			continue; /* left as it is */
		tr_buf_addf(&text, "    - gpus: [%zu]\n", card);
		if (off) {
			tr_buf_puts(&text, "      mig: off\n");
			continue;
		}
		tr_buf_puts(&text, "      slices: [");
		put_sizes(card, &text);
		tr_buf_puts(&text, "]\n");
	}
	snprintf(path, 128, "%s/layout.yaml", room_dir);
	assert_int_equal(tr_write_file(path, 0600, text.s, text.len, &err), 0);
}

/* --- Applying, with trouble --- */

enum trouble {
	NONE,
	INTERRUPTED,
	ONE_FAULT,   /* a call of the driver fails once */
	MORE_FAULTS, /* from some call on, all fail, those of going back included */
	LOST,	     /* the card falls off the bus */
	KILLED_AT_A_STEP,
	KILLED_SOME_TIME,
	N_TROUBLES
};

struct trip {
	enum trouble trouble;
	size_t at, n_seen, n_free, n_cut;
	volatile int stop;
};

static void set_fault(const char *text)
{
	struct tr_err err = { 0 };

	if (tr_virtual_fault_set("n", text, &err) < 0)
		fail_msg("%s", err.msg);
}

static void set_random_fault(enum trouble trouble)
{
	static const char *const calls[] = { "nvmlDeviceCreateGpuInstanceWithPlacement",
		"nvmlGpuInstanceCreateComputeInstance", "nvmlGpuInstanceDestroy",
		"nvmlComputeInstanceDestroy", "nvmlDeviceSetMigMode" };
	static const char *const codes[] = { "INSUFFICIENT_RESOURCES", "TIMEOUT", "UNKNOWN" };
	char text[128];

	snprintf(text, sizeof(text), "%s:%zu%s=%s", calls[random_below(TR_COUNT(calls))],
		1 + random_below(4), trouble == MORE_FAULTS ? "+" : "",
		codes[random_below(TR_COUNT(codes))]);
	set_fault(text);
}

/* Calls of a function, by all processes, since the trace was put on. */
static size_t count_calls(const char *function)
{
	struct tr_virtual_trace *trace = NULL;
	struct tr_err err = { 0 };
	size_t n = 0;

	assert_int_equal(tr_virtual_trace_get("n", &trace, &err), 0);
	for (size_t i = 0; i < trace->n; i++)
		if (strcmp(trace->v[i].function, function) == 0)
			n += trace->v[i].n_calls;
	tr_virtual_trace_free(trace);
	return n;
}

static void on_step(void *arg, const struct tr_step *step)
{
	struct trip *trip = arg;

	trip->n_free += step->kind == TR_STEP_FREE;
	trip->n_cut += step->kind == TR_STEP_CUT;
	if (trip->n_seen++ != trip->at)
		return;
	if (trip->trouble == INTERRUPTED)
		trip->stop = 1;
	if (trip->trouble == KILLED_AT_A_STEP)
		raise(SIGKILL);
	if (trip->trouble == LOST)
		set_fault("gpu-lost:0");
}

static int apply(const char *path, struct trip *trip, struct tr_err *err)
{
	AUTO_NODE *node = open_node();
	const struct tr_layout_ask ask = { .file = path };
	struct tr_change change = { .on_step = on_step, .arg = trip, .stop_flag = &trip->stop };

	return tr_layout_apply(node, &ask, &change, err);
}

/* In a process of its own, which is killed. */
static void apply_killed(const char *path, struct trip *trip)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct tr_err err = { 0 };

		apply(path, trip, &err);
		_exit(0);
	}
	if (trip->trouble == KILLED_SOME_TIME) {
		usleep((useconds_t)random_below(60000));
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
}

static bool is_open(void)
{
	AUTO_NODE *node = open_node();
	char words[256];

	return tr_layout_is_open(node, words);
}

/* What a killed run left is finished, forwards or back; meanwhile nobody else may cut. */
static void finish_or_go_back(void)
{
	AUTO_NODE *node = open_node();
	const char *want = "1g.10gb";
	const struct tr_layout_ask ask = { .label = "all-enabled" };
	struct tr_err err = { 0 };

	assert_int_equal(tr_slices_create(node, 0, &want, 1, NULL, NULL, &err), -TR_E_BUSY);
	assert_non_null(strstr(err.hint, "--resume"));
	assert_int_equal(tr_layout_apply(node, &ask, NULL, &err), -TR_E_BUSY);
	if (tr_layout_resume(node, random_below(2), NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

static void busy_some(const struct stand *stand, bool *ret_busy)
{
	struct tr_err err = { 0 };

	memset(ret_busy, 0, MAX_SLICES * sizeof(*ret_busy));
	if (!*group || random_below(2))
		return;
	for (size_t i = 0; i < stand->n; i++) {
		if (random_below(5))
			continue;
		if (tr_sim_bind("n", stand->v[i].uuid, group, &err) < 0)
			fail_msg("%s", err.msg);
		ret_busy[i] = true;
	}
}

/* The told steps are those of the plan, no more and no fewer. */
static void check_counts(const char *path, size_t *ret_free, size_t *ret_cut)
{
	AUTO_NODE *node = open_node();
	const struct tr_layout_ask ask = { .file = path };
	struct tr_layout_plan *plan = NULL;
	struct tr_err err = { 0 };

	*ret_free = *ret_cut = 0;
	if (tr_layout_plan(node, &ask, &plan, &err) < 0)
		return;
	*ret_free = plan->n_freed;
	*ret_cut = plan->n_cut;
	tr_layout_plan_free(plan);
}

/* A card that no entry names is no difference here. */
static bool stands(const char *path)
{
	AUTO_NODE *node = open_node();
	const struct tr_layout_ask ask = { .file = path };
	struct tr_err why = { 0 };

	return tr_layout_assert(node, &ask, &why) == 0 || strstr(why.msg, "no entry of");
}

static void one_pair(size_t *ret_new, size_t *ret_old, size_t *ret_open)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct trip trip = { .trouble = (enum trouble)random_below(N_TROUBLES),
		.at = random_below(8) };
	struct trip smooth = { .at = SIZE_MAX };
	struct tr_err err = { 0 };
	bool busy[MAX_SLICES], is_new;
	size_t n_free, n_cut;
	char path[128];
	int r = 0;

	if (*group)
		tr_sim_unbind("n", group, &err);
	write_layout(path);
	if (apply(path, &smooth, &err) < 0)
		fail_msg("%s", err.msg);
	look(&before);
	busy_some(&before, busy);
	write_layout(path);
	check_counts(path, &n_free, &n_cut);
	assert_int_equal(tr_virtual_trace_set("n", true, &err), 0);
	if (trip.trouble == ONE_FAULT || trip.trouble == MORE_FAULTS)
		set_random_fault(trip.trouble);
	if (trip.trouble >= KILLED_AT_A_STEP)
		apply_killed(path, &trip);
	else
		r = apply(path, &trip, &err);
	assert_int_equal(tr_virtual_faults_clear("n", &err), 0);
	if (is_open()) {
		++*ret_open;
		/* One failure is always taken back. */
		assert_true(trip.trouble > ONE_FAULT);
		finish_or_go_back();
	}
	assert_false(is_open());
	look(&after);
	assert_int_equal(after.n_odd, 0);
	for (size_t i = 0; i < before.n; i++)
		if (busy[i] && !is_there(&after, &before.v[i]))
			fail_msg("%s, which was busy, is gone", before.v[i].profile);
	is_new = stands(path);
	/* The old one may be the new one: then both hold. */
	if (r == 0 && trip.trouble <= ONE_FAULT && !is_new)
		fail_msg("said to be applied, and is not");
	if (!is_new && strcmp(before.text, after.text) != 0)
		fail_msg(
			"neither the old layout nor the new one:\n%s\n%s", before.text, after.text);
	if (trip.trouble == NONE && is_new && strcmp(before.text, after.text) != 0) {
		assert_int_equal(trip.n_free, n_free);
		assert_int_equal(trip.n_cut, n_cut);
		assert_int_equal(count_calls("nvmlGpuInstanceDestroy"), n_free);
		assert_int_equal(count_calls("nvmlComputeInstanceDestroy"), n_free);
		assert_int_equal(count_calls("nvmlDeviceCreateGpuInstanceWithPlacement"), n_cut);
		assert_int_equal(count_calls("nvmlGpuInstanceCreateComputeInstance"), n_cut);
		assert_int_equal(count_calls("nvmlDeviceCreateGpuInstance"), 0);
	}
	*(is_new ? ret_new : ret_old) += 1;
}

static void random_changes_end_in_the_old_layout_or_the_new(void **state)
{
	const char *pairs = getenv("TR_TEST_PAIRS");
	size_t n = pairs ? strtoul(pairs, NULL, 10) : PAIRS, n_new = 0, n_old = 0, n_open = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		one_pair(&n_new, &n_old, &n_open);
	print_message("# %zu pairs: %zu new, %zu old, %zu finished or taken back after a kill\n", n,
		n_new, n_old, n_open);
	assert_true(n_new > n / 10 && n_old > n / 20 && n_open > n / 40);
}

/* --- Single stories --- */

static void apply_text(const char *text, struct tr_err *err, int wanted)
{
	struct trip trip = { .at = SIZE_MAX };
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/layout.yaml", room_dir);
	assert_int_equal(tr_write_file(path, 0600, text, strlen(text), err), 0);
	r = apply(path, &trip, err);
	if (r != wanted)
		fail_msg("%d, not %d: %s", r, wanted, err->msg);
}

#define LAYOUT(slices) "version: 1\nlayouts:\n  x:\n    - gpus: [0]\n      slices: [" slices "]\n"

static void a_slice_that_stays_keeps_its_uuid_and_one_that_is_cut_its_place(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	if (*group)
		tr_sim_unbind("n", group, &err);
	apply_text(LAYOUT("3g.40gb:4, 2g.20gb:0, 1g.10gb:2"), &err, 0);
	look(&before);
	apply_text(LAYOUT("3g.40gb:4, 2g.20gb, 2g.20gb"), &err, 0);
	look(&after);
	assert_non_null(strstr(after.text, "2g.20gb:0, 2g.20gb:2, 3g.40gb:4"));
	for (size_t i = 0; i < before.n; i++)
		if (strcmp(before.v[i].profile, "1g.10gb") != 0)
			assert_true(is_there(&after, &before.v[i]));
}

/* Somebody comes onto a slice between the plan and the step. */
static void late_guest(void *arg, const struct tr_step *step)
{
	const char *uuid = arg;
	struct tr_err err = { 0 };

	if (step->kind == TR_STEP_FREE && *uuid)
		tr_sim_bind("n", uuid, group, &err);
}

static void a_slice_taken_in_the_last_moment_sends_all_back(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct tr_err err = { 0 };
	char path[128];

	(void)state;
	if (!*group)
		skip();
	tr_sim_unbind("n", group, &err);
	apply_text(LAYOUT("1g.10gb:0, 1g.10gb:1, 1g.10gb:2, 1g.10gb:3"), &err, 0);
	look(&before);
	snprintf(path, sizeof(path), "%s/layout.yaml", room_dir);
	assert_int_equal(
		tr_write_file(path, 0600, LAYOUT("4g.40gb"), strlen(LAYOUT("4g.40gb")), &err), 0);
	{
		AUTO_NODE *node = open_node();
		const struct tr_layout_ask ask = { .file = path };
		struct tr_change change = { .on_step = late_guest, .arg = before.v[3].uuid };

		assert_int_equal(tr_layout_apply(node, &ask, &change, &err), -TR_E_BUSY);
	}
	if (!strstr(err.msg, "what stood before stands again") || !strstr(err.msg, "pid "))
		fail_msg("%s", err.msg);
	look(&after);
	assert_string_equal(before.text, after.text);
	assert_false(is_open());
	tr_sim_unbind("n", group, &err);
}

static void only_the_card_that_needs_it_changes_its_mode(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	if (*group)
		tr_sim_unbind("n", group, &err);
	apply_text("version: 1\nlayouts:\n  x:\n    - gpus: [0]\n      slices: [3g.40gb:4]\n"
		   "    - gpus: [1]\n      mig: off\n",
		&err, 0);
	look(&before);
	assert_int_equal(before.n, 1);
	assert_int_equal(tr_virtual_trace_set("n", true, &err), 0);
	apply_text("version: 1\nlayouts:\n  x:\n    - gpus: [0]\n      slices: [3g.40gb:4]\n"
		   "    - gpus: [1]\n      slices: [7g.141gb]\n",
		&err, 0);
	assert_int_equal(count_calls("nvmlDeviceSetMigMode"), 1);
	look(&after);
	assert_int_equal(after.n, 2);
	assert_true(is_there(&after, &before.v[0]));
}

/* The change has cut a slice and was killed; then somebody came onto it. */
static void going_back_spares_who_came_meanwhile(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, between = { 0 }, after = { 0 };
	struct trip trip = { .trouble = KILLED_AT_A_STEP, .at = 2 };
	struct tr_err err = { 0 };
	AUTO_NODE *node = NULL;
	char path[128];

	(void)state;
	if (!*group)
		skip();
	tr_sim_unbind("n", group, &err);
	apply_text(LAYOUT("1g.10gb:0"), &err, 0);
	look(&before);
	snprintf(path, sizeof(path), "%s/layout.yaml", room_dir);
	assert_int_equal(tr_write_file(path, 0600, LAYOUT("2g.20gb:0, 3g.40gb:4"),
				 strlen(LAYOUT("2g.20gb:0, 3g.40gb:4")), &err),
		0);
	apply_killed(path, &trip);
	look(&between);
	assert_int_equal(between.n, before.n);
	assert_string_equal(between.v[0].profile, "2g.20gb");
	assert_int_equal(tr_sim_bind("n", between.v[0].uuid, group, &err), 0);
	node = open_node();
	assert_int_equal(tr_layout_resume(node, /* back= */ true, NULL, &err), -TR_E_BUSY);
	if (!strstr(err.msg, "in the way: 2g.20gb at 0:0 (pid "))
		fail_msg("%s", err.msg);
	assert_non_null(strstr(err.hint, "tranche apply --resume"));
	look(&after);
	assert_string_equal(between.text, after.text);
	assert_true(is_open());
	tr_sim_unbind("n", group, &err);
	if (tr_layout_resume(node, /* back= */ true, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	stand_done(&after);
	look(&after);
	assert_string_equal(before.text, after.text);
	assert_false(is_open());
}

/* Killed behind the cut, before its row was confirmed: the next change must not clear it away. */
static void a_slice_that_stands_is_confirmed(void **state)
{
	TR_AUTO(stand_done) struct stand now = { 0 };
	TR_AUTO(tr_rows_done) struct tr_rows rows = { 0 };
	struct tr_journal_step step = { .kind = TR_JOURNAL_CUT, .state = TR_JOURNAL_BEGUN };
	struct tr_journal journal = { .label = (char *)(uintptr_t) "'x'", .n = 1, .v = &step };
	struct tr_err err = { 0 };
	AUTO_NODE *node = open_node();

	(void)state;
	if (*group)
		tr_sim_unbind("n", group, &err);
	apply_text(LAYOUT("2g.20gb:0"), &err, 0);
	look(&now);
	assert_int_equal(tr_store_rows(node->store, "n", &rows, &err), 0);
	for (size_t i = 0; i < rows.n; i++)
		if (strcmp(rows.v[i].profile, "2g.20gb") == 0)
			step.row = rows.v[i];
	assert_string_equal(step.row.profile, "2g.20gb");
	step.row.is_cut = false;
	journal.before = journal.after = now.text;
	assert_int_equal(tr_store_rows_put(node->store, "n", &step.row, 1, &err), 0);
	assert_int_equal(tr_journal_open(node->store, "n", &journal, &err), 0);
	if (tr_layout_resume(node, /* back= */ false, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	tr_rows_done(&rows);
	assert_int_equal(tr_store_rows(node->store, "n", &rows, &err), 0);
	for (size_t i = 0; i < rows.n; i++)
		assert_true(rows.v[i].is_cut);
}

static void who_is_in_the_way_is_named_and_may_be_evicted(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct tr_err err = { 0 };
	const char *evict[] = { "0:0", "0:6" };
	struct tr_layout_ask ask = { .evict = evict, .n_evict = 2 };
	AUTO_NODE *node = NULL;
	char path[128];
	pid_t guest, keeper;

	(void)state;
	if (!*group)
		skip();
	apply_text(LAYOUT("2g.20gb:0, 2g.20gb:4"), &err, 0);
	look(&before);
	guest = fork();
	if (guest == 0) {
		for (;;)
			pause();
	}
	assert_true(room_cgroup_join(group_dir, guest));
	assert_int_equal(tr_sim_bind("n", before.v[0].uuid, group, &err), 0);
	apply_text(LAYOUT("4g.40gb, 2g.20gb"), &err, -TR_E_BUSY);
	assert_non_null(strstr(err.msg, "in the way: 2g.20gb at 0:0 (pid "));
	assert_non_null(strstr(err.msg, "the nearest that leaves that alone: "));
	assert_non_null(strstr(err.hint, "--evict 0:0"));
	snprintf(path, sizeof(path), "%s/layout.yaml", room_dir);
	ask.file = path;
	node = open_node();
	assert_int_equal(tr_layout_apply(node, &ask, NULL, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no slice '0:6' to evict"));
	ask.n_evict = 1;
	/* As an engine does when a container's processes have ended. */
	keeper = fork();
	if (keeper == 0) {
		for (int i = 0; i < 1000 && rmdir(group_dir) < 0; i++)
			usleep(10000);
		_exit(0);
	}
	if (tr_layout_apply(node, &ask, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	waitpid(guest, NULL, 0);
	waitpid(keeper, NULL, 0);
	look(&after);
	assert_non_null(strstr(after.text, "4g.40gb:0"));
	/* All of the group were on that slice: who else was busy is gone with them. */
	waitpid(busy_pid, NULL, 0);
	busy_pid = 0;
}

static void a_reboot_is_made_good(void **state)
{
	TR_AUTO(stand_done) struct stand before = { 0 }, after = { 0 };
	struct tr_err err = { 0 };
	char run[160];

	(void)state;
	apply_text("version: 1\nlayouts:\n  x:\n    - gpus: [0]\n      slices: [3g.40gb:4, "
		   "1g.10gb:2]\n    - gpus: [1]\n      slices: [2g.35gb:4, 4g.71gb]\n",
		&err, 0);
	look(&before);
	snprintf(run, sizeof(run), "%s/run/virtual/n", room_dir);
	assert_int_equal(tr_rm_tree(run, &err), 0);
	assert_int_equal(tr_sim_restore("n", SIM_LIBRARY, &err), 0);
	look(&after);
	assert_int_equal(after.n, 0);
	{
		AUTO_NODE *node = open_node();

		if (tr_layout_restore_last(node, NULL, &err) < 0)
			fail_msg("%s", err.msg);
	}
	stand_done(&after);
	look(&after);
	assert_string_equal(before.text, after.text);
	for (size_t i = 0; i < before.n; i++)
		assert_true(is_there(&after, &before.v[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slice_that_stays_keeps_its_uuid_and_one_that_is_cut_its_place),
		cmocka_unit_test(random_changes_end_in_the_old_layout_or_the_new),
		cmocka_unit_test(a_slice_taken_in_the_last_moment_sends_all_back),
		cmocka_unit_test(a_reboot_is_made_good),
		cmocka_unit_test(only_the_card_that_needs_it_changes_its_mode),
		cmocka_unit_test(going_back_spares_who_came_meanwhile),
		cmocka_unit_test(a_slice_that_stands_is_confirmed),
		cmocka_unit_test(who_is_in_the_way_is_named_and_may_be_evicted),
	};
	const char *given = getenv("TR_TEST_SEED");

	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("# TR_TEST_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, open_room, close_room);
}
