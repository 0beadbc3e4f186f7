/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: what its files share. */
#pragma once

#include "core/store.h"

#include <limits.h>
#include <sqlite3.h>

struct tr_store {
	sqlite3 *db; /* NULL while there is no file */
	char path[PATH_MAX];
};

void tr_store__stmt_finish(sqlite3_stmt **statement);
#define TR_AUTO_STMT TR_AUTO(tr_store__stmt_finish) sqlite3_stmt

/* 0, or 1 while there is no file: somebody else may have made it since the last look. */
int tr_store__for_reading(struct tr_store *store, struct tr_err *err);
int tr_store__for_writing(struct tr_store *store, struct tr_err *err);

/*
 * One statement: `types` says what the arguments are, 's' a string, 'u' an unsigned number. The
 * strings are borrowed until the statement is done with.
 */
int tr_store__prepare(struct tr_store *store, sqlite3_stmt **ret, struct tr_err *err,
	const char *sql, const char *types, ...);
int tr_store__run(struct tr_store *store, sqlite3_stmt *statement, struct tr_err *err);
void tr_store__copy_text(sqlite3_stmt *statement, int column, char *ret, size_t size);
int tr_store__fail(struct tr_store *store, struct tr_err *err);
