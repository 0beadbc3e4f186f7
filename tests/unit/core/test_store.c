/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/journal.h"
#include "core/node.h"
#include "core/took.h"

#include <sqlite3.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64];

static int room_open(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tranche-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	return setenv("TRANCHE_STATE_DIR", dir, 1);
}

static int room_close(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	return tr_rm_tree(dir, &err);
}

static struct tr_row row_at(const char *gpu, uint32_t start, const char *stack)
{
	struct tr_row row = { .start = start, .size = 2, .profile_id = 14 };

	snprintf(row.gpu_uuid, sizeof(row.gpu_uuid), "%s", gpu);
	snprintf(row.profile, sizeof(row.profile), "2g.20gb");
	snprintf(row.stack, sizeof(row.stack), "%s", stack);
	snprintf(row.model, sizeof(row.model), "%s", *stack ? "chat" : "");
	return row;
}

static void reading_makes_no_file(void **state)
{
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
	TR_AUTO_FREE char *path = NULL;
	struct tr_rows rows = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_store_open(&store, &err), 0);
	assert_int_equal(tr_store_rows(store, "n", &rows, &err), 0);
	assert_int_equal(rows.n, 0);
	assert_true(asprintf(&path, "%s/tranche.db", dir) > 0);
	assert_false(tr_is_file(path));
}

static void rows_come_back_as_written_each_node_its_own(void **state)
{
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL, *other = NULL;
	struct tr_row rows[2] = { row_at("GPU-a", 4, "demo"), row_at("GPU-a", 0, "") };
	TR_AUTO(tr_rows_done) struct tr_rows got = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_store_open(&other, &err), 0); /* before there is a file */
	assert_int_equal(tr_store_open(&store, &err), 0);
	assert_int_equal(tr_store_rows_put(store, "n", rows, 2, &err), 0);
	rows[0].is_cut = true;
	rows[0].replica = 3;
	assert_int_equal(tr_store_rows_put(store, "n", rows, 1, &err), 0);
	rows[0] = row_at("GPU-a", 0, "else");
	assert_int_equal(tr_store_rows_put(store, "m", rows, 1, &err), 0);
	assert_int_equal(tr_store_rows(other, "n", &got, &err), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.v[0].start, 0);
	assert_string_equal(got.v[0].stack, "");
	assert_false(got.v[0].is_cut);
	assert_int_equal(got.v[1].start, 4);
	assert_string_equal(got.v[1].gpu_uuid, "GPU-a");
	assert_string_equal(got.v[1].profile, "2g.20gb");
	assert_string_equal(got.v[1].model, "chat");
	assert_int_equal(got.v[1].profile_id, 14);
	assert_int_equal(got.v[1].replica, 3);
	assert_true(got.v[1].is_cut);
	tr_rows_done(&got);
	assert_int_equal(tr_store_row_drop(store, "n", "GPU-a", 0, &err), 0);
	assert_int_equal(tr_store_row_drop(store, "n", "GPU-a", 6, &err), 0);
	assert_int_equal(tr_store_rows(store, "n", &got, &err), 0);
	assert_int_equal(got.n, 1);
	tr_rows_done(&got);
	assert_int_equal(tr_store_node_drop(store, "n", &err), 0);
	assert_int_equal(tr_store_rows(store, "n", &got, &err), 0);
	assert_int_equal(got.n, 0);
	tr_rows_done(&got);
	assert_int_equal(tr_store_rows(store, "m", &got, &err), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(tr_store_node_drop(store, "m", &err), 0);
}

static void stacks_are_kept_as_they_stood(void **state)
{
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
	TR_AUTO(tr_applied_done) struct tr_applied got = { 0 };
	TR_AUTO_STRV names = { 0 };
	struct tr_err err = { 0 };
	struct tr_applied applied = {
		.file = (char *)(uintptr_t) "/srv/a.yaml",
		.text = (char *)(uintptr_t) "version: 1\n# it's\n",
		.runtime = (char *)(uintptr_t) "podman",
	};

	(void)state;
	assert_int_equal(tr_store_open(&store, &err), 0);
	assert_int_equal(tr_store_stack_put(store, "n", "zeta", &applied, &err), 0);
	assert_int_equal(tr_store_stack_put(store, "n", "alpha", &applied, &err), 0);
	assert_int_equal(tr_store_stacks(store, "n", &names, &err), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "alpha");
	assert_int_equal(tr_store_stack_get(store, "n", "alpha", &got, &err), 0);
	assert_string_equal(got.text, "version: 1\n# it's\n");
	assert_string_equal(got.file, "/srv/a.yaml");
	assert_string_equal(got.runtime, "podman");
	assert_int_equal(tr_store_stack_drop(store, "n", "alpha", &err), 0);
	tr_applied_done(&got);
	assert_int_equal(tr_store_stack_get(store, "n", "alpha", &got, &err), -TR_E_NOT_FOUND);
	assert_string_equal(err.msg, "there is no stack 'alpha' on node 'n'");
	assert_int_equal(tr_store_node_drop(store, "n", &err), 0);
}

