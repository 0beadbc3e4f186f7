/* SPDX-License-Identifier: Apache-2.0 */
#include "core/models.h"

#include "base/err.h"
#include "base/fs.h"
#include "core/cards.h"

#include <stdio.h>
#include <string.h>

/* A number carries no more than its rates times the slices there could be. */
static const uint64_t max_thousandths = UINT64_C(10000000000);

void tr_models_free(struct tr_models_file *models)
{
	if (!models)
		return;
	for (size_t i = 0; i < models->n_items; i++) {
		for (size_t k = 0; k < TR_FLEET_KINDS; k++) {
			tr_profile_done(&models->items[i].profiles[k]);
			free(models->items[i].profile_file[k]);
		}
		free(models->items[i].name);
	}
	tr_models_running_done(&models->running);
	tr_models_running_done(&models->empty);
	free(models->items);
	free(models->file);
	tr_yaml_free(models->root);
	free(models);
}

int tr_models_fail(const struct tr_models_file *models, struct tr_where at, struct tr_err *err,
	const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = tr_yaml_vfail(models->file, at, NULL, err, fmt, ap);
	va_end(ap);
	return r;
}

static int no_memory(const struct tr_models_file *models, struct tr_err *err)
{
	return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", tr_yaml_file(models->file));
}

static int check_keys(const struct tr_models_file *models, const struct tr_yaml *mapping,
	const char *where, const char *const *names, size_t n, struct tr_err *err)
{
	for (const struct tr_yaml *v = mapping->first; v; v = v->next) {
		size_t i = 0;

		while (i < n && strcmp(v->key, names[i]) != 0)
			i++;
		if (i == n)
			return tr_yaml_unknown(models->file, v, where, names, n, err);
	}
	return 0;
}

/* ---- numbers ---- */

/* "83.5ms": thousandths, and what stands behind the number. */
static bool parse(const char *s, uint64_t *ret, const char **ret_rest)
{
	uint64_t value = 0;
	int places = -1;

	if (*s < '0' || *s > '9')
		return false;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && places < 0); s++) {
		if (*s == '.') {
			places = 0;
			continue;
		}
		if (places == 3)
			return false;
		value = value * 10 + (uint64_t)(*s - '0');
		places += places >= 0;
		if (value > max_thousandths)
			return false;
	}
	if (places == 0)
		return false;
	for (int i = places < 0 ? 0 : places; i < 3; i++)
		value *= 10;
	*ret = value;
	*ret_rest = s;
	return value <= max_thousandths;
}

struct unit {
	const char *name;
	uint64_t times;
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit times[] = { { "ms", 1000 }, { "s", 1000000 }, { NULL, 0 } };
static const struct unit sizes[] = { { "M", 1000000 }, { "G", 1000000000 }, { "Mi", 1 << 20 },
	{ "Gi", 1 << 30 }, { NULL, 0 } };

/* The number in thousandths of the smallest unit. */
static int read_number(const struct tr_models_file *models, const struct tr_yaml *v,
	const struct unit *units, const char *allowed, uint64_t *ret, struct tr_err *err)
{
	const char *rest = "";
	uint64_t value;

	if (v->kind != TR_YAML_TEXT || !parse(v->text, &value, &rest) || value == 0)
		return tr_models_fail(models, v->at, err, "'%s' is %s%s%s; allowed: %s", v->key,
			v->kind == TR_YAML_TEXT ? "'" : "no text",
			v->kind == TR_YAML_TEXT ? TR_SHOWN(v->text) : "",
			v->kind == TR_YAML_TEXT ? "'" : "", allowed);
	for (; units->name; units++) {
		if (strcmp(rest, units->name) != 0)
			continue;
		*ret = value * units->times;
		return 0;
	}
	return tr_models_fail(models, v->at, err, "'%s' is '%s', with %s unit; allowed: %s", v->key,
		TR_SHOWN(v->text), *rest ? "an unknown" : "no", allowed);
}

static int read_count(const struct tr_models_file *models, const struct tr_yaml *v, uint32_t most,
	uint32_t *ret, struct tr_err *err)
{
	char allowed[64];
	uint64_t value;

	snprintf(allowed, sizeof(allowed), "a whole number from 1 to %u", most);
	if (read_number(models, v, no_units, allowed, &value, err) < 0)
		return -(int)err->code;
	if (value % 1000 || value / 1000 > most)
		return tr_models_fail(models, v->at, err, "'%s' is '%s'; allowed: %s", v->key,
			TR_SHOWN(v->text), allowed);
	*ret = (uint32_t)(value / 1000);
	return 0;
}

/* ---- cards ---- */

bool tr_models__find_gpu(const char *key, const struct tr_gpu_model **ret)
{
	const struct tr_gpu_product *product = tr_facts_product(key);

	if (!product || !product->model->has_mig)
		return false;
	*ret = product->model;
	return true;
}

static int add_gpu(struct tr_models_file *models, const char *key, struct tr_where at,
	struct tr_models_gpu **ret, struct tr_err *err)
{
	struct tr_models_gpu *gpu = &models->gpus[models->n_gpus];

