/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal.h"

#include "base/err.h"
#include "core/store_priv.h"

#include <stdio.h>
#include <string.h>

void tr_journal_done(struct tr_journal *journal)
{
	free(journal->label);
	free(journal->before);
	free(journal->after);
	free(journal->v);
	*journal = (struct tr_journal){ 0 };
}

bool tr_journal_is_about(const struct tr_journal_step *step, const char *gpu_uuid, uint32_t start,
	uint32_t profile_id)
{
	return step->kind != TR_JOURNAL_MIG_ON && step->kind != TR_JOURNAL_MIG_OFF &&
	       step->row.start == start && step->row.profile_id == profile_id &&
	       strcmp(step->row.gpu_uuid, gpu_uuid) == 0;
}

static int exec(struct tr_store *store, const char *sql, struct tr_err *err)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return tr_store__fail(store, err);
	return 0;
}

/* --- Writing --- */

static int put_head(struct tr_store *store, const char *node, const struct tr_journal *journal,
	struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;

	if (tr_store__prepare(store, &statement, err,
		    "INSERT INTO journal (node, label, before, after, pid) VALUES (?, ?, ?, ?, ?)",
		    "ssssu", node, journal->label, journal->before, journal->after,
		    (unsigned)journal->pid) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

static int put_step(struct tr_store *store, const char *node, size_t seq,
	const struct tr_journal_step *step, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	const struct tr_row *row = &step->row;

	if (tr_store__prepare(store, &statement, err,
		    "INSERT OR REPLACE INTO journal_step (node, seq, kind, gpu_uuid, start, size,"
		    " profile_id, profile, stack, model, replica, state)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		    "suusuuusssuu", node, (unsigned)seq, (unsigned)step->kind, row->gpu_uuid,
		    row->start, row->size, row->profile_id, row->profile, row->stack, row->model,
		    row->replica, (unsigned)step->state) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

static int drop(struct tr_store *store, const char *node, struct tr_err *err)
{
	static const char *const sql[] = { "DELETE FROM journal WHERE node = ?",
		"DELETE FROM journal_step WHERE node = ?" };

	for (size_t i = 0; i < TR_COUNT(sql); i++) {
		TR_AUTO_STMT *statement = NULL;

		if (tr_store__prepare(store, &statement, err, sql[i], "s", node) < 0 ||
			tr_store__run(store, statement, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int commit(struct tr_store *store, int r, struct tr_err *err)
{
	struct tr_err ignored;

	if (r == 0)
		r = exec(store, "COMMIT", err);
	if (r < 0)
		exec(store, "ROLLBACK", &ignored);
	return r;
}

/*
 * While a journal is open, commits are not synced one by one: they survive any kill. What a power
 * cut may lose of them tells of slices that it has taken, too. Its end is synced.
 */
int tr_journal_open(struct tr_store *store, const char *node, const struct tr_journal *journal,
	struct tr_err *err)
{
	int r;

	if (tr_store__for_writing(store, err) < 0 ||
		exec(store, "PRAGMA synchronous = NORMAL", err) < 0 ||
		exec(store, "BEGIN IMMEDIATE", err) < 0)
		return -(int)err->code;
	r = put_head(store, node, journal, err);
	for (size_t i = 0; i < journal->n && r == 0; i++)
		r = put_step(store, node, i, &journal->v[i], err);
	return commit(store, r, err);
}

int tr_journal_add(struct tr_store *store, const char *node, size_t from,
	const struct tr_journal_step *steps, size_t n, struct tr_err *err)
{
	int r = 0;

	if (tr_store__for_writing(store, err) < 0 || exec(store, "BEGIN IMMEDIATE", err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_step(store, node, from + i, &steps[i], err);
	return commit(store, r, err);
}

int tr_journal_mark(struct tr_store *store, const char *node, size_t seq,
	enum tr_journal_state state, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;

	if (tr_store__for_writing(store, err) < 0 ||
		tr_store__prepare(store, &statement, err,
			"UPDATE journal_step SET state = ? WHERE node = ? AND seq = ?", "usu",
			(unsigned)state, node, (unsigned)seq) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

static int put_last(struct tr_store *store, const char *node, const char *label, const char *text,
	struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;

	if (tr_store__prepare(store, &statement, err,
		    "INSERT OR REPLACE INTO layout (node, label, text) VALUES (?, ?, ?)", "sss",
		    node, label, text) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

int tr_journal_close(struct tr_store *store, const char *node, const char *label, const char *text,
	struct tr_err *err)
{
	int r;

	if (tr_store__for_writing(store, err) < 0 ||
		exec(store, "PRAGMA synchronous = FULL", err) < 0 ||
		exec(store, "BEGIN IMMEDIATE", err) < 0)
		return -(int)err->code;
	r = drop(store, node, err);
	if (r == 0 && label)
		r = put_last(store, node, label, text, err);
	return commit(store, r, err);
}

/* --- Reading --- */

static char *text_of(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return strdup(text ? (const char *)text : "");
}

static int read_steps(
	struct tr_store *store, const char *node, struct tr_journal *journal, struct tr_err *err)
{
	TR_AUTO_STMT *s = NULL;
	int step;

	if (tr_store__prepare(store, &s, err,
		    "SELECT kind, gpu_uuid, start, size, profile_id, profile, stack, model, "
		    "replica,"
		    " state FROM journal_step WHERE node = ? ORDER BY seq",
		    "s", node) < 0)
		return -(int)err->code;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct tr_journal_step *more =
			reallocarray(journal->v, journal->n + 1, sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "read the journal: out of memory");
		journal->v = more;
		more = &more[journal->n++];
		*more = (struct tr_journal_step){ .kind = (enum tr_journal_kind)sqlite3_column_int(
							  s, 0),
			.state = (enum tr_journal_state)sqlite3_column_int(s, 9),
			.row = { .start = (uint32_t)sqlite3_column_int(s, 2),
				.size = (uint32_t)sqlite3_column_int(s, 3),
				.profile_id = (uint32_t)sqlite3_column_int(s, 4),
				.replica = (uint32_t)sqlite3_column_int(s, 8) } };
		tr_store__copy_text(s, 1, more->row.gpu_uuid, sizeof(more->row.gpu_uuid));
		tr_store__copy_text(s, 5, more->row.profile, sizeof(more->row.profile));
		tr_store__copy_text(s, 6, more->row.stack, sizeof(more->row.stack));
		tr_store__copy_text(s, 7, more->row.model, sizeof(more->row.model));
	}
	return step == SQLITE_DONE ? 0 : tr_store__fail(store, err);
}

static int read_head(
	struct tr_store *store, const char *node, struct tr_journal *journal, struct tr_err *err)
{
	TR_AUTO_STMT *s = NULL;
	int step;

	if (tr_store__prepare(store, &s, err,
		    "SELECT label, before, after, pid FROM journal WHERE node = ?", "s", node) < 0)
		return -(int)err->code;
	step = sqlite3_step(s);
	if (step == SQLITE_DONE)
		return 0;
	if (step != SQLITE_ROW)
		return tr_store__fail(store, err);
	journal->is_open = true;
	journal->label = text_of(s, 0);
	journal->before = text_of(s, 1);
	journal->after = text_of(s, 2);
	journal->pid = (uint32_t)sqlite3_column_int64(s, 3);
	if (!journal->label || !journal->before || !journal->after)
		return tr_fail(err, TR_E_NO_MEMORY, "read the journal: out of memory");
	return 0;
}

int tr_journal_read(
	struct tr_store *store, const char *node, struct tr_journal *ret, struct tr_err *err)
{
	TR_AUTO(tr_journal_done) struct tr_journal journal = { 0 };
	int r = tr_store__for_reading(store, err);

	if (r == 0)
		r = read_head(store, node, &journal, err);
	if (r == 0 && journal.is_open)
		r = read_steps(store, node, &journal, err);
	if (r < 0)
		return r;
	*ret = journal;
	journal = (struct tr_journal){ 0 };
	return 0;
}

bool tr_journal_say(struct tr_store *store, const char *node, char ret[256])
{
	TR_AUTO(tr_journal_done) struct tr_journal journal = { 0 };
	struct tr_err ignored;
	size_t n = 0;

	if (tr_journal_read(store, node, &journal, &ignored) < 0 || !journal.is_open)
		return false;
	for (size_t i = 0; i < journal.n; i++)
		n += journal.v[i].state != TR_JOURNAL_PLANNED;
	snprintf(ret, 256, "a change of layout to %.120s is open: %zu of %zu steps begun",
		journal.label, n, journal.n);
	return true;
}

int tr_journal_check(struct tr_store *store, const char *node, struct tr_err *err)
{
	char words[256];

	if (!tr_journal_say(store, node, words))
		return 0;
	tr_fail(err, TR_E_BUSY, "%s", words);
	return tr_hint(err, "tranche apply --resume   goes on with it; tranche apply --abort   "
			    "goes back to what "
			    "stood before");
}

int tr_layout_last(struct tr_store *store, const char *node, char **ret_label, char **ret_text,
	struct tr_err *err)
{
	TR_AUTO_STMT *s = NULL;
	TR_AUTO_FREE char *label = NULL, *text = NULL;
	int step = SQLITE_DONE, r = tr_store__for_reading(store, err);

	if (r < 0)
		return r;
	if (r == 0) {
		if (tr_store__prepare(store, &s, err,
			    "SELECT label, text FROM layout WHERE node = ?", "s", node) < 0)
			return -(int)err->code;
		step = sqlite3_step(s);
	}
	if (step == SQLITE_DONE)
		return tr_fail(
			err, TR_E_NOT_FOUND, "no layout was ever applied on node '%s'", node);
	if (step != SQLITE_ROW)
		return tr_store__fail(store, err);
	label = text_of(s, 0);
	text = text_of(s, 1);
	if (!label || !text)
		return tr_fail(err, TR_E_NO_MEMORY, "read the store: out of memory");
	*ret_label = TR_TAKE(label);
	*ret_text = TR_TAKE(text);
	return 0;
}
