/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cards.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "yaml/yaml.h"

#include <string.h>
#include <sys/stat.h>

enum { MAX_COUNT = 100000 };

struct source {
	const char *file;
	struct tr_yaml *root;
};

static void source_done(struct source *source)
{
	tr_yaml_free(source->root);
}

static int wrap_at(const struct source *source, struct tr_where at, struct tr_err *err)
{
	return tr_wrap(err, "%s:%u:%u", tr_yaml_file(source->file), at.line, at.column);
}

static int check_keys(const struct source *source, const struct tr_yaml *mapping, const char *where,
	const char *const *names, size_t n, struct tr_err *err)
{
	for (const struct tr_yaml *v = mapping->first; v; v = v->next) {
		size_t i = 0;

		while (i < n && strcmp(v->key, names[i]) != 0)
			i++;
		if (i == n)
			return tr_yaml_unknown(source->file, v, where, names, n, err);
	}
	return 0;
}

static int read_number(const struct source *source, const struct tr_yaml *v, uint32_t least,
	uint32_t most, uint32_t *ret, struct tr_err *err)
{
	uint32_t value = 0;
	const char *s = v->kind == TR_YAML_TEXT && !v->is_quoted ? v->text : "";
	size_t len = strspn(s, "0123456789");

	for (size_t i = 0; i < len && value <= most; i++)
		value = value * 10 + (uint32_t)(s[i] - '0');
	if (len == 0 || s[len] || value < least || value > most)
		return tr_yaml_fail(source->file, v->at, err,
			"'%s' is %s%s%s; allowed: a whole number from %u to %u", v->key,
			v->kind == TR_YAML_TEXT ? "'" : "no number",
			v->kind == TR_YAML_TEXT ? TR_SHOWN(v->text) : "",
			v->kind == TR_YAML_TEXT ? "'" : "", least, most);
	*ret = value;
	return 0;
}

static int read_gpus(const struct source *source, struct tr_cards *cards, struct tr_err *err)
{
	static const char *const names[] = { "count" };
	const struct tr_yaml *gpus = tr_yaml_child(source->root, "gpus"), *count;

	if (!gpus || gpus->kind != TR_YAML_MAPPING || gpus->n == 0)
		return tr_yaml_fail(source->file, gpus ? gpus->at : source->root->at, err,
			"no 'gpus'; allowed: {a100-80gb: {count: 8}}");
	for (const struct tr_yaml *v = gpus->first; v; v = v->next) {
		struct tr_online_kind *kind = &cards->kinds[cards->n_kinds];

		if (cards->n_kinds == TR_ONLINE_KINDS)
			return tr_yaml_fail(source->file, v->key_at, err, "over %d kinds of cards",
				TR_ONLINE_KINDS);
		if (tr_cards_find_gpu(v->key, &kind->model, err) < 0)
			return wrap_at(source, v->key_at, err);
		count = v->kind == TR_YAML_MAPPING ? tr_yaml_child(v, "count") : NULL;
		if (v->kind == TR_YAML_MAPPING &&
			check_keys(source, v, "gpus", names, TR_COUNT(names), err) < 0)
			return -(int)err->code;
		if (!count)
			return tr_yaml_fail(source->file, v->at, err,
				"how many '%s' there are is not said; allowed: {count: 8}",
				TR_SHOWN(v->key));
		if (read_number(source, count, 1, MAX_COUNT, &kind->n_cards, err) < 0)
			return -(int)err->code;
		for (size_t k = 0; k < cards->n_kinds; k++)
			if (cards->kinds[k].model == kind->model)
				return tr_yaml_fail(source->file, v->key_at, err,
					"'%s' twice: the same as '%s' above", TR_SHOWN(v->key),
					kind->model->key);
		cards->n_kinds++;
	}
	return tr_cards_start(cards, err);
}

static int read_slice(const struct source *source, const struct tr_yaml *v, struct tr_cards *cards,
	struct tr_err *err)
{
	static const char *const names[] = { "gpu", "profile", "start" };
	const struct tr_yaml *gpu, *profile, *start;
	uint32_t gpu_idx, start_at;

