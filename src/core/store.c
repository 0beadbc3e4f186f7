/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/store_priv.h"

#include <stdio.h>
#include <string.h>

enum { BUSY_MS = 5000, BUSY_TRIES = 100, SCHEMA = 3 };

static const char schema_sql[] =
	"PRAGMA journal_mode = WAL;"
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS slice ("
	" node TEXT NOT NULL, gpu_uuid TEXT NOT NULL, start INTEGER NOT NULL,"
	" size INTEGER NOT NULL, profile_id INTEGER NOT NULL, profile TEXT NOT NULL,"
	" stack TEXT NOT NULL, model TEXT NOT NULL, replica INTEGER NOT NULL,"
	" is_cut INTEGER NOT NULL,"
	" PRIMARY KEY (node, gpu_uuid, start)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS stack ("
	" node TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, text TEXT NOT NULL,"
	" runtime TEXT NOT NULL,"
	" PRIMARY KEY (node, name)) WITHOUT ROWID;"
	/* Version 2: layouts (journal.h). Version 1 had none of it. */
	"CREATE TABLE IF NOT EXISTS journal ("
	" node TEXT PRIMARY KEY, label TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,"
	" pid INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS journal_step ("
	" node TEXT NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" gpu_uuid TEXT NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,"
	" profile_id INTEGER NOT NULL, profile TEXT NOT NULL, stack TEXT NOT NULL,"
	" model TEXT NOT NULL, replica INTEGER NOT NULL, state INTEGER NOT NULL,"
	" PRIMARY KEY (node, seq)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS layout ("
	" node TEXT PRIMARY KEY, label TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;"
	/* Version 3: how long things last took (took.h). */
	"CREATE TABLE IF NOT EXISTS took ("
	" node TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, ms INTEGER NOT NULL,"
	" PRIMARY KEY (node, kind, name)) WITHOUT ROWID;"
	"PRAGMA user_version = 3;"
	"COMMIT;";

void tr_store__stmt_finish(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

int tr_store__fail(struct tr_store *store, struct tr_err *err)
{
	return tr_fail(err, TR_E_IO, "'%s': %s", store->path, sqlite3_errmsg(store->db));
}

static int schema_version(sqlite3 *db)
{
	TR_AUTO_STMT *statement = NULL;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
		sqlite3_step(statement) != SQLITE_ROW)
		return -1;
	return sqlite3_column_int(statement, 0);
}

/* SQLite's busy timeout does not cover the change to WAL: two that make the file at the same moment
 * take turns here. */
static int make_schema(struct tr_store *store, struct tr_err *err)
{
	for (int tries = 0;; tries++) {
		int r = sqlite3_exec(store->db, schema_sql, NULL, NULL, NULL);

		if (r == SQLITE_OK)
			return 0;
		if (r != SQLITE_BUSY || tries == BUSY_TRIES)
			return tr_store__fail(store, err);
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		tr_sleep_ms(&tr_clock_real, BUSY_MS / BUSY_TRIES);
	}
}

/* Opens the file. Without `make`, a file that is not there leaves the store empty. */
static int open_db(struct tr_store *store, bool make, struct tr_err *err)
{
	int version;

	if (store->db)
		return 0;
	if (!make && !tr_is_file(store->path))
		return 0;
	if (sqlite3_open_v2(store->path, &store->db,
		    SQLITE_OPEN_READWRITE | (make ? SQLITE_OPEN_CREATE : 0), NULL) != SQLITE_OK) {
		tr_store__fail(store, err);
		sqlite3_close(store->db);
		store->db = NULL;
		return -(int)err->code;
	}
	sqlite3_busy_timeout(store->db, BUSY_MS);
	version = schema_version(store->db);
	if (version < 0)
		return tr_store__fail(store, err);
	if (version > SCHEMA)
		return tr_fail(err, TR_E_UNSUPPORTED,
			"'%s' was written by a newer tranche (format %d, this one knows %d)",
			store->path, version, SCHEMA);
	return version < SCHEMA ? make_schema(store, err) : 0;
}

int tr_store__for_reading(struct tr_store *store, struct tr_err *err)
{
	int r = open_db(store, /* make= */ false, err);

	return r < 0 ? r : !store->db;
}

int tr_store_open(struct tr_store **ret, struct tr_err *err)
{
	struct tr_store *store = calloc(1, sizeof(*store));

	if (!store)
		return tr_fail(err, TR_E_NO_MEMORY, "open the store: out of memory");
	if (tr_state_dir(store->path, err) < 0 ||
		tr_path_join(store->path, "tranche.db", store->path, err) < 0 ||
		open_db(store, /* make= */ false, err) < 0) {
		tr_store_close(store);
		return -(int)err->code;
	}
	*ret = store;
	return 0;
}

void tr_store_close(struct tr_store *store)
{
	if (!store)
		return;
	sqlite3_close(store->db);
	free(store);
}

int tr_store__for_writing(struct tr_store *store, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (store->db)
		return 0;
	if (tr_state_dir(dir, err) < 0 || tr_mkdir_p(dir, 0755, err) < 0)
		return -(int)err->code;
	return open_db(store, /* make= */ true, err);
}

int tr_store__prepare(struct tr_store *store, sqlite3_stmt **ret, struct tr_err *err,
	const char *sql, const char *types, ...)
{
	bool ok = sqlite3_prepare_v2(store->db, sql, -1, ret, NULL) == SQLITE_OK;
	va_list ap;

	va_start(ap, types);
	for (int i = 0; ok && types[i]; i++)
		ok = (types[i] == 's' ? sqlite3_bind_text(*ret, i + 1, va_arg(ap, const char *), -1,
						SQLITE_STATIC)
				      : sqlite3_bind_int64(*ret, i + 1, va_arg(ap, unsigned))) ==
		     SQLITE_OK;
	va_end(ap);
	return ok ? 0 : tr_store__fail(store, err);
}

int tr_store__run(struct tr_store *store, sqlite3_stmt *statement, struct tr_err *err)
{
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : tr_store__fail(store, err);
}

void tr_store__copy_text(sqlite3_stmt *statement, int column, char *ret, size_t size)
{
	snprintf(ret, size, "%s", (const char *)sqlite3_column_text(statement, column));
}

/* --- Slices --- */

void tr_rows_done(struct tr_rows *rows)
{
	free(rows->v);
	*rows = (struct tr_rows){ 0 };
}

static int add_row(struct tr_rows *rows, sqlite3_stmt *s, struct tr_err *err)
{
	struct tr_row *more = realloc(rows->v, (rows->n + 1) * sizeof(*more));
	struct tr_row *row;

	if (!more)
		return tr_fail(err, TR_E_NO_MEMORY, "read the store: out of memory");
	rows->v = more;
	row = &rows->v[rows->n++];
	*row = (struct tr_row){ .start = (uint32_t)sqlite3_column_int(s, 1),
		.size = (uint32_t)sqlite3_column_int(s, 2),
		.profile_id = (uint32_t)sqlite3_column_int(s, 3),
		.replica = (uint32_t)sqlite3_column_int(s, 7),
		.is_cut = sqlite3_column_int(s, 8) != 0 };
	tr_store__copy_text(s, 0, row->gpu_uuid, sizeof(row->gpu_uuid));
	tr_store__copy_text(s, 4, row->profile, sizeof(row->profile));
	tr_store__copy_text(s, 5, row->stack, sizeof(row->stack));
	tr_store__copy_text(s, 6, row->model, sizeof(row->model));
	return 0;
}

int tr_store_rows(struct tr_store *store, const char *node, struct tr_rows *ret, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	struct tr_rows rows = { 0 };
	int step, r = tr_store__for_reading(store, err);

	if (r < 0)
		return r;
	if (r == 1) {
		*ret = rows;
		return 0;
	}
	if (tr_store__prepare(store, &statement, err,
		    "SELECT gpu_uuid, start, size, profile_id, profile, stack, model, replica, "
		    "is_cut"
		    " FROM slice WHERE node = ? ORDER BY gpu_uuid, start",
		    "s", node) < 0)
		return -(int)err->code;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		if (add_row(&rows, statement, err) < 0) {
			tr_rows_done(&rows);
			return -(int)err->code;
		}
	}
	if (step != SQLITE_DONE) {
		tr_rows_done(&rows);
		return tr_store__fail(store, err);
	}
	*ret = rows;
	return 0;
}

