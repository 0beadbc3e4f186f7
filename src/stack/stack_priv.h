/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the stack file's reader: the walker that puts the file's tree (yaml/yaml.h)
 * into a struct by a table of keys (walk.c), the readers of single values (value.c), the table
 * itself (keys.c), and what holds between keys (check.c).
 *
 * Every complaint is "FILE:LINE:COLUMN: what is wrong; what is allowed there".
 */
#pragma once

#include "stack/stack.h"
#include "yaml/yaml.h"

#include <stdbool.h>

struct tr_err;

/* --- walk.c: from a tree to a struct, by a table --- */

struct tr_reader {
	struct tr_stack *stack; /* being filled; its `file` stands in complaints */
	const char *dir;	/* absolute: what relative paths start from */
	char where[128];	/* "gateway", "models.chat": the mapping being read */
	bool has_price;		/* of a GPU: given once */
};

struct tr_key;
/* Puts a value into *field, which is zero before. */
typedef int tr_stack__read_fn(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err);

struct tr_key {
	const char *name; /* NULL ends a table */
	tr_stack__read_fn *read;
	const char *allowed; /* ends each complaint about the value */
	bool is_required;
	size_t into, size;	   /* the field: offset and size in the table's struct */
	size_t at;		   /* offset of the tr_where that keeps its place; TR_NO_PLACE */
	uint64_t min, max;	   /* numbers */
	const struct tr_key *keys; /* mappings: what may stand in it; its struct is the same one */
};

#define TR_NO_PLACE SIZE_MAX

int tr_stack__walk(struct tr_reader *r, const struct tr_key *keys, const struct tr_yaml *mapping,
	void *into, struct tr_err *err);

/* INVALID about a value, with "; allowed: ..." from its key's row behind it. */
int tr_stack__bad(const struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	struct tr_err *err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Puts the place in front of a complaint that knew none. */
int tr_stack__fail_at(const struct tr_reader *r, struct tr_where at, struct tr_err *err);
int tr_stack__no_memory(const struct tr_reader *r, struct tr_err *err);

/* --- value.c: single values --- */

tr_stack__read_fn tr_stack__read_mapping; /* by key->keys, into the same struct */
tr_stack__read_fn tr_stack__read_number;  /* uint16_t, uint32_t or int32_t by key->size */
tr_stack__read_fn tr_stack__read_decimal; /* double */
tr_stack__read_fn tr_stack__read_size;	  /* uint64_t bytes */
tr_stack__read_fn tr_stack__read_text;	  /* char *, this and the next ones */
tr_stack__read_fn tr_stack__read_name;	  /* a stack's */
tr_stack__read_fn tr_stack__read_currency;
tr_stack__read_fn tr_stack__read_image;
tr_stack__read_fn tr_stack__read_engine; /* const struct tr_engine * */
tr_stack__read_fn tr_stack__read_slice;	 /* struct tr_slice_want */

/* --- path.c: paths and addresses --- */

tr_stack__read_fn tr_stack__read_path;	  /* char *, made absolute */
tr_stack__read_fn tr_stack__read_volumes; /* struct tr_strv */
tr_stack__read_fn tr_stack__read_listen;  /* char *, made HOST:PORT */

/* --- list.c: lists of text; struct tr_strv --- */

tr_stack__read_fn tr_stack__read_args;
tr_stack__read_fn tr_stack__read_env;

/* Calls fn for each item of a list, each checked to be text. */
int tr_stack__each_text(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	tr_stack__read_fn *fn, void *field, struct tr_err *err);
int tr_stack__need_kind(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, enum tr_yaml_kind kind, struct tr_err *err);
/* Fails with a complaint unless the value is one text that is not empty. */
int tr_stack__need_text(const struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, struct tr_err *err);
/* True when text is first, then up to max-1 of `rest`, which are sets of characters. */
bool tr_stack__is_word(const char *text, const char *first, const char *rest, size_t max);
/* 0, or why the path cannot be one, in words for a complaint. */
const char *tr_stack__path_fault(const char *path);
/* Joined to `dir` unless absolute; leading "./" and "../" taken away. NULL: memory ran out. */
char *tr_stack__absolute(const char *dir, const char *path);

#define TR_LOWER "abcdefghijklmnopqrstuvwxyz"
#define TR_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TR_DIGIT "0123456789"
#define TR_ALNUM TR_LOWER TR_UPPER TR_DIGIT

/* --- keys.c --- */

/* Reads the whole tree into r->stack. */
int tr_stack__read(struct tr_reader *r, const struct tr_yaml *root, struct tr_err *err);

/* --- check.c: what holds between keys --- */

int tr_stack__check_model(const struct tr_reader *r, const struct tr_yaml *node,
	struct tr_model *model, struct tr_err *err);
int tr_stack__check_ports(const struct tr_stack *stack, struct tr_err *err);
