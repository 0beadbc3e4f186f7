/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan for models as files, two for each node: a layout for `tranche apply`, and a stack for
 * `tranche up` with those models of which the file says how they are served.
 *
 * The stack names each part's card, so that the sizes come to stand where the plan has them.
 */
#include "core/fleet_priv.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "layout/layout.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char mark[] = "# Written by tranche plan --models";

struct writer {
	struct tr_models_own *own;
	const char *dir;
	char node[64];	       /* "a100-80gb-0" */
	size_t first;	       /* a card of the node */
	uint32_t *n_of_model;  /* by model: servers on the node so far, for their ports */
	struct tr_stack **how; /* by model: as served; NULL: not said */
};

static bool is_of_node(const struct writer *w, const struct tr_models_card *card)
{
	const struct tr_models_card *first = &w->own->plan.cards[w->first];
	bool is_live = w->own->run.file->has_node && card->node == 0;

	return card->node == first->node && (is_live || strcmp(card->gpu, first->gpu) == 0);
}

static bool is_stack(const struct tr_models_cards *running, const char *name)
{
	for (size_t i = 0; i < running->n; i++)
		for (size_t s = 0; s < running->v[i].n; s++)
			if (strcmp(running->v[i].slices[s].stack, name) == 0)
				return true;
	return false;
}

/* On a live node a name that no stack has: `up` would stop what its file no longer has. */
static void name_node(struct writer *w)
{
	const struct tr_models_card *card = &w->own->plan.cards[w->first];
	uint32_t n = 1;

	if (!w->own->run.file->has_node || card->node > 0) {
		snprintf(w->node, sizeof(w->node), "%s-%u", card->gpu, card->node);
		return;
	}
	do
		snprintf(w->node, sizeof(w->node), "plan-%u", n++);
	while (is_stack(&w->own->run.file->running, w->node));
}

/* Another's file of that name stays. */
static int put_file(
	struct writer *w, const char *what, const char *text, size_t len, struct tr_err *err)
{
	char path[4096];
	TR_AUTO_FREE char *old = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s.%s.yaml", w->dir, w->node, what);
	if (stat(path, &st) == 0) {
		if (tr_read_file(path, TR_YAML_MAX_BYTES, &old, NULL, err) < 0)
			return -(int)err->code;
		if (strncmp(old, mark, strlen(mark)) != 0) {
			tr_fail(err, TR_E_EXISTS, "'%s' is there, and not written by a plan", path);
			tr_hint(err, "--write another folder");
			return -TR_E_EXISTS;
		}
	}
	if (tr_write_file(path, 0644, text, len, err) < 0)
		return -(int)err->code;
	tr_strv_add(&w->own->files, path);
	return tr_strv_ok(&w->own->files, err);
}

/* ---- layouts ---- */

static int put_card(const struct tr_models_card *card, struct tr_layout_label *label)
{
	struct tr_layout_spec *spec = tr_layout_add_spec(label);
	struct tr_layout_gpu *gpu = spec ? tr_layout_add_gpu(spec) : NULL;

	if (!gpu)
		return -1;
	gpu->idx = card->idx;
	spec->mig_on = true;
	snprintf(spec->product, sizeof(spec->product), "%s", card->gpu);
	for (size_t i = 0; i < card->n_slices; i++) {
		struct tr_layout_slice *slice = tr_layout_add_slice(spec);

		if (!slice)
			return -1;
		snprintf(slice->profile, sizeof(slice->profile), "%s", card->slices[i].profile);
		slice->count = 1;
		slice->start = (int32_t)card->slices[i].start;
	}
	return 0;
}

static int write_layout(struct writer *w, struct tr_err *err)
{
	const struct tr_models_plan *plan = &w->own->plan;
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = NULL;
	TR_AUTO_BUF text = { 0 };

	if (tr_layout_new(w->node, "plan", &layout, err) < 0)
		return -(int)err->code;
	for (size_t i = w->first; i < plan->n_cards; i++)
		if (is_of_node(w, &plan->cards[i]) &&
			put_card(&plan->cards[i], &layout->labels[0]) < 0)
			return tr_fail(err, TR_E_NO_MEMORY, "a layout of '%s'", w->node);
	tr_buf_addf(&text, "%s: tranche apply -f this file\n", mark);
	tr_layout_write(layout, false, &text);
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	return put_file(w, "layout", tr_buf_str(&text), text.len, err);
}

/* ---- stacks ---- */

/* New slices of one model and size on one card. */
struct part {
	const struct tr_models_card *card;
	size_t model, slice; /* the first of them */
	uint32_t n;
};

static bool is_part(const struct part *part, const struct tr_models_slice *slice)
{
	const struct tr_models_slice *first = &part->card->slices[part->slice];

	return !slice->runs && slice->model == first->model &&
	       strcmp(slice->profile, first->profile) == 0;
}