enum { WRITERS = 6, WRITES = 20 };

/* Writers of different nodes hold no lock in common: the file itself must bear them. */
static void many_may_make_and_write_the_file_at_once(void **state)
{
	struct tr_err err = { 0 };
	pid_t pids[WRITERS];
	TR_AUTO_FREE char *path = NULL;

	(void)state;
	assert_true(asprintf(&path, "%s/many", dir) > 0);
	assert_int_equal(setenv("TRANCHE_STATE_DIR", path, 1), 0);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct tr_store *store = NULL;
			char node[8];
			int bad = tr_store_open(&store, &err) < 0;

			snprintf(node, sizeof(node), "n%d", i);
			for (uint32_t w = 0; w < WRITES && !bad; w++) {
				struct tr_row row = row_at("GPU-a", w, "");

				bad = tr_store_rows_put(store, node, &row, 1, &err) < 0;
			}
			if (bad)
				fprintf(stderr, "# %s\n", err.msg);
			tr_store_close(store);
			_exit(bad);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
		TR_AUTO(tr_rows_done) struct tr_rows rows = { 0 };
		char node[8];

		snprintf(node, sizeof(node), "n%d", i);
		assert_int_equal(tr_store_open(&store, &err), 0);
		assert_int_equal(tr_store_rows(store, node, &rows, &err), 0);
		assert_int_equal(rows.n, WRITES);
	}
	assert_int_equal(setenv("TRANCHE_STATE_DIR", dir, 1), 0);
}

static void a_newer_or_broken_file_is_said_and_left(void **state)
{
	struct tr_store *store = NULL;
	struct tr_err err = { 0 };
	TR_AUTO_FREE char *room = NULL, *path = NULL;

	(void)state;
	assert_true(asprintf(&room, "%s/broken", dir) > 0);
	assert_true(asprintf(&path, "%s/tranche.db", room) > 0);
	assert_int_equal(mkdir(room, 0755), 0);
	assert_int_equal(setenv("TRANCHE_STATE_DIR", room, 1), 0);
	assert_int_equal(
		tr_write_file(path, 0600, "this is no database at all, it is text", 38, &err), 0);
	assert_int_equal(tr_store_open(&store, &err), -TR_E_IO);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(setenv("TRANCHE_STATE_DIR", dir, 1), 0);
}

