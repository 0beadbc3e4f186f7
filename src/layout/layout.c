/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/layout.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/near.h"
#include "layout/layout_priv.h"

#include <stdio.h>
#include <string.h>

void tr_layout_free(struct tr_layout_file *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->n_labels; i++) {
		struct tr_layout_label *label = &layout->labels[i];

		for (size_t s = 0; s < label->n_specs; s++) {
			free(label->specs[s].filters);
			free(label->specs[s].gpus);
			free(label->specs[s].slices);
		}
		free(label->specs);
		free(label->name);
	}
	free(layout->labels);
	free(layout->file);
	free(layout);
}

static int fail_nowhere(struct tr_err *err, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static int fail_nowhere(struct tr_err *err, const char *fmt, va_list ap)
{
	char words[1024];

	vsnprintf(words, sizeof(words), fmt, ap);
	return tr_fail(err, TR_E_INVALID, "%s", words);
}

int tr_layout_fail(const struct tr_layout_file *layout, struct tr_where at, struct tr_err *err,
	const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	if (at.line)
		r = tr_yaml_vfail(layout->file, at, NULL, err, fmt, ap);
	else
		r = fail_nowhere(err, fmt, ap);
	va_end(ap);
	return r;
}

int tr_layout__no_memory(const struct tr_layout_file *layout, struct tr_err *err)
{
	return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", tr_yaml_file(layout->file));
}

/* --- Growing --- */

static void *grow(void *array, size_t n, size_t size)
{
	char *more = reallocarray(array, n + 1, size);

	if (more)
		memset(more + n * size, 0, size);
	return more;
}

struct tr_layout_spec *tr_layout_add_spec(struct tr_layout_label *label)
{
	struct tr_layout_spec *more = grow(label->specs, label->n_specs, sizeof(*more));

	if (!more)
		return NULL;
	label->specs = more;
	return &more[label->n_specs++];
}

struct tr_layout_slice *tr_layout_add_slice(struct tr_layout_spec *spec)
{
	struct tr_layout_slice *more = grow(spec->slices, spec->n_slices, sizeof(*more));

	if (!more)
		return NULL;
	spec->slices = more;
	return &more[spec->n_slices++];
}

struct tr_layout_gpu *tr_layout_add_gpu(struct tr_layout_spec *spec)
{
	struct tr_layout_gpu *more = grow(spec->gpus, spec->n_gpus, sizeof(*more));

	if (!more)
		return NULL;
	spec->gpus = more;
	return &more[spec->n_gpus++];
}

struct tr_layout_filter *tr_layout_add_filter(struct tr_layout_spec *spec)
{
	struct tr_layout_filter *more = grow(spec->filters, spec->n_filters, sizeof(*more));

	if (!more)
		return NULL;
	spec->filters = more;
	return &more[spec->n_filters++];
}

int tr_layout_new(
	const char *file, const char *label, struct tr_layout_file **ret, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = calloc(1, sizeof(*layout));

	if (!layout || !(layout->file = strdup(file)) ||
		!(layout->labels = calloc(1, sizeof(*layout->labels))))
		return tr_fail(err, TR_E_NO_MEMORY, "make a layout: out of memory");
	layout->n_labels = 1;
	layout->labels[0].name = strdup(label);
	if (!layout->labels[0].name)
		return tr_fail(err, TR_E_NO_MEMORY, "make a layout: out of memory");
	*ret = TR_TAKE(layout);
	return 0;
}

/* --- What both formats need --- */

int tr_layout__check_keys(const struct tr_layout_file *layout, const struct tr_yaml *mapping,
	const char *where, const char *const *names, size_t n, struct tr_err *err)
{
	for (const struct tr_yaml *value = mapping->first; value; value = value->next) {
		bool known = false;

		for (size_t i = 0; i < n && !known; i++)
			known = strcmp(value->key, names[i]) == 0;
		if (!known)
			return tr_yaml_unknown(layout->file, value, where, names, n, err);
	}
	return 0;
}

bool tr_layout__number(const struct tr_yaml *value, uint32_t max, uint32_t *ret)
{
	uint64_t number = 0;

	if (value->kind != TR_YAML_TEXT || value->is_quoted || !*value->text ||
		strspn(value->text, "0123456789") != strlen(value->text) ||
		(value->text[0] == '0' && value->text[1]))
		return false;
	for (const char *c = value->text; *c; c++) {
		number = number * 10 + (uint64_t)(*c - '0');
		if (number > max)
			return false;
	}
	*ret = (uint32_t)number;
	return true;
}

bool tr_layout__truth(const struct tr_yaml *value, bool *ret)
{
	static const char *const words[] = { "true", "yes", "on", "false", "no", "off" };

	if (value->kind != TR_YAML_TEXT || value->is_quoted)
		return false;
	for (size_t i = 0; i < TR_COUNT(words); i++) {
		const char *text = value->text;
		bool is_upper = strcasecmp(text, words[i]) == 0 && text[0] < 'a';

		/* true, True, TRUE; no tRuE. */
		if (strcmp(text, words[i]) != 0 &&
			!(is_upper && (strcmp(text + 1, words[i] + 1) == 0 ||
					      strpbrk(text, "abcdefghijklmnopqrstuvwxyz") == NULL)))
			continue;
		*ret = i < 3;
		return true;
	}
	return false;
}

static int read_label(struct tr_layout_file *layout, const struct tr_yaml *value,
	tr_layout__read_spec_fn *read, struct tr_layout_label *label, struct tr_err *err)
{
	label->at = value->key_at;
	label->name = strdup(value->key);
	if (!label->name)
		return tr_layout__no_memory(layout, err);
	if (!*label->name)
		return tr_layout_fail(
			layout, value->key_at, err, "a label with no name; allowed: a name");
	if (value->kind != TR_YAML_LIST || value->n == 0)
		return tr_layout_fail(layout, value->at, err,
			"'%s' is no list with an entry; allowed: '- ' and the keys of an entry",
			TR_SHOWN(value->key));
	label->specs = calloc(value->n, sizeof(*label->specs));
	if (!label->specs)
		return tr_layout__no_memory(layout, err);
	for (const struct tr_yaml *item = value->first; item; item = item->next) {
		struct tr_layout_spec *spec = &label->specs[label->n_specs++];

		if (item->kind != TR_YAML_MAPPING)
			return tr_layout_fail(layout, item->at, err,
				"no mapping in the list of '%s'; allowed: the keys of an entry",
				TR_SHOWN(value->key));
		spec->at = spec->at_gpus = spec->at_filter = spec->at_slices = item->at;
		if (read(layout, item, spec, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_layout__read_labels(struct tr_layout_file *layout, const struct tr_yaml *root,
	const char *key, tr_layout__read_spec_fn *read, struct tr_err *err)
{
	const struct tr_yaml *labels = tr_yaml_child(root, key);

	if (!labels)
		return tr_layout_fail(layout, root->at, err,
			"no '%s'; allowed: a mapping of labels, one at least", key);
	if (labels->kind != TR_YAML_MAPPING || labels->n == 0)
		return tr_layout_fail(layout, labels->at, err,
			"'%s' holds no label; allowed: a mapping of labels, one at least", key);
	layout->labels = calloc(labels->n, sizeof(*layout->labels));
	if (!layout->labels)
		return tr_layout__no_memory(layout, err);
	for (const struct tr_yaml *value = labels->first; value; value = value->next)
		if (read_label(layout, value, read, &layout->labels[layout->n_labels++], err) < 0)
			return -(int)err->code;
	return 0;
}

/* --- The file --- */

static int read_root(struct tr_layout_file *layout, const struct tr_yaml *root, struct tr_err *err)
{
	const struct tr_yaml *version;

	if (root->kind != TR_YAML_MAPPING)
		return tr_layout_fail(layout, root->at, err,
			"no mapping where the whole file is one; allowed: 'version: v1' "
			"(nvidia-mig-parted's format) or 'version: 1' (tranche's)");
	version = tr_yaml_child(root, "version");
	if (!version)
		return tr_layout_fail(layout, root->at, err,
			"no 'version'; allowed: v1 (nvidia-mig-parted's format) or 1 (tranche's)");
	if (version->kind == TR_YAML_TEXT && strcmp(version->text, "v1") == 0) {
		layout->is_stock = true;
		return tr_layout__read_stock(layout, root, err);
	}
	if (version->kind == TR_YAML_TEXT && strcmp(version->text, "1") == 0)
		return tr_layout__read_own(layout, root, err);
	return tr_layout_fail(layout, version->at, err,
		"unknown version '%s'; allowed: v1 (nvidia-mig-parted's format) or 1 (tranche's)",
		TR_SHOWN(version->kind == TR_YAML_TEXT ? version->text : "..."));
}

int tr_layout_parse(const char *file, const char *text, size_t len, struct tr_layout_file **ret,
	struct tr_err *err)
{
	static const struct tr_yaml_words words = { "version: v1' or 'version: 1", "layout file" };
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = calloc(1, sizeof(*layout));
	TR_AUTO(tr_yaml_freep) struct tr_yaml *root = NULL;

	if (!layout || !(layout->file = strdup(file)))
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", tr_yaml_file(file));
	if (tr_yaml_read(file, &words, text, len, &root, err) < 0 ||
		read_root(layout, root, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(layout);
	return 0;
}

int tr_layout_load(const char *file, struct tr_layout_file **ret, struct tr_err *err)
{
	const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
	TR_AUTO_FREE char *text = NULL;
	size_t len = 0;

	if (tr_read_file(path, TR_YAML_MAX_BYTES, &text, &len, err) < 0)
		return -(int)err->code;
	return tr_layout_parse(file, text, len, ret, err);
}

/* --- Labels --- */

/* Where a label stands, by its very text; NULL: where the first does. */
static struct tr_where label_at(const struct tr_layout_file *layout, const char *name)
{
	for (size_t i = 0; i < layout->n_labels; i++)
		if (layout->labels[i].name == name)
			return layout->labels[i].at;
	return layout->labels[0].at;
}

/* The shipped labels have no line. */
static int wrap_place(const struct tr_layout_file *layout, struct tr_where at, struct tr_err *err)
{
	return tr_wrap(err, "%s:%u:%u", tr_yaml_file(layout->file), at.line, at.column);
}

static int no_label(const struct tr_layout_file *layout, const char *label, struct tr_err *err)
{
	struct tr_near near = { .wrong = label };
	TR_AUTO_BUF list = { 0 }, meant = { 0 };

	for (size_t i = 0; i < layout->n_labels; i++) {
		tr_buf_addf(&list, "%s%s", i ? ", " : "", TR_SHOWN(layout->labels[i].name));
		tr_near_offer(&near, layout->labels[i].name, strlen(layout->labels[i].name));
	}
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&meant, "%s'%s'", i ? " or " : ", did you mean ", TR_SHOWN(near.v[i]));
	/* Four dozen come with tranche: their rule says more than their list. */
	if (strcmp(layout->file, TR_LAYOUT_SHIPPED) == 0) {
		tr_fail(err, TR_E_NOT_FOUND,
			"there is no label '%s'%s%s; there are all-disabled, all-enabled, "
			"all-balanced, and all-SIZE, as all-1g.10gb",
			TR_SHOWN(label), tr_buf_str(&meant), near.n ? "?" : "");
		return tr_hint(err,
			"-f %s   for a layout of your own\n"
			"tranche profiles   lists the sizes of this node",
			strstr(label, ".y") ? TR_SHOWN(label) : "FILE");
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no label '%s'%s%s; there is %s", TR_SHOWN(label),
		tr_buf_str(&meant), near.n ? "?" : "", tr_buf_str(&list));
	return wrap_place(layout, label_at(layout, near.n ? near.v[0] : NULL), err);
}

int tr_layout_find(const struct tr_layout_file *layout, const char *label,
	const struct tr_layout_label **ret, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; label && i < layout->n_labels; i++) {
		if (strcmp(layout->labels[i].name, label) != 0)
			continue;
		*ret = &layout->labels[i];
		return 0;
	}
	if (label)
		return no_label(layout, label, err);
	if (layout->n_labels == 1) {
		*ret = &layout->labels[0];
		return 0;
	}
	for (size_t i = 0; i < layout->n_labels; i++)
		tr_buf_addf(&list, "%s%s", i ? ", " : "", TR_SHOWN(layout->labels[i].name));
	tr_fail(err, TR_E_INVALID, "the file holds several labels: %s", tr_buf_str(&list));
	wrap_place(layout, label_at(layout, NULL), err);
	return tr_hint(err, "name one: -c %s", TR_SHOWN(layout->labels[0].name));
}