/* The part that begins with this slice; false when it began before, or is none of ours. */
static bool find_part(
	const struct writer *w, const struct tr_models_card *card, size_t i, struct part *ret)
{
	const struct tr_models_file *file = w->own->run.file;

	*ret = (struct part){ .card = card, .slice = i };
	if (card->slices[i].runs)
		return false;
	while (ret->model < file->n_items && file->items[ret->model].name != card->slices[i].model)
		ret->model++;
	for (size_t k = 0; k < card->n_slices; k++) {
		if (!is_part(ret, &card->slices[k]))
			continue;
		if (k < i)
			return false;
		ret->n++;
	}
	return w->how[ret->model] != NULL;
}

static size_t count_parts(const struct writer *w, size_t model)
{
	const struct tr_models_plan *plan = &w->own->plan;
	struct part part;
	size_t n = 0;

	for (size_t c = w->first; c < plan->n_cards; c++)
		for (size_t i = 0; is_of_node(w, &plan->cards[c]) && i < plan->cards[c].n_slices;
			i++)
			n += find_part(w, &plan->cards[c], i, &part) && part.model == model;
	return n;
}

static void put_part(struct writer *w, const struct part *part, struct tr_buf *text)
{
	const struct tr_models_item *item = &w->own->run.file->items[part->model];
	const struct tr_models_slice *slice = &part->card->slices[part->slice];
	const struct tr_model *model = &w->how[part->model]->models[0];

	tr_buf_addf(text, "  %s", item->name);
	if (count_parts(w, part->model) > 1)
		tr_buf_addf(text, "-%u-%s", part->card->idx, slice->profile);
	tr_buf_addf(text, ":\n    slice: %s\n    replicas: %u\n    gpu: %u\n", slice->profile,
		part->n, part->card->idx);
	if (model->port)
		tr_buf_addf(text, "    port: %u\n", model->port + w->n_of_model[part->model]);
	w->n_of_model[part->model] += part->n;
	tr_models__put_serve(item->serve, model, text);
}

static int write_stack(struct writer *w, struct tr_err *err)
{
	const struct tr_models_plan *plan = &w->own->plan;
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO_BUF text = { 0 };
	size_t n = 0;

	memset(w->n_of_model, 0, plan->n_models * sizeof(*w->n_of_model));
	tr_buf_addf(&text, "%s: tranche up -f this file\nversion: 1\nname: %s\nmodels:\n", mark,
		w->node);
	for (size_t c = w->first; c < plan->n_cards; c++) {
		const struct tr_models_card *card = &plan->cards[c];

		for (size_t i = 0; is_of_node(w, card) && i < card->n_slices; i++) {
			struct part part;

			if (!find_part(w, card, i, &part))
				continue;
			put_part(w, &part, &text);
			n++;
		}
	}
	if (n == 0)
		return 0;
	if (tr_buf_ok(&text, err) < 0 ||
		tr_stack_parse(w->node, tr_buf_str(&text), text.len, &stack, err) < 0)
		return tr_wrap(err, "the stack of '%s'", w->node);
	return put_file(w, "tranche", tr_buf_str(&text), text.len, err);
}

/* ---- all nodes ---- */

static bool is_first_of_node(struct writer *w, size_t c)
{
	w->first = c;
	for (size_t i = 0; i < c; i++)
		if (is_of_node(w, &w->own->plan.cards[i]))
			return false;
	return true;
}

static int write_nodes(struct writer *w, struct tr_err *err)
{
	for (size_t m = 0; m < w->own->plan.n_models; m++) {
		const struct tr_models_item *item = &w->own->run.file->items[m];

		w->own->plan.n_unserved += item->serve == NULL;
		if (item->serve &&
			tr_models__check_serve(w->own->run.file, item, &w->how[m], err) < 0)
			return -(int)err->code;
	}
	for (size_t c = 0; c < w->own->plan.n_cards; c++) {
		if (!is_first_of_node(w, c))
			continue;
		name_node(w);
		if (write_layout(w, err) < 0 || write_stack(w, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_models_plan_write(struct tr_models_plan *plan, const char *dir, struct tr_err *err)
{
	struct tr_models_own *own = (struct tr_models_own *)(void *)plan;
	struct writer w = { .own = own, .dir = dir };
	int r;

	if (tr_mkdir_p(dir, 0755, err) < 0)
		return -(int)err->code;
	tr_strv_done(&own->files);
	plan->n_unserved = 0;
	w.n_of_model = calloc(plan->n_models, sizeof(*w.n_of_model));
	w.how = calloc(plan->n_models, sizeof(struct tr_stack *));
	r = w.n_of_model && w.how ? write_nodes(&w, err)
				  : tr_fail(err, TR_E_NO_MEMORY, "writing a plan");
	for (size_t m = 0; w.how && m < plan->n_models; m++)
		tr_stack_free(w.how[m]);
	free(w.how);
	free(w.n_of_model);
	plan->n_files = own->files.n;
	plan->files = (const char *const *)own->files.v;
	return r;
}
