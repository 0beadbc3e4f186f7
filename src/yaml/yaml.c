/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events, put into a tree of our own.
 *
 * Events and not libyaml's documents: those resolve aliases silently, and a handful of them makes a
 * file that stands for gigabytes. Here an alias, an anchor and a tag are refused where they stand.
 * libyaml tells a place of bad bytes as an offset only, so bytes are checked before it sees them.
 */
#include "yaml/yaml.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct loader {
	yaml_parser_t yaml;
	const char *file, *text;
	const struct tr_yaml_words *words;
	size_t len, n_nodes;
};

void tr_yaml_free(struct tr_yaml *node)
{
	struct tr_yaml *next;

	if (!node)
		return;
	for (struct tr_yaml *child = node->first; child; child = next) {
		next = child->next;
		tr_yaml_free(child);
	}
	free(node->key);
	free(node->text);
	free(node);
}

const struct tr_yaml *tr_yaml_child(const struct tr_yaml *mapping, const char *key)
{
	for (const struct tr_yaml *child = mapping->first; child; child = child->next)
		if (child->key && strcmp(child->key, key) == 0)
			return child;
	return NULL;
}

/* --- Bytes --- */

/* The length of the UTF-8 character at s and its code; 0 when it is none. */
static size_t utf8_decode(const unsigned char *s, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t code = s[0];

	if (len == 0 || len > left || s[0] > 0xf4)
		return 0;
	if (len > 1)
		code &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return len;
}

/* What YAML lets stand in a file as itself. */
static bool is_allowed(uint32_t code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	if (code >= 0x7f && code < 0xa0)
		return code == 0x85;
	return code != 0xfeff && code != 0xfffe && code != 0xffff;
}

static int check_bytes(const char *file, const char *text, size_t len, struct tr_err *err)
{
	struct tr_where at = { .line = 1, .column = 1 };
	const unsigned char *s = (const unsigned char *)text;
	uint32_t code = 0;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		step = utf8_decode(s + i, len - i, &code);
		if (step == 0)
			return tr_yaml_fail(file, at, err,
				"byte 0x%02x is not UTF-8; allowed: text in UTF-8", s[i]);
		if (code == 0)
			return tr_yaml_fail(file, at, err, "a NUL byte; allowed: text, in UTF-8");
		if (!is_allowed(code))
			return tr_yaml_fail(file, at, err,
				"character U+%04X; allowed: printable text, and \"\\u%04X\" in "
				"double quotes",
				code, code);
		at.column++;
		if (code == '\n' || (code == '\r' && (i + 1 == len || s[i + 1] != '\n')))
			at = (struct tr_where){ .line = at.line + 1, .column = 1 };
	}
	return 0;
}

/* --- What libyaml says, in words that help --- */

static const struct {
	const char *problem, *words;
	bool tells_start; /* the line where the quote or bracket opened helps */
} problems[] = {
	{ "mapping values are not allowed in this context",
		"a ':' that cannot stand here; allowed: one 'key: value' a line, each mapping's "
		"keys "
		"in one column, and text that holds ': ' in quotes",
		false },
	{ "did not find expected key",
		"no key where one must stand; allowed: 'key: value', each mapping's keys in one "
		"column",
		false },
	{ "could not find expected ':'", "a key with no ':' behind it; allowed: 'key: value'",
		false },
	{ "did not find expected ',' or ']'",
		"a list that is not closed; allowed: ',' or ']' for the '['", true },
	{ "did not find expected ',' or '}'",
		"a mapping that is not closed; allowed: ',' or '}' for the '{'", true },
	{ "did not find expected '-' indicator",
		"no '-' where a list's next item must stand; allowed: '- item', all in one column",
		false },
	{ "block sequence entries are not allowed in this context",
		"a '-' that cannot stand here; allowed: list items on lines of their own", false },
	{ "found unexpected end of stream",
		"text in quotes that never ends; allowed: a closing quote for the one", true },
	{ "found unknown escape character",
		"an unknown escape in double quotes; allowed: \\\\, \\\", \\n, \\t, \\xNN, "
		"\\uNNNN, "
		"or single quotes, which know none",
		false },
	{ "found a tab character that violates indentation",
		"a tab; allowed: indenting with spaces", false },
	{ "did not find expected node content",
		"no value where one must stand; allowed: a value, in quotes if it starts with one "
		"of "
		"[ ] { } , : & * # ? | - < > = ! % @",
		false },
	{ "did not find expected <document start>",
		"text behind the document's end; allowed: one document a file", false },
};

/* "found character that cannot start any token" names no character; the text does. libyaml counts
 * characters, not bytes. */