	if (models->n_gpus == TR_FLEET_KINDS)
		return tr_fail(err, TR_E_INVALID, "over %d kinds of cards", TR_FLEET_KINDS);
	*gpu = (struct tr_models_gpu){ .count = -1, .at = at, .per_node = 8 };
	if (tr_cards_find_gpu(key, &gpu->model, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < models->n_gpus; i++)
		if (models->gpus[i].model == gpu->model)
			return tr_fail(err, TR_E_INVALID, "card '%s' twice", TR_SHOWN(key));
	models->n_gpus++;
	*ret = gpu;
	return 0;
}

/* "a100-80gb=8,h200-141gb"; prices stay those of the file. */
static int read_gpus_text(struct tr_models_file *models, const char *text, struct tr_err *err)
{
	struct tr_models_gpu before[TR_FLEET_KINDS];
	size_t n_before = models->n_gpus;

	memcpy(before, models->gpus, sizeof(before));
	models->n_gpus = 0;
	while (*text) {
		size_t len = strcspn(text, ","), name = strcspn(text, "=,");
		struct tr_models_gpu *gpu;
		uint64_t count = 0;
		const char *rest = "";
		char key[64];

		snprintf(key, sizeof(key), "%.*s", name < 63 ? (int)name : 63, text);
		if (add_gpu(models, key, (struct tr_where){ 0 }, &gpu, err) < 0)
			return tr_wrap(err, "--gpus");
		if (name < len) {
			if (!parse(text + name + 1, &count, &rest) || (*rest && *rest != ',') ||
				count == 0 || count % 1000 || count > 100000000)
				return tr_fail(err, TR_E_INVALID,
					"--gpus: '%.*s' is no number of cards; as in %s=8",
					(int)(len - name - 1), text + name + 1, key);
			gpu->count = (int64_t)(count / 1000);
		}
		for (size_t i = 0; i < n_before; i++)
			if (before[i].model == gpu->model) {
				gpu->price_thousandths = before[i].price_thousandths;
				gpu->per_node = before[i].per_node;
			}
		text += len + (text[len] == ',');
	}
	return 0;
}

static int read_gpu(struct tr_models_file *models, const struct tr_yaml *v, struct tr_err *err)
{
	static const char *const names[] = { "count", "price", "per_node" };
	const struct tr_yaml *count = tr_yaml_child(v, "count"), *price = tr_yaml_child(v, "price");
	const struct tr_yaml *per_node = tr_yaml_child(v, "per_node");
	struct tr_models_gpu *gpu;
	uint32_t n;

	if (add_gpu(models, v->key, v->key_at, &gpu, err) < 0)
		return tr_wrap(err, "%s:%u:%u", tr_yaml_file(models->file), v->key_at.line,
			v->key_at.column);
	if (v->kind == TR_YAML_TEXT && v->is_missing)
		return 0;
	if (v->kind != TR_YAML_MAPPING)
		return tr_models_fail(models, v->at, err,
			"'%s' is no mapping; allowed: {count: 8, price: 1380}, both as you like",
			v->key);
	if (check_keys(models, v, "gpus", names, TR_COUNT(names), err) < 0)
		return -(int)err->code;
	if (count && read_count(models, count, 100000, &n, err) < 0)
		return -(int)err->code;
	if (count)
		gpu->count = n;
	if (per_node && read_count(models, per_node, 64, &gpu->per_node, err) < 0)
		return -(int)err->code;
	return price ? read_number(models, price, no_units, "a price of one card, as 1380",
			       &gpu->price_thousandths, err)
		     : 0;
}

/* The node's kinds of cards, where nothing else names any. */
static int add_node_gpus(struct tr_models_file *models, struct tr_err *err)
{
	const struct tr_models_cards *lists[] = { &models->running, &models->empty };
	struct tr_models_gpu *gpu;

	for (size_t l = 0; l < TR_COUNT(lists); l++) {
		for (size_t i = 0; i < lists[l]->n; i++) {
			const struct tr_gpu_model *model = lists[l]->v[i].gpu;
			size_t k = 0;

			while (k < models->n_gpus && models->gpus[k].model != model)
				k++;
			if (k == models->n_gpus &&
				add_gpu(models, model->key, (struct tr_where){ 0 }, &gpu, err) < 0)
				return -(int)err->code;
			if (models->gpus[k].count < 0)
				models->gpus[k].count = 0;
			models->gpus[k].count++;
		}
	}
	return 0;
}

static int read_gpus(struct tr_models_file *models, const char *gpus, struct tr_err *err)
{
	const struct tr_yaml *v = tr_yaml_child(models->root, "gpus");
	size_t n_priced = 0;

	if (v && v->kind != TR_YAML_MAPPING)
		return tr_models_fail(models, v->at, err,
			"'gpus' is no mapping; allowed: {a100-80gb: {count: 8}}");
	for (const struct tr_yaml *g = v ? v->first : NULL; g; g = g->next)
		if (read_gpu(models, g, err) < 0)
			return -(int)err->code;
	if (gpus && read_gpus_text(models, gpus, err) < 0)
		return -(int)err->code;
	if (models->n_gpus == 0 && models->has_node && add_node_gpus(models, err) < 0)
		return -(int)err->code;
	if (models->n_gpus == 0) {
		tr_fail(err, TR_E_INVALID, "%s: which cards there are is not said",
			tr_yaml_file(models->file));
		tr_hint(err, "--gpus a100-80gb, or a line 'gpus: {a100-80gb: {count: 8}}'");
		return -TR_E_INVALID;
	}
	for (size_t i = 0; i < models->n_gpus; i++)
		n_priced += models->gpus[i].price_thousandths > 0;
	for (size_t i = 0; n_priced && i < models->n_gpus; i++)
		if (!models->gpus[i].price_thousandths)
			return tr_models_fail(models, models->gpus[i].at, err,
				"'%s' has no price, others have; allowed: a price for all, or none",
				models->gpus[i].model->key);
	return 0;
}

/* ---- models ---- */

/* A size of which nothing stands there would be planned as if nothing ran on it. */
static int check_sizes(const struct tr_gpu_model *gpu, const char *path,
	const struct tr_profile *profile, struct tr_err *err)
{
	for (uint32_t i = 0; i < gpu->n_profiles; i++) {
		size_t k = 0;

		while (k < profile->n && profile->rows[k].slices != gpu->profiles[i].slices)
			k++;
		if (k < profile->n)
			continue;
		tr_fail(err, TR_E_INVALID, "%s:%u: no row for %u compute slices, as %s of %s has",
			path, profile->rows[profile->n - 1].line, gpu->profiles[i].slices,
			gpu->profiles[i].name, gpu->title);
		tr_hint(err,
			"measure it, or write throughput 0 and latency 0 where it does not run");
		return -TR_E_INVALID;
	}
	return 0;
}

static int load_profile(struct tr_models_file *models, struct tr_models_item *item, size_t kind,
	const struct tr_yaml *v, struct tr_err *err)
{
	const char *slash = strrchr(models->file, '/');
	TR_AUTO_FREE char *text = NULL;
	char path[4096];
	size_t len = 0;
	int n;

	if (v->kind != TR_YAML_TEXT || !*v->text)
		return tr_models_fail(models, v->at, err, "no file name; allowed: bert.csv");
	n = snprintf(path, sizeof(path), "%.*s%s",
		slash && *v->text != '/' ? (int)(slash + 1 - models->file) : 0, models->file,
		v->text);
	if (n < 0 || (size_t)n >= sizeof(path))
		return tr_models_fail(models, v->at, err, "the file's name is too long");
	item->profile_file[kind] = strdup(path);
	if (!item->profile_file[kind])
		return no_memory(models, err);
	if (tr_read_file(path, TR_YAML_MAX_BYTES, &text, &len, err) < 0)
		return tr_wrap(
			err, "%s:%u:%u", tr_yaml_file(models->file), v->at.line, v->at.column);
	if (tr_profile_parse(text, len, path, &item->profiles[kind], err) < 0)
		return -(int)err->code;
	return check_sizes(models->gpus[kind].model, path, &item->profiles[kind], err);
}

static int read_profiles(struct tr_models_file *models, struct tr_models_item *item,
	const struct tr_yaml *v, struct tr_err *err)
{
	item->profiles_at = v;
	if (v->kind == TR_YAML_TEXT && models->n_gpus == 1)
		return load_profile(models, item, 0, v, err);
	if (v->kind != TR_YAML_MAPPING)
		return tr_models_fail(models, v->at, err,
			"'profiles' is one file for %zu kinds of cards; allowed: {%s: FILE}",
			models->n_gpus, models->gpus[0].model->key);
	for (const struct tr_yaml *p = v->first; p; p = p->next) {
		const struct tr_gpu_model *gpu;

		if (tr_cards_find_gpu(p->key, &gpu, err) < 0)
			return tr_wrap(err, "%s:%u:%u", tr_yaml_file(models->file), p->key_at.line,
				p->key_at.column);
		/* A card that was measured and is not there is no mistake. */
		for (size_t k = 0; k < models->n_gpus; k++)
			if (models->gpus[k].model == gpu && !item->profile_file[k] &&
				load_profile(models, item, k, p, err) < 0)
				return -(int)err->code;
	}
	return 0;
}

static int check_item(const struct tr_models_file *models, const struct tr_models_item *item,
	const struct tr_yaml *v, struct tr_err *err)
{
	bool has_rate = item->rate_thousandths > 0;

	if (has_rate != (item->latency_us > 0) || has_rate != (item->profiles_at != NULL))
		return tr_models_fail(models, v->key_at, err,
			"model '%s' has some of 'rate', 'latency' and 'profiles'; allowed: all "
			"three, or 'memory'",
			v->key);
	if (!has_rate && !item->memory_bytes)
		return tr_models_fail(models, v->key_at, err,
			"model '%s' does not say what it needs; allowed: {memory: 18Gi}, or {rate: "
			"40, latency: 250ms, profiles: FILE}",
			v->key);
	if (has_rate && tr_yaml_child(v, "replicas"))
		return tr_models_fail(models, tr_yaml_child(v, "replicas")->key_at, err,
			"model '%s': how many slices follows from its rate; allowed: 'replicas' "
			"without 'rate'",
			v->key);
	return 0;
}

static int read_item(struct tr_models_file *models, const struct tr_yaml *v, struct tr_err *err)
{
	static const char *const names[] = { "rate", "latency", "profiles", "memory", "replicas",
		"serve" };
	const struct tr_yaml *rate = tr_yaml_child(v, "rate"), *latency, *profiles, *memory;
	const struct tr_yaml *replicas;
	struct tr_models_item *item = &models->items[models->n_items];
	uint64_t value = 0;

	if (v->kind != TR_YAML_MAPPING)
		return tr_models_fail(models, v->at, err,
			"'%s' is no mapping; allowed: {memory: 18Gi, replicas: 2}", v->key);
	latency = tr_yaml_child(v, "latency");
	profiles = tr_yaml_child(v, "profiles");
	memory = tr_yaml_child(v, "memory");
	replicas = tr_yaml_child(v, "replicas");
	if (check_keys(models, v, "models", names, TR_COUNT(names), err) < 0)
		return -(int)err->code;
	models->n_items++;
	item->replicas = 1;
	item->at = v->key_at;
	item->name = strdup(v->key);
	if (!item->name)
		return no_memory(models, err);
	if (rate && read_number(models, rate, no_units,
			    "requests a second, as 40 or 0.5, at most 10000000",
			    &item->rate_thousandths, err) < 0)
		return -(int)err->code;
	if (latency &&
		read_number(models, latency, times, "a time, as 250ms or 2s", &value, err) < 0)
		return -(int)err->code;
	item->latency_us = (int64_t)(value / 1000);
	if (memory && read_number(models, memory, sizes, "a size, as 18G or 18Gi", &value, err) < 0)
		return -(int)err->code;
	item->memory_bytes = memory ? value / 1000 : 0;
	if (replicas && read_count(models, replicas, 100000, &item->replicas, err) < 0)
		return -(int)err->code;
	if (profiles && read_profiles(models, item, profiles, err) < 0)
		return -(int)err->code;
	item->serve = tr_yaml_child(v, "serve");
	if (item->serve && tr_models__check_serve(models, item, NULL, err) < 0)
		return -(int)err->code;
	return check_item(models, item, v, err);
}

static int read_items(struct tr_models_file *models, struct tr_err *err)
{
	const struct tr_yaml *v = tr_yaml_child(models->root, "models");

	if (!v || v->kind != TR_YAML_MAPPING || v->n == 0)
		return tr_models_fail(models, v ? v->at : models->root->at, err,
			"no 'models'; allowed: a mapping of name to {memory: 18Gi, replicas: 2} or "
			"{rate: 40, latency: 250ms, profiles: FILE}");
	if (v->n > TR_MODELS_MAX)
		return tr_models_fail(models, v->at, err, "over %d models", TR_MODELS_MAX);
	models->items = calloc(v->n, sizeof(*models->items));
	if (!models->items)
		return no_memory(models, err);
	for (const struct tr_yaml *m = v->first; m; m = m->next)
		if (read_item(models, m, err) < 0)
			return -(int)err->code;
	return 0;
}

/* A node's cards, apart by whether something stands on them. */
static int read_node(struct tr_models_file *models, struct tr_node *node, struct tr_err *err)
{
	TR_AUTO(tr_models_running_done) struct tr_models_cards all = { 0 };

	if (tr_models_running_read(node, &all, err) < 0)
		return -(int)err->code;
	models->has_node = true;
	for (size_t i = 0; i < all.n; i++) {
		struct tr_models_running *to =
			tr_models_running_add(all.v[i].n ? &models->running : &models->empty);

		if (!to)
			return no_memory(models, err);
		*to = all.v[i];
	}
	return 0;
}

static int read_root(
	struct tr_models_file *models, const char *gpus, struct tr_node *node, struct tr_err *err)
{
	static const char *const names[] = { "version", "gpus", "models", "max_processes",
		"currency", "running" };
	const struct tr_yaml *root = models->root, *v;

