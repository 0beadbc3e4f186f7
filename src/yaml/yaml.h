/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file as a tree whose every value knows its place, for files that people write.
 *
 * Every complaint is "FILE:LINE:COLUMN: what is wrong; allowed: what may stand there". What no
 * file of ours needs is refused where it stands: aliases, anchors, tags, a key twice, a second
 * document.
 */
#pragma once

#include "base/own.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tr_err;

enum {
	TR_YAML_MAX_BYTES = 1 << 20,
	TR_YAML_MAX_NODES = 1 << 16,   /* values in a file */
	TR_YAML_MAX_ENTRIES = 1 << 12, /* in one list or mapping: duplicates are sought pairwise */
	TR_YAML_MAX_DEPTH = 16,	       /* the formats need 5 and 6 */
};

/* Where a value stood, for complaints that only later stages can make ("this GPU has no ..."). */
struct tr_where {
	uint32_t line, column;
};

enum tr_yaml_kind { TR_YAML_TEXT, TR_YAML_LIST, TR_YAML_MAPPING };

/* One value. A tree, never a graph, so that its size is the file's. */
struct tr_yaml {
	enum tr_yaml_kind kind;
	struct tr_where at;
	char *key; /* in a mapping: its key; NULL in a list */
	struct tr_where key_at;
	char *text;	 /* TEXT: with no NUL inside */
	bool is_quoted;	 /* TEXT: written in quotes, or as a block: never a number or a word */
	bool is_missing; /* TEXT: nothing was written, not even "" */
	size_t n;	 /* LIST, MAPPING: how many, and the first of them */
	struct tr_yaml *first, *next;
};

/* What the reader's own complaints say of the format. */
struct tr_yaml_words {
	const char *begins; /* "version: 1" */
	const char *what;   /* "stack" */
};

/* ret is the caller's. The text is checked to be UTF-8 with no control characters. */
int tr_yaml_read(const char *file, const struct tr_yaml_words *words, const char *text, size_t len,
	struct tr_yaml **ret, struct tr_err *err);
void tr_yaml_free(struct tr_yaml *node);
TR_DEFINE_FREEP(struct tr_yaml, tr_yaml_free)

/* The value of a key; NULL when it is not there. */
const struct tr_yaml *tr_yaml_child(const struct tr_yaml *mapping, const char *key);

/* How a file is called in complaints: "-" is "<stdin>". */
const char *tr_yaml_file(const char *file);
/* INVALID at a place of the file. `allowed` (may be NULL) ends the complaint of tr_yaml_vfail. */
int tr_yaml_fail(const char *file, struct tr_where at, struct tr_err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int tr_yaml_vfail(const char *file, struct tr_where at, const char *allowed, struct tr_err *err,
	const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));
/* INVALID: a key that `where` ("models.chat"; "" at the top) does not know, with the nearest. */
int tr_yaml_unknown(const char *file, const struct tr_yaml *value, const char *where,
	const char *const *names, size_t n_names, struct tr_err *err);

/* Text of the file as it may stand in a message: cut, and no control characters in it. */
struct tr_shown {
	char s[72];
};
struct tr_shown tr_yaml_shown(const char *text);
#define TR_SHOWN(text) tr_yaml_shown(text).s