static char problem_char(const struct loader *l)
{
	size_t i = 0, left = l->yaml.problem_mark.index;

	while (i < l->len && left > 0) {
		i++;
		while (i < l->len && ((unsigned char)l->text[i] & 0xc0) == 0x80)
			i++;
		left--;
	}
	return i < l->len ? l->text[i] : '\0';
}

static int yaml_fail(const struct loader *l, struct tr_err *err)
{
	const char *problem = l->yaml.problem ? l->yaml.problem : "unreadable";
	struct tr_where at = { .line = (uint32_t)l->yaml.problem_mark.line + 1,
		.column = (uint32_t)l->yaml.problem_mark.column + 1 };
	char c = problem_char(l);

	if (l->yaml.error == YAML_MEMORY_ERROR)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", l->file);
	if (strcmp(problem, "found character that cannot start any token") == 0 && c == '\t')
		return tr_yaml_fail(l->file, at, err, "a tab; allowed: indenting with spaces");
	if (strcmp(problem, "found character that cannot start any token") == 0)
		return tr_yaml_fail(l->file, at, err,
			"'%c' cannot start a value; allowed: the value in quotes", c);
	for (size_t i = 0; i < TR_COUNT(problems); i++)
		if (strcmp(problem, problems[i].problem) == 0 && problems[i].tells_start)
			return tr_yaml_fail(l->file, at, err, "%s of line %zu", problems[i].words,
				l->yaml.context_mark.line + 1);
		else if (strcmp(problem, problems[i].problem) == 0)
			return tr_yaml_fail(l->file, at, err, "%s", problems[i].words);
	return tr_yaml_fail(l->file, at, err, "%s; allowed: YAML 1.1", problem);
}

/* --- Events to nodes --- */

static struct tr_where place_of(const yaml_event_t *event)
{
	return (struct tr_where){ .line = (uint32_t)event->start_mark.line + 1,
		.column = (uint32_t)event->start_mark.column + 1 };
}

static int next_event(struct loader *l, yaml_event_t *event, struct tr_err *err)
{
	yaml_event_delete(event);
	memset(event, 0, sizeof(*event));
	return yaml_parser_parse(&l->yaml, event) ? 0 : yaml_fail(l, err);
}

/* Anchors and tags stand in three kinds of event. */
static int refuse_extras(const struct loader *l, const yaml_event_t *event, struct tr_err *err)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_ALIAS_EVENT) {
		anchor = event->data.alias.anchor;
	}
	if (anchor)
		return tr_yaml_fail(l->file, place_of(event), err,
			"'%c%s' is a YAML anchor or alias; allowed: each value written out",
			event->type == YAML_ALIAS_EVENT ? '*' : '&',
			TR_SHOWN((const char *)anchor));
	if (tag)
		return tr_yaml_fail(l->file, place_of(event), err,
			"'%s' is a YAML tag; allowed: values without tags",
			TR_SHOWN((const char *)tag));
	return 0;
}

static int copy_text(
	const struct loader *l, const yaml_event_t *event, char **ret, struct tr_err *err)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(text, '\0', len))
		return tr_yaml_fail(l->file, place_of(event), err,
			"a NUL character in text; allowed: text without \\0");
	*ret = strndup(text, len);
	if (!*ret)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", l->file);
	return 0;
}

static int node_of(struct loader *l, yaml_event_t *event, uint32_t depth, struct tr_yaml **ret,
	struct tr_err *err);

static int read_key(const struct loader *l, const yaml_event_t *event, const struct tr_yaml *parent,
	struct tr_yaml *ret, struct tr_err *err)
{
	const struct tr_yaml *twin;
	int r = refuse_extras(l, event, err);

	if (r < 0)
		return r;
	ret->key_at = place_of(event);
	if (event->type != YAML_SCALAR_EVENT)
		return tr_yaml_fail(l->file, ret->key_at, err,
			"a list or mapping as a key; allowed: plain text as a key");
	r = copy_text(l, event, &ret->key, err);
	if (r < 0)
		return r;
	twin = tr_yaml_child(parent, ret->key);
	if (twin)
		return tr_yaml_fail(l->file, ret->key_at, err,
			"key '%s' stands here twice, first in line %u; allowed: each key once",
			TR_SHOWN(ret->key), twin->key_at.line);
	return 0;
}

/* Everything up to the end of a list or mapping whose start was read. */
static int read_children(
	struct loader *l, struct tr_yaml *parent, uint32_t depth, struct tr_err *err)
{
	TR_AUTO(yaml_event_delete) yaml_event_t event = { 0 };
	TR_AUTO(tr_yaml_freep) struct tr_yaml *child = NULL;
	/* Carries a key to the node that is made from the event behind it. */
	TR_AUTO(tr_yaml_freep) struct tr_yaml *named = calloc(1, sizeof(*named));
	struct tr_yaml **tail = &parent->first;
	int r;

