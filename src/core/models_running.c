/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a models file that says what runs already, and how models are served. */
#include "core/models_running.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "core/models.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

/* ---- what runs ---- */

static int find_model(const struct tr_models_file *models, const char *name, struct tr_where at,
	struct tr_err *err)
{
	struct tr_near near = { .wrong = name };

	for (size_t m = 0; m < models->n_items; m++) {
		if (strcmp(models->items[m].name, name) == 0)
			return 0;
		tr_near_offer(&near, models->items[m].name, strlen(models->items[m].name));
	}
	return tr_models_fail(models, at, err,
		"no model '%s' in this file%s%.*s%s; allowed: one of its models, or no '=' where a "
		"slice is somebody else's",
		TR_SHOWN(name), near.n ? ", did you mean '" : "", near.n ? (int)near.len[0] : 0,
		near.n ? near.v[0] : "", near.n ? "'" : "");
}

/* "3g.40gb:4=chat" */
static int read_runs(struct tr_models_file *models, const struct tr_yaml *v,
	struct tr_models_running *card, struct tr_err *err)
{
	struct tr_models_runs *to = &card->slices[card->n];
	const char *colon = v->kind == TR_YAML_TEXT ? strchr(v->text, ':') : NULL, *at;
	char name[64];
	uint32_t start = 0;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return tr_models_fail(models, v->at, err,
			"'%s' is no slice; allowed: PROFILE:START=MODEL, as 3g.40gb:4=chat, or "
			"PROFILE:START",
			v->kind == TR_YAML_TEXT ? TR_SHOWN(v->text) : "...");
	if (card->n == TR_MODELS_RUNS)
		return tr_models_fail(models, v->at, err, "over %d slices", TR_MODELS_RUNS);
	for (at = colon + 1; *at >= '0' && *at <= '9' && start < 100; at++)
		start = start * 10 + (uint32_t)(*at - '0');
	if ((*at && *at != '=') || (*at == '=' && !at[1]))
		return tr_models_fail(models, v->at, err,
			"'%s' is no slice; allowed: PROFILE:START=MODEL, as 3g.40gb:4=chat",
			TR_SHOWN(v->text));
	snprintf(name, sizeof(name), "%.*s", (int)(colon - v->text), v->text);
	*to = (struct tr_models_runs){
		.profile = tr_facts_profile_by_name(card->gpu, name), .start = start, .at = v->at
	};
	if (!to->profile)
		return tr_models_fail(models, v->at, err,
			"%s has no profile '%s'; allowed: those of tranche profiles",
			card->gpu->title, TR_SHOWN(name));
	if (*at == '=' && find_model(models, at + 1, v->at, err) < 0)
		return -(int)err->code;
	snprintf(to->model, sizeof(to->model), "%s", *at ? at + 1 : "");
	card->n++;
	return 0;
}

static int read_card(struct tr_models_file *models, const struct tr_yaml *v, struct tr_err *err)
{
	static const char *const names[] = { "gpu", "slices", "count" };
	const struct tr_yaml *gpu = tr_yaml_child(v, "gpu"), *slices = tr_yaml_child(v, "slices");
	const struct tr_yaml *count = tr_yaml_child(v, "count");
	struct tr_models_running card = { .idx = -1, .at = v->at };
	unsigned long n = 1;
	char *end;

	for (const struct tr_yaml *k = v->first; v->kind == TR_YAML_MAPPING && k; k = k->next)
		if (strcmp(k->key, "gpu") != 0 && strcmp(k->key, "slices") != 0 &&
			strcmp(k->key, "count") != 0)
			return tr_yaml_unknown(
				models->file, k, "running", names, TR_COUNT(names), err);
	if (v->kind != TR_YAML_MAPPING || !gpu || gpu->kind != TR_YAML_TEXT || !slices ||
		slices->kind != TR_YAML_LIST || slices->n == 0)
		return tr_models_fail(models, v->at, err,
			"no card with slices; allowed: {gpu: a100-80gb, slices: [3g.40gb:4=chat]}");
	if (!tr_models__find_gpu(gpu->text, &card.gpu))
		return tr_models_fail(models, gpu->at, err,
			"no card '%s' is known that can be cut; allowed: one of 'gpus'",
			TR_SHOWN(gpu->text));
	if (count) {
		n = count->kind == TR_YAML_TEXT ? strtoul(count->text, &end, 10) : 0;
		if (n == 0 || n > 1000 || *end)
			return tr_models_fail(models, count->at, err,
				"'count' is no number of cards; allowed: a whole number from 1 to "
				"1000");
	}
	for (const struct tr_yaml *s = slices->first; s; s = s->next)
		if (read_runs(models, s, &card, err) < 0)
			return -(int)err->code;
	for (; n > 0; n--) {
		struct tr_models_running *to = models->running.n < TR_MODELS_RUNNING_MAX
						       ? tr_models_running_add(&models->running)
						       : NULL;

		if (!to)
			return tr_fail(err, TR_E_NO_MEMORY, "over %d cards run something",
				TR_MODELS_RUNNING_MAX);
		*to = card;
	}
	return 0;
}

/* Each running card is one of a kind that there is, and there are no more than that. */
static int count_running(struct tr_models_file *models, struct tr_err *err)
{
	for (size_t i = 0; i < models->running.n; i++) {
		const struct tr_models_running *card = &models->running.v[i];
		size_t k = 0;

		while (k < models->n_gpus && models->gpus[k].model != card->gpu)
			k++;
		if (k == models->n_gpus)
			return tr_models_fail(models, card->at, err,
				"slices run on '%s', which is not among the cards there are; "
				"allowed: one of 'gpus'",
				card->gpu->key);
		models->gpus[k].n_running++;
	}
	for (size_t k = 0; k < models->n_gpus; k++)
		if (models->gpus[k].count >= 0 && models->gpus[k].n_running > models->gpus[k].count)
			return tr_models_fail(models, models->gpus[k].at, err,
				"%lld cards '%s' run something, of %lld; allowed: a 'count' with "
				"those in it",
				(long long)models->gpus[k].n_running, models->gpus[k].model->key,
				(long long)models->gpus[k].count);
	return 0;
}

