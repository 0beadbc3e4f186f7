/* SPDX-License-Identifier: Apache-2.0 */
#include "core/took.h"

#include "base/err.h"
#include "core/node.h"
#include "core/store_priv.h"

#include <stdio.h>

void tr_took_note(const struct tr_node *node, enum tr_took_kind kind, const char *name, int64_t ms)
{
	TR_AUTO_STMT *statement = NULL;
	struct tr_err ignored;

	if (tr_store__for_writing(node->store, &ignored) < 0 ||
		tr_store__prepare(node->store, &statement, &ignored,
			"INSERT OR REPLACE INTO took (node, kind, name, ms) VALUES (?, ?, ?, ?)",
			"susu", node->name, (unsigned)kind, name, (unsigned)ms) < 0)
		return;
	tr_store__run(node->store, statement, &ignored);
}

bool tr_took(const struct tr_node *node, enum tr_took_kind kind, const char *name, int64_t *ret_ms)
{
	TR_AUTO_STMT *statement = NULL;
	struct tr_err ignored;

	if (tr_store__for_reading(node->store, &ignored) != 0 ||
		tr_store__prepare(node->store, &statement, &ignored,
			"SELECT ms FROM took WHERE node = ? AND kind = ? AND name = ?", "sus",
			node->name, (unsigned)kind, name) < 0 ||
		sqlite3_step(statement) != SQLITE_ROW)
		return false;
	*ret_ms = sqlite3_column_int64(statement, 0);
	return true;
}

static void name_of(const char *stack, const char *model, char ret[160])
{
	snprintf(ret, 160, "%s/%s", stack, model);
}

void tr_took_note_server(const struct tr_node *node, enum tr_took_kind kind, const char *stack,
	const char *model, int64_t ms)
{
	char name[160];

	name_of(stack, model, name);
	tr_took_note(node, kind, name, ms);
}

bool tr_took_server(const struct tr_node *node, enum tr_took_kind kind, const char *stack,
	const char *model, int64_t *ret_ms)
{
	char name[160];

	name_of(stack, model, name);
	return tr_took(node, kind, name, ret_ms);
}