	if (!named)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", l->file);
	while ((r = next_event(l, &event, err)) == 0) {
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (parent->n >= TR_YAML_MAX_ENTRIES)
			return tr_yaml_fail(l->file, place_of(&event), err,
				"too many entries; allowed: %d in one list or mapping",
				TR_YAML_MAX_ENTRIES);
		if (parent->kind == TR_YAML_MAPPING) {
			r = read_key(l, &event, parent, named, err);
			if (r < 0 || (r = next_event(l, &event, err)) < 0)
				return r;
		}
		r = node_of(l, &event, depth, &child, err);
		if (r < 0)
			return r;
		child->key = TR_TAKE(named->key);
		child->key_at = named->key_at;
		*tail = TR_TAKE(child);
		tail = &(*tail)->next;
		parent->n++;
	}
	return r;
}

/* The node that an event starts. */
static int node_of(struct loader *l, yaml_event_t *event, uint32_t depth, struct tr_yaml **ret,
	struct tr_err *err)
{
	TR_AUTO(tr_yaml_freep) struct tr_yaml *node = NULL;
	int r = refuse_extras(l, event, err);

	if (r < 0)
		return r;
	if (depth >= TR_YAML_MAX_DEPTH || l->n_nodes >= TR_YAML_MAX_NODES)
		return tr_yaml_fail(l->file, place_of(event), err,
			"too %s; allowed: %d values, nested %d deep",
			depth >= TR_YAML_MAX_DEPTH ? "deeply nested" : "many values",
			TR_YAML_MAX_NODES, TR_YAML_MAX_DEPTH);
	l->n_nodes++;
	node = calloc(1, sizeof(*node));
	if (!node)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", l->file);
	node->at = place_of(event);
	if (event->type == YAML_SCALAR_EVENT) {
		node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		node->is_missing = event->data.scalar.length == 0 && !node->is_quoted;
		r = copy_text(l, event, &node->text, err);
	} else {
		node->kind =
			event->type == YAML_MAPPING_START_EVENT ? TR_YAML_MAPPING : TR_YAML_LIST;
		r = read_children(l, node, depth + 1, err);
	}
	if (r < 0)
		return r;
	*ret = TR_TAKE(node);
	return 0;
}

/* The first document's value; ret stays NULL when there is none. */
static int read_document(struct loader *l, struct tr_yaml **ret, struct tr_err *err)
{
	TR_AUTO(yaml_event_delete) yaml_event_t event = { 0 };
	TR_AUTO(tr_yaml_freep) struct tr_yaml *root = NULL;
	int r = next_event(l, &event, err); /* stream start */

	if (r == 0)
		r = next_event(l, &event, err);
	if (r < 0)
		return r;
	if (event.type == YAML_STREAM_END_EVENT)
		return tr_yaml_fail(l->file, (struct tr_where){ 1, 1 }, err,
			"an empty file; allowed: a mapping that starts with '%s'",
			l->words->begins);
	r = next_event(l, &event, err);
	if (r == 0)
		r = node_of(l, &event, 0, &root, err);
	if (r == 0)
		r = next_event(l, &event, err); /* document end */
	if (r == 0)
		r = next_event(l, &event, err);
	if (r < 0)
		return r;
	if (event.type != YAML_STREAM_END_EVENT)
		return tr_yaml_fail(l->file, place_of(&event), err,
			"a second document; allowed: one document, one %s a file", l->words->what);
	*ret = TR_TAKE(root);
	return 0;
}

int tr_yaml_read(const char *file, const struct tr_yaml_words *words, const char *text, size_t len,
	struct tr_yaml **ret, struct tr_err *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark of some editors */
	struct loader l = { .file = file, .words = words };
	int r;

	if (len > TR_YAML_MAX_BYTES)
		return tr_yaml_fail(file, (struct tr_where){ 1, 1 }, err,
			"too large a file; allowed: %d bytes", TR_YAML_MAX_BYTES);
	if (len >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		len -= 3;
	}
	r = check_bytes(file, text, len, err);
	if (r < 0)
		return r;
	l.text = text;
	l.len = len;
	if (!yaml_parser_initialize(&l.yaml))
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", file);
	yaml_parser_set_encoding(&l.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.yaml, (const unsigned char *)text, len);
	r = read_document(&l, ret, err);
	yaml_parser_delete(&l.yaml);
	return r;
}