	if (v->kind != TR_YAML_MAPPING)
		return tr_yaml_fail(source->file, v->at, err,
			"slice '%s' is no mapping; allowed: {gpu: 0, profile: 3g.40gb, start: 4}",
			TR_SHOWN(v->key));
	if (check_keys(source, v, "slices", names, TR_COUNT(names), err) < 0)
		return -(int)err->code;
	gpu = tr_yaml_child(v, "gpu");
	profile = tr_yaml_child(v, "profile");
	start = tr_yaml_child(v, "start");
	if (!gpu || !profile || !start || profile->kind != TR_YAML_TEXT)
		return tr_yaml_fail(source->file, v->key_at, err,
			"slice '%s' does not say where it is; allowed: {gpu: 0, profile: 3g.40gb, "
			"start: 4}",
			TR_SHOWN(v->key));
	if (read_number(source, gpu, 0, cards->n_cards - 1, &gpu_idx, err) < 0 ||
		read_number(source, start, 0, 31, &start_at, err) < 0)
		return -(int)err->code;
	if (tr_cards_check_id(v->key, err) < 0)
		return wrap_at(source, v->key_at, err);
	if (tr_cards_put(cards, v->key, profile->text, gpu_idx, start_at, err) == 0)
		return 0;
	/* BUSY is a mistake of the file here. */
	err->code = err->code == TR_E_BUSY ? TR_E_INVALID : err->code;
	return wrap_at(source,
		tr_online_wish(cards->online, profile->text) < 0 ? profile->at : start->at, err);
}

static int read_root(const struct source *source, struct tr_cards *cards, struct tr_err *err)
{
	static const char *const names[] = { "version", "gpus", "slices" };
	const struct tr_yaml *root = source->root, *v;

	if (root->kind != TR_YAML_MAPPING)
		return tr_yaml_fail(
			source->file, root->at, err, "no mapping; allowed: version: 1 first");
	if (check_keys(source, root, "", names, TR_COUNT(names), err) < 0)
		return -(int)err->code;
	v = tr_yaml_child(root, "version");
	if (!v || v->kind != TR_YAML_TEXT || strcmp(v->text, "1") != 0)
		return tr_yaml_fail(source->file, v ? v->at : root->at, err,
			"no 'version'; allowed: version: 1");
	if (read_gpus(source, cards, err) < 0)
		return -(int)err->code;
	v = tr_yaml_child(root, "slices");
	if (!v || (v->kind == TR_YAML_TEXT && v->is_missing))
		return 0;
	if (v->kind != TR_YAML_MAPPING)
		return tr_yaml_fail(source->file, v->at, err,
			"'slices' is no mapping; allowed: {chat: {gpu: 0, profile: 3g.40gb, "
			"start: 4}}");
	for (const struct tr_yaml *s = v->first; s; s = s->next)
		if (read_slice(source, s, cards, err) < 0)
			return -(int)err->code;
	return 0;
}

int tr_cards_parse(
	const char *file, const char *text, size_t len, struct tr_cards **ret, struct tr_err *err)
{
	static const struct tr_yaml_words words = { "version: 1", "fleet" };
	TR_AUTO(tr_cards_freep) struct tr_cards *cards = calloc(1, sizeof(*cards));
	TR_AUTO(source_done) struct source source = { .file = file };

	if (!cards)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s'", file);
	if (tr_yaml_read(file, &words, text, len, &source.root, err) < 0 ||
		read_root(&source, cards, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(cards);
	return 0;
}

int tr_cards_load(const char *file, struct tr_cards **ret, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	size_t len = 0;

	if (tr_read_file(strcmp(file, "-") == 0 ? "/dev/stdin" : file, TR_YAML_MAX_BYTES, &text,
		    &len, err) < 0)
		return -(int)err->code;
	return tr_cards_parse(file, text, len, ret, err);
}

int tr_cards_print(const struct tr_cards *cards, struct tr_buf *ret, struct tr_err *err)
{
	size_t n_slices = 0;

	tr_buf_puts(ret, "version: 1\ngpus:\n");
	for (size_t k = 0; k < cards->n_kinds; k++)
		tr_buf_addf(ret, "  %s: {count: %u}\n", cards->kinds[k].model->key,
			cards->kinds[k].n_cards);
	tr_buf_puts(ret, "slices:\n");
	for (uint32_t c = 0; c < cards->n_cards; c++) {
		struct tr_cards_slice slices[TR_ONLINE_MOVES];
		size_t n = tr_cards_on(cards, c, slices);

		n_slices += n;
		for (size_t i = 0; i < n; i++)
			tr_buf_addf(ret, "  %s: {gpu: %u, profile: %s, start: %u}\n", slices[i].id,
				c, slices[i].profile, slices[i].start);
	}
	if (n_slices > TR_YAML_MAX_ENTRIES)
		return tr_fail(err, TR_E_INVALID, "%zu slices; a fleet file holds at most %d",
			n_slices, TR_YAML_MAX_ENTRIES);
	return tr_buf_ok(ret, err);
}

int tr_cards_save(const struct tr_cards *cards, const char *file, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };
	struct stat st;
	mode_t mode = 0644;

	if (strcmp(file, "-") == 0)
		return tr_fail(err, TR_E_INVALID, "standard input cannot be written");
	if (tr_cards_print(cards, &text, err) < 0)
		return -(int)err->code;
	if (stat(file, &st) == 0)
		mode = st.st_mode & 07777;
	return tr_write_file(file, mode, text.s, text.len, err);
}