/* What the first version of the format held is there after the change to the second. */
static void a_file_of_the_first_format_is_brought_up_to_date(void **state)
{
	static const char old[] =
		"CREATE TABLE slice (node TEXT NOT NULL, gpu_uuid TEXT NOT NULL, start INTEGER NOT "
		"NULL, size INTEGER NOT NULL, profile_id INTEGER NOT NULL, profile TEXT NOT NULL, "
		"stack TEXT NOT NULL, model TEXT NOT NULL, replica INTEGER NOT NULL, is_cut "
		"INTEGER "
		"NOT NULL, PRIMARY KEY (node, gpu_uuid, start)) WITHOUT ROWID;"
		"INSERT INTO slice VALUES ('old', 'GPU-1', 4, 2, 14, '2g.20gb', '', '', 0, 1);"
		"PRAGMA user_version = 1;";
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
	TR_AUTO(tr_journal_done) struct tr_journal journal = { 0 };
	TR_AUTO_FREE char *path = NULL;
	struct tr_rows rows = { 0 };
	struct tr_err err = { 0 };
	char old_dir[96];
	sqlite3 *db = NULL;

	(void)state;
	snprintf(old_dir, sizeof(old_dir), "%s/old", dir);
	assert_int_equal(mkdir(old_dir, 0700), 0);
	assert_true(asprintf(&path, "%s/tranche.db", old_dir) > 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, old, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	setenv("TRANCHE_STATE_DIR", old_dir, 1);
	assert_int_equal(tr_store_open(&store, &err), 0);
	assert_int_equal(tr_store_rows(store, "old", &rows, &err), 0);
	assert_int_equal(rows.n, 1);
	tr_rows_done(&rows);
	assert_int_equal(tr_journal_read(store, "old", &journal, &err), 0);
	assert_false(journal.is_open);
	setenv("TRANCHE_STATE_DIR", dir, 1);
}

static void a_journal_is_there_whole_until_it_is_closed(void **state)
{
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
	TR_AUTO(tr_journal_done) struct tr_journal back = { 0 };
	TR_AUTO_FREE char *label = NULL, *text = NULL;
	struct tr_journal_step steps[2] = { { .kind = TR_JOURNAL_FREE },
		{ .kind = TR_JOURNAL_CUT } };
	struct tr_journal journal = { .label = (char *)(uintptr_t) "'x'",
		.before = (char *)(uintptr_t) "b",
		.after = (char *)(uintptr_t) "a",
		.n = 2,
		.v = steps };
	struct tr_err err = { 0 };
	char words[256];

	(void)state;
	steps[0].row = row_at("GPU-1", 0, "demo");
	steps[1].row = row_at("GPU-1", 4, "demo");
	assert_int_equal(tr_store_open(&store, &err), 0);
	assert_false(tr_journal_say(store, "j", words));
	assert_int_equal(tr_journal_check(store, "j", &err), 0);
	assert_int_equal(tr_journal_open(store, "j", &journal, &err), 0);
	assert_int_equal(tr_journal_open(store, "j", &journal, &err), -TR_E_IO);
	assert_int_equal(tr_journal_mark(store, "j", 1, TR_JOURNAL_BEGUN, &err), 0);
	assert_int_equal(tr_journal_read(store, "j", &back, &err), 0);
	assert_true(back.is_open);
	assert_string_equal(back.before, "b");
	assert_int_equal(back.n, 2);
	assert_string_equal(back.v[0].row.model, "chat");
	assert_int_equal(back.v[0].state, TR_JOURNAL_PLANNED);
	assert_int_equal(back.v[1].kind, TR_JOURNAL_CUT);
	assert_int_equal(back.v[1].state, TR_JOURNAL_BEGUN);
	assert_true(tr_journal_say(store, "j", words));
	assert_string_equal(words, "a change of layout to 'x' is open: 1 of 2 steps begun");
	assert_int_equal(tr_journal_check(store, "j", &err), -TR_E_BUSY);
	assert_int_equal(tr_layout_last(store, "j", &label, &text, &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_journal_close(store, "j", "x", "t", &err), 0);
	assert_false(tr_journal_say(store, "j", words));
	assert_int_equal(tr_layout_last(store, "j", &label, &text, &err), 0);
	assert_string_equal(label, "x");
	assert_string_equal(text, "t");
}

static void what_was_never_done_has_no_time(void **state)
{
	struct tr_node node = { .name = "t" }, other = { .name = "other" };
	struct tr_err err = { 0 };
	int64_t ms = 7;

	(void)state;
	assert_int_equal(tr_store_open(&node.store, &err), 0);
	other.store = node.store;
	assert_false(tr_took(&node, TR_TOOK_MODE, "GPU-1", &ms));
	tr_took_note(&node, TR_TOOK_MODE, "GPU-1", 1200);
	tr_took_note(&node, TR_TOOK_MODE, "GPU-1", 900);
	tr_took_note_server(&node, TR_TOOK_STOP, "demo", "chat", 0);
	assert_true(tr_took(&node, TR_TOOK_MODE, "GPU-1", &ms));
	assert_int_equal(ms, 900);
	assert_true(tr_took_server(&node, TR_TOOK_STOP, "demo", "chat", &ms));
	assert_int_equal(ms, 0);
	assert_false(tr_took_server(&node, TR_TOOK_START, "demo", "chat", &ms));
	assert_false(tr_took(&node, TR_TOOK_MODE, "GPU-2", &ms));
	assert_false(tr_took(&other, TR_TOOK_MODE, "GPU-1", &ms));
	assert_int_equal(tr_store_node_drop(node.store, "t", &err), 0);
	assert_false(tr_took(&node, TR_TOOK_MODE, "GPU-1", &ms));
	tr_store_close(node.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_makes_no_file),
		cmocka_unit_test(rows_come_back_as_written_each_node_its_own),
		cmocka_unit_test(stacks_are_kept_as_they_stood),
		cmocka_unit_test(many_may_make_and_write_the_file_at_once),
		cmocka_unit_test(a_file_of_the_first_format_is_brought_up_to_date),
		cmocka_unit_test(a_journal_is_there_whole_until_it_is_closed),
		cmocka_unit_test(what_was_never_done_has_no_time),
		cmocka_unit_test(a_newer_or_broken_file_is_said_and_left),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
