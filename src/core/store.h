/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot be read back from the machine: what was asked for (stacks, as their files stood), and
 * a row for each slice that we cut, written before it is cut; layouts (journal.h). SQLite,
 * tr_state_dir()/tranche.db.
 *
 * The file is made by the first change; until then there is nothing in it. Readers take no lock
 * but SQLite's; writers hold the node's (tr_node__lock).
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

struct tr_err;
struct tr_store;

/* Opens the store where there is one; else an empty one that the first write makes. */
int tr_store_open(struct tr_store **ret, struct tr_err *err);
void tr_store_close(struct tr_store *store);
TR_DEFINE_FREEP(struct tr_store, tr_store_close)

/* A slice that we cut, or were about to. Its place is its name: card and first memory slice. */
struct tr_row {
	char gpu_uuid[96];
	uint32_t start, size, profile_id;
	char profile[64];
	char stack[64], model[64]; /* "" when of no stack */
	uint32_t replica;
	bool is_cut; /* false: written before the cut, and never confirmed */
};

struct tr_rows {
	size_t n;
	struct tr_row *v;
};

/* The rows of a node, by card and start. Free with tr_rows_done. */
int tr_store_rows(
	struct tr_store *store, const char *node, struct tr_rows *ret, struct tr_err *err);
void tr_rows_done(struct tr_rows *rows);

/* Writes rows, all or none; one that is there is replaced. */
int tr_store_rows_put(struct tr_store *store, const char *node, const struct tr_row *rows, size_t n,
	struct tr_err *err);
/* Drops a row; one that is not there is fine. */
int tr_store_row_drop(struct tr_store *store, const char *node, const char *gpu_uuid,
	uint32_t start, struct tr_err *err);

/* A stack as it was last applied. */
struct tr_applied {
	char *file;    /* full path; relative paths in the text start from its folder */
	char *text;    /* the file as it stood */
	char *runtime; /* "podman", "docker", "process" */
};
void tr_applied_done(struct tr_applied *applied);

int tr_store_stack_put(struct tr_store *store, const char *node, const char *name,
	const struct tr_applied *applied, struct tr_err *err);
/* NOT_FOUND when there is no such stack. */
int tr_store_stack_get(struct tr_store *store, const char *node, const char *name,
	struct tr_applied *ret, struct tr_err *err);
int tr_store_stack_drop(
	struct tr_store *store, const char *node, const char *name, struct tr_err *err);
/* The names of a node's stacks, sorted, appended. */
int tr_store_stacks(
	struct tr_store *store, const char *node, struct tr_strv *ret, struct tr_err *err);

/* Forgets a node: its rows, stacks, journal, layout and times. */
int tr_store_node_drop(struct tr_store *store, const char *node, struct tr_err *err);