	if (root->kind != TR_YAML_MAPPING)
		return tr_models_fail(
			models, root->at, err, "no mapping; allowed: version: 1 first");
	if (check_keys(models, root, "", names, TR_COUNT(names), err) < 0)
		return -(int)err->code;
	v = tr_yaml_child(root, "version");
	if (!v || v->kind != TR_YAML_TEXT || strcmp(v->text, "1") != 0)
		return tr_models_fail(
			models, v ? v->at : root->at, err, "no 'version'; allowed: version: 1");
	v = tr_yaml_child(root, "max_processes");
	if (v && read_count(models, v, 48, &models->max_processes, err) < 0)
		return -(int)err->code;
	v = tr_yaml_child(root, "currency");
	if (v && (v->kind != TR_YAML_TEXT || strlen(v->text) >= sizeof(models->currency)))
		return tr_models_fail(models, v->at, err, "no 'currency'; allowed: EUR");
	if (v)
		snprintf(models->currency, sizeof(models->currency), "%s", v->text);
	if ((node && read_node(models, node, err) < 0) || read_gpus(models, gpus, err) < 0 ||
		read_items(models, err) < 0)
		return -(int)err->code;
	return tr_models__read_running(models, node, err);
}

int tr_models_load(const char *file, const char *gpus, struct tr_node *node,
	struct tr_models_file **ret, struct tr_err *err)
{
	static const struct tr_yaml_words words = { "version: 1", "models" };
	TR_AUTO(tr_models_freep) struct tr_models_file *models = calloc(1, sizeof(*models));
	TR_AUTO_FREE char *text = NULL;
	size_t len = 0;

	if (!models)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", file);
	models->file = strdup(file);
	if (!models->file)
		return no_memory(models, err);
	if (tr_read_file(strcmp(file, "-") == 0 ? "/dev/stdin" : file, TR_YAML_MAX_BYTES, &text,
		    &len, err) < 0 ||
		tr_yaml_read(file, &words, text, len, &models->root, err) < 0 ||
		read_root(models, gpus, node, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(models);
	return 0;
}