static int put_row(
	struct tr_store *store, const char *node, const struct tr_row *row, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;

	if (tr_store__prepare(store, &statement, err,
		    "INSERT OR REPLACE INTO slice (node, gpu_uuid, start, size, profile_id, "
		    "profile,"
		    " stack, model, replica, is_cut) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		    "ssuuusssuu", node, row->gpu_uuid, row->start, row->size, row->profile_id,
		    row->profile, row->stack, row->model, row->replica, (unsigned)row->is_cut) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

int tr_store_rows_put(struct tr_store *store, const char *node, const struct tr_row *rows, size_t n,
	struct tr_err *err)
{
	int r = tr_store__for_writing(store, err);

	if (r < 0)
		return r;
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return tr_store__fail(store, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_row(store, node, &rows[i], err);
	if (r == 0 && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	if (r == 0)
		r = tr_store__fail(store, err);
	sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int tr_store_row_drop(struct tr_store *store, const char *node, const char *gpu_uuid,
	uint32_t start, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	int r = tr_store__for_reading(store, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (tr_store__prepare(store, &statement, err,
		    "DELETE FROM slice WHERE node = ? AND gpu_uuid = ? AND start = ?", "ssu", node,
		    gpu_uuid, start) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

/* --- Stacks --- */

void tr_applied_done(struct tr_applied *applied)
{
	free(applied->file);
	free(applied->text);
	free(applied->runtime);
	*applied = (struct tr_applied){ 0 };
}

int tr_store_stack_put(struct tr_store *store, const char *node, const char *name,
	const struct tr_applied *applied, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;

	if (tr_store__for_writing(store, err) < 0)
		return -(int)err->code;
	if (tr_store__prepare(store, &statement, err,
		    "INSERT OR REPLACE INTO stack (node, name, file, text, runtime)"
		    " VALUES (?, ?, ?, ?, ?)",
		    "sssss", node, name, applied->file, applied->text, applied->runtime) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

static int copy_column(sqlite3_stmt *statement, int column, char **ret)
{
	*ret = strdup((const char *)sqlite3_column_text(statement, column));
	return *ret ? 0 : -1;
}

int tr_store_stack_get(struct tr_store *store, const char *node, const char *name,
	struct tr_applied *ret, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	TR_AUTO(tr_applied_done) struct tr_applied applied = { 0 };
	int step = SQLITE_DONE, r = tr_store__for_reading(store, err);

	if (r < 0)
		return r;
	if (r == 0) {
		if (tr_store__prepare(store, &statement, err,
			    "SELECT file, text, runtime FROM stack WHERE node = ? AND name = ?",
			    "ss", node, name) < 0)
			return -(int)err->code;
		step = sqlite3_step(statement);
	}
	if (step == SQLITE_DONE)
		return tr_fail(
			err, TR_E_NOT_FOUND, "there is no stack '%s' on node '%s'", name, node);
	if (step != SQLITE_ROW)
		return tr_store__fail(store, err);
	if (copy_column(statement, 0, &applied.file) < 0 ||
		copy_column(statement, 1, &applied.text) < 0 ||
		copy_column(statement, 2, &applied.runtime) < 0)
		return tr_fail(err, TR_E_NO_MEMORY, "read the store: out of memory");
	*ret = applied;
	applied = (struct tr_applied){ 0 };
	return 0;
}

int tr_store_stack_drop(
	struct tr_store *store, const char *node, const char *name, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	int r = tr_store__for_reading(store, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (tr_store__prepare(store, &statement, err,
		    "DELETE FROM stack WHERE node = ? AND name = ?", "ss", node, name) < 0)
		return -(int)err->code;
	return tr_store__run(store, statement, err);
}

int tr_store_stacks(
	struct tr_store *store, const char *node, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO_STMT *statement = NULL;
	int step, r = tr_store__for_reading(store, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (tr_store__prepare(store, &statement, err,
		    "SELECT name FROM stack WHERE node = ? ORDER BY name", "s", node) < 0)
		return -(int)err->code;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		tr_strv_add(ret, (const char *)sqlite3_column_text(statement, 0));
	return step == SQLITE_DONE ? tr_strv_ok(ret, err) : tr_store__fail(store, err);
}

int tr_store_node_drop(struct tr_store *store, const char *node, struct tr_err *err)
{
	static const char *const sql[] = { "DELETE FROM slice WHERE node = ?",
		"DELETE FROM stack WHERE node = ?", "DELETE FROM journal WHERE node = ?",
		"DELETE FROM journal_step WHERE node = ?", "DELETE FROM layout WHERE node = ?",
		"DELETE FROM took WHERE node = ?" };

	int r = tr_store__for_reading(store, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < TR_COUNT(sql) && r == 0; i++) {
		TR_AUTO_STMT *statement = NULL;

		if (tr_store__prepare(store, &statement, err, sql[i], "s", node) < 0 ||
			tr_store__run(store, statement, err) < 0)
			return -(int)err->code;
	}
	return 0;
}