int tr_models__read_running(struct tr_models_file *models, struct tr_node *node, struct tr_err *err)
{
	const struct tr_yaml *v = tr_yaml_child(models->root, "running");

	if (v && node)
		return tr_models_fail(models, v->at, err,
			"'running' is asked of the node; allowed: one of the two");
	if (v && v->kind != TR_YAML_LIST)
		return tr_models_fail(models, v->at, err,
			"'running' is no list; allowed: [{gpu: a100-80gb, slices: "
			"[3g.40gb:4=chat]}]");
	for (const struct tr_yaml *c = v ? v->first : NULL; c; c = c->next)
		if (read_card(models, c, err) < 0)
			return -(int)err->code;
	return count_running(models, err);
}

/* ---- how models are served ---- */

static void put_quoted(const char *text, struct tr_buf *ret)
{
	tr_buf_puts(ret, "\"");
	for (const char *s = text; *s; s++) {
		if (*s == '\n')
			tr_buf_puts(ret, "\\n");
		else if (*s == '\t')
			tr_buf_puts(ret, "\\t");
		else
			tr_buf_addf(ret, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
	}
	tr_buf_puts(ret, "\"");
}

static bool is_plain(const char *text)
{
	return *text && *text != '-' &&
	       text[strspn(text,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-")] ==
		       '\0';
}

static void put_text(const struct tr_yaml *v, struct tr_buf *ret)
{
	if (!v->is_quoted && is_plain(v->text))
		tr_buf_puts(ret, v->text);
	else
		put_quoted(v->text, ret);
}

static void put_value(const struct tr_yaml *v, struct tr_buf *ret)
{
	if (v->kind == TR_YAML_TEXT) {
		put_text(v, ret);
		return;
	}
	tr_buf_puts(ret, v->kind == TR_YAML_LIST ? "[" : "{");
	for (const struct tr_yaml *c = v->first; c; c = c->next) {
		if (v->kind == TR_YAML_MAPPING)
			tr_buf_addf(ret, "%s: ", c->key);
		put_value(c, ret);
		tr_buf_puts(ret, c->next ? ", " : "");
	}
	tr_buf_puts(ret, v->kind == TR_YAML_LIST ? "]" : "}");
}

/* A path as it leads there from any folder; false for other keys. */
static bool put_path(const char *key, const struct tr_model *model, struct tr_buf *ret)
{
	const char *path = strcmp(key, "model") == 0	  ? model->model
			   : strcmp(key, "cache") == 0	  ? model->cache
			   : strcmp(key, "env_file") == 0 ? model->env_file
							  : NULL;

	if (path)
		put_quoted(path, ret);
	if (strcmp(key, "volumes") != 0)
		return path != NULL;
	tr_buf_puts(ret, "[");
	for (size_t i = 0; i < model->volumes.n; i++) {
		tr_buf_puts(ret, i ? ", " : "");
		put_quoted(model->volumes.v[i], ret);
	}
	tr_buf_puts(ret, "]");
	return true;
}

void tr_models__put_serve(
	const struct tr_yaml *serve, const struct tr_model *model, struct tr_buf *ret)
{
	for (const struct tr_yaml *c = serve->first; c; c = c->next) {
		if (model && strcmp(c->key, "port") == 0)
			continue; /* counted up by who writes it */
		tr_buf_addf(ret, "    %s: ", c->key);
		if (!model || !put_path(c->key, model, ret))
			put_value(c, ret);
		tr_buf_puts(ret, "\n");
	}
}

static const char *const planned_keys[] = { "slice", "replicas", "gpu" };

int tr_models__check_serve(const struct tr_models_file *models, const struct tr_models_item *item,
	struct tr_stack **ret, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	const struct tr_yaml *serve = item->serve;
	struct tr_err inner = { 0 };
	TR_AUTO_BUF text = { 0 };
	const char *words;

	if (serve->kind != TR_YAML_MAPPING || serve->n == 0)
		return tr_models_fail(models, serve->at, err,
			"'serve' is no mapping; allowed: a model's keys as in tranche.yaml, as "
			"{engine: vllm, model: Qwen/Qwen3-4B}");
	for (const struct tr_yaml *c = serve->first; c; c = c->next)
		for (size_t i = 0; i < TR_COUNT(planned_keys); i++)
			if (strcmp(c->key, planned_keys[i]) == 0)
				return tr_models_fail(models, c->key_at, err,
					"'%s' follows from the plan; allowed: a model's other keys "
					"as in tranche.yaml",
					c->key);
	if (!is_plain(item->name))
		return tr_models_fail(models, item->at, err,
			"model '%s' cannot be served by that name; allowed: small letters, digits, "
			"'.', '_' and '-'",
			TR_SHOWN(item->name));
	tr_buf_addf(
		&text, "version: 1\nname: serve\nmodels:\n  %s:\n    slice: whole\n", item->name);
	tr_models__put_serve(serve, NULL, &text);
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	if (tr_stack_parse(models->file, tr_buf_str(&text), text.len, &stack, &inner) < 0) {
		/* Its lines are not the file's. */
		words = strstr(inner.msg, ": ");
		return tr_models_fail(models, serve->at, err, "'serve' of '%s': %s", item->name,
			words ? words + 2 : inner.msg);
	}
	if (ret)
		*ret = TR_TAKE(stack);
	return 0;
}
