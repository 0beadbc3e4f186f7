/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts, the side that only looks: plan, assert, export, checkpoint. */
#include "core/layout.h"

#include "base/buf.h"
#include "base/err.h"
#include "core/took.h"
#include "facts/facts.h"

#include <stdio.h>
#include <string.h>

/* --- The plan in the public form --- */

void tr_layout_plan_free(struct tr_layout_plan *plan)
{
	if (!plan)
		return;
	free(plan->cards);
	free(plan);
}
TR_DEFINE_FREEP(struct tr_layout_plan, tr_layout_plan_free)

static void put_step(const struct tr_card *card, const struct tr_recut *recut,
	const struct tr_recut_step *from, struct tr_layout_step *to)
{
	static const enum tr_layout_verb verbs[] = { [TR_RECUT_KEEP] = TR_LAYOUT_KEEP,
		[TR_RECUT_FREE] = TR_LAYOUT_FREE,
		[TR_RECUT_CUT] = TR_LAYOUT_CUT };
	const struct tr_card_slice *slice = from->held ? tr_card_slice_at(card, from->start) : NULL;
	TR_AUTO_BUF why = { 0 };

	to->verb = verbs[from->kind];
	to->start = from->start;
	to->size = from->size;
	snprintf(to->profile, sizeof(to->profile), "%s",
		slice		? slice->profile
		: from->profile ? from->profile->name
				: "?");
	if (slice)
		snprintf(to->uuid, sizeof(to->uuid), "%s", slice->uuid);
	if (from->held) {
		to->is_busy = from->held->is_busy;
		snprintf(to->holder, sizeof(to->holder), "%s", from->held->holder);
	}
	tr_recut_why(recut, from, &why);
	snprintf(to->why, sizeof(to->why), "%s", tr_buf_str(&why));
}

/* A card that the layout leaves alone is shown as it is. */
static void keep_all(struct tr_card_plan *plan)
{
	for (size_t i = 0; i < plan->recut_card.n_held; i++) {
		plan->recut_card.held[i].is_busy = true;
		plan->recut_card.held[i].may_go = false;
	}
	tr_recut_find(&plan->recut_card, NULL, 0, TR_RECUT_DROP, &plan->recut);
}

static void put_card(struct tr_card_plan *from, struct tr_layout_card *to)
{
	const struct tr_card *card = from->wish->card;
	struct tr_recut_stranded lost;

	*to = (struct tr_layout_card){ .gpu_idx = card->idx,
		.is_named = from->wish->spec != NULL,
		.mig_before = card->mig_on,
		.mig_after = from->wish->spec ? from->wish->mig_on : card->mig_on };
	snprintf(to->name, sizeof(to->name), "%s", card->name);
	snprintf(to->uuid, sizeof(to->uuid), "%s", card->uuid);
	for (size_t p = 0; p < card->n_profiles; p++) {
		const struct tr_plan_profile *profile = &card->profiles[p];

		if (profile->compute_slices > to->compute_slices)
			to->compute_slices = profile->compute_slices;
		for (uint32_t i = 0; i < profile->n_starts; i++)
			if (profile->starts[i] + profile->size > to->memory_slices)
				to->memory_slices = profile->starts[i] + profile->size;
	}
	if (!from->wish->spec) {
		bool busy[TR_RECUT_MAX];

		for (size_t i = 0; i < from->recut_card.n_held; i++)
			busy[i] = from->recut_card.held[i].is_busy;
		keep_all(from);
		for (size_t i = 0; i < from->recut_card.n_held; i++)
			from->recut_card.held[i].is_busy = busy[i];
	}
	for (; to->n_steps < from->recut.n; to->n_steps++)
		put_step(card, &from->recut, &from->recut.v[to->n_steps], &to->steps[to->n_steps]);
	to->open_after = to->mig_after ? from->recut.n_open : 0;
	lost = tr_recut_stranded(&from->recut_card, &from->recut, /* after= */ false);
	to->stranded_memory_before = lost.memory_slices;
	to->stranded_compute_before = lost.compute_slices;
	lost = tr_recut_stranded(&from->recut_card, &from->recut, /* after= */ true);
	to->stranded_memory_after = lost.memory_slices;
	to->stranded_compute_after = lost.compute_slices;
}

/* --- How long it should take --- */

/* A server that leaves is stopped, and started again where its slice moves to. Starts overlap: the
 * longest counts. False when it was never timed here, or is no server of ours. */
static bool time_eviction(const struct tr_node *node, const struct tr_row *row, bool moves,
	int64_t *stop_ms, int64_t *start_ms)
{
	int64_t stop = 0, start = 0;

	if (!row || !*row->stack ||
		!tr_took_server(node, TR_TOOK_STOP, row->stack, row->model, &stop) ||
		(moves && !tr_took_server(node, TR_TOOK_START, row->stack, row->model, &start)))
		return false;
	*stop_ms += stop;
	if (start > *start_ms)
		*start_ms = start;
	return true;
}

static void count_card(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card_plan *from, int64_t *start_ms, struct tr_layout_plan *ret)
{
	const struct tr_card *card = from->wish->card;
	int64_t ms = 0;

	ret->n_freed += from->recut.n_freed;
	ret->n_cut += from->recut.n_cut;
	ret->n_evicted += from->recut.n_harmed;
	ret->n_mig += from->changes_mode;
	if (from->changes_mode && !tr_took(node, TR_TOOK_MODE, card->uuid, &ms))
		ret->n_untimed_mig++;
	for (size_t s = 0; s < from->recut.n; s++) {
		const struct tr_recut_step *step = &from->recut.v[s];
		const struct tr_card_slice *slice;

		if (step->kind != TR_RECUT_FREE || !step->held->is_busy)
			continue;
		slice = tr_card_slice_at(card, step->start);
		if (!time_eviction(node, slice ? tr_scene_row(scene, card, slice) : NULL,
			    step->moves >= 0, &ms, start_ms))
			ret->n_untimed_evicted++;
	}
	ms += (int64_t)from->recut.n_freed * (TR_MS_CI_DESTROY + TR_MS_GI_DESTROY) +
	      (int64_t)from->recut.n_cut * (TR_MS_GI_CREATE + TR_MS_CI_CREATE);
	ret->seconds += (double)ms / 1e3;
}

static void count(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_node_plan *plan, struct tr_layout_plan *ret)
{
	int64_t start_ms = 0;

	for (size_t i = 0; i < plan->n; i++)
		count_card(node, scene, &plan->v[i], &start_ms, ret);
	ret->seconds += (double)start_ms / 1e3;
}

/* What an ask comes to on this node; all of it borrows from the one before. */
struct looked {
	struct tr_scene scene;
	struct tr_layout_file *file;
	const struct tr_layout_label *label;
	struct tr_wishes wishes;
};

static void looked_done(struct looked *looked)
{
	tr_wishes_done(&looked->wishes);
	tr_layout_free(looked->file);
	tr_scene_done(&looked->scene);
}

static int look(struct tr_node *node, const struct tr_layout_ask *ask, struct looked *ret,
	struct tr_err *err)
{
	if (tr_layout_open_ask(ask, &ret->file, &ret->label, err) < 0 ||
		tr_layout_scene(node, &ret->scene, err) < 0)
		return -(int)err->code;
	return tr_wishes_make(&ret->scene.cards, ret->file, ret->label, &ret->wishes, err);
}

int tr_layout_plan(struct tr_node *node, const struct tr_layout_ask *ask,
	struct tr_layout_plan **ret, struct tr_err *err)
{
	const struct tr_relayout_rules rules = { .evict = ask->evict, .n_evict = ask->n_evict };
	TR_AUTO(looked_done) struct looked looked = { 0 };
	TR_AUTO(tr_node_plan_done) struct tr_node_plan plan = { 0 };
	TR_AUTO(tr_layout_plan_freep) struct tr_layout_plan *out = NULL;

	if (look(node, ask, &looked, err) < 0 ||
		tr_node_plan_make(node, &looked.scene, &looked.wishes, &rules, &plan, err) < 0)
		return -(int)err->code;
	out = calloc(1, sizeof(*out));
	if (out)
		out->cards = calloc(plan.n + 1, sizeof(*out->cards));
	if (!out || !out->cards)
		return tr_fail(err, TR_E_NO_MEMORY, "plan the layout: out of memory");
	snprintf(out->label, sizeof(out->label), "%s", TR_SHOWN(looked.label->name));
	count(node, &looked.scene, &plan, out);
	for (size_t i = 0; i < plan.n; i++)
		if (plan.v[i].wish->card->has_mig_mode)
			put_card(&plan.v[i], &out->cards[out->n_cards++]);
	*ret = TR_TAKE(out);
	return 0;
}

/* --- Is it as asked for? --- */

static void say_slices(const struct tr_card *card, struct tr_buf *ret)
{
	for (size_t i = 0; i < card->n_slices; i++)
		tr_buf_addf(ret, "%s%s:%u", i ? ", " : "", card->slices[i].profile,
			card->slices[i].start);
	if (card->n_slices == 0)
		tr_buf_puts(ret, "no slice");
}

static bool holds_what_is_asked(const struct tr_card *card, const struct tr_wish *wish)
{
	struct tr_recut_card recut_card = {
		.idx = card->idx, .n_profiles = card->n_profiles, .profiles = card->profiles
	};
	struct tr_recut recut;

	for (size_t i = 0; i < card->n_slices; i++) {
		const struct tr_card_slice *slice = &card->slices[i];

		if (recut_card.n_held == TR_RECUT_MAX)
			return false;
		/* What must stay and is not asked for leaves no way. */
		recut_card.held[recut_card.n_held++] =
			(struct tr_recut_held){ .profile_id = slice->profile_id,
				.start = slice->start,
				.size = slice->size,
				.is_busy = true,
				.is_odd = !slice->has_device || strstr(slice->profile, "c.") };
	}
	return tr_recut_find(&recut_card, wish->wants, wish->n, 0, &recut) && recut.n_cut == 0;
}

static int check_card(
	const struct tr_wish *wish, const char *label, bool mode_only, struct tr_err *err)
{
	const struct tr_card *card = wish->card;
	TR_AUTO_BUF there = { 0 };

	if (!wish->spec)
		return tr_fail(err, TR_E_DIFFERS, "GPU %u: no entry of '%s' names it", card->idx,
			TR_SHOWN(label));
	if (card->mig_on != wish->mig_on)
		return tr_fail(err, TR_E_DIFFERS, "GPU %u: MIG is %s, '%s' has it %s", card->idx,
			card->mig_on ? "on" : "off", TR_SHOWN(label), wish->mig_on ? "on" : "off");
	if (mode_only || holds_what_is_asked(card, wish))
		return 0;
	say_slices(card, &there);
	return tr_fail(err, TR_E_DIFFERS, "GPU %u is not as '%s' has it: it holds %s", card->idx,
		TR_SHOWN(label), tr_buf_str(&there));
}

static int assert_all(
	struct tr_node *node, const struct tr_layout_ask *ask, bool mode_only, struct tr_err *err)
{
	TR_AUTO(looked_done) struct looked looked = { 0 };

	if (look(node, ask, &looked, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < looked.wishes.n; i++) {
		const struct tr_card *card = looked.wishes.v[i].card;

		if (!card->has_mig_mode)
			continue;
		if (card->slices_hidden)
			return tr_fail(err, TR_E_PERMISSION,
				"the driver shows the slices of GPU %u to root only", card->idx);
		if (check_card(&looked.wishes.v[i], looked.label->name, mode_only, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_layout_assert(struct tr_node *node, const struct tr_layout_ask *ask, struct tr_err *err)
{
	return assert_all(node, ask, /* mode_only= */ false, err);
}

int tr_layout_assert_mode(struct tr_node *node, const struct tr_layout_ask *ask, struct tr_err *err)
{
	return assert_all(node, ask, /* mode_only= */ true, err);
}

/* --- Files of what stands --- */

static bool is_same(const struct tr_layout_spec *a, const struct tr_layout_spec *b, bool stock)
{
	struct tr_layout_spec x = *a, y = *b;
	struct tr_layout_label labels[2] = { { .name = (char *)(uintptr_t) "x", .n_specs = 1 },
		{ .name = (char *)(uintptr_t) "x", .n_specs = 1 } };
	struct tr_layout_file files[2] = { { .n_labels = 1, .labels = &labels[0] },
		{ .n_labels = 1, .labels = &labels[1] } };
	TR_AUTO_BUF one = { 0 }, two = { 0 };

	x.n_gpus = y.n_gpus = 0;
	labels[0].specs = &x;
	labels[1].specs = &y;
	tr_layout_write(&files[0], stock, &one);
	tr_layout_write(&files[1], stock, &two);
	return !one.failed && !two.failed && strcmp(tr_buf_str(&one), tr_buf_str(&two)) == 0;
}

/* Cards that are alike share an entry; when all do, it says so. */
static int merge(struct tr_layout_label *label, bool stock, struct tr_err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < label->n_specs; i++) {
		struct tr_layout_spec *spec = &label->specs[i];
		size_t to = 0;

		while (to < kept && !is_same(&label->specs[to], spec, stock))
			to++;
		if (to == kept) {
			struct tr_layout_spec moved = *spec;

			memset(spec, 0, sizeof(*spec));
			label->specs[kept++] = moved;
			continue;
		}
		for (size_t g = 0; g < spec->n_gpus; g++) {
			struct tr_layout_gpu *gpu = tr_layout_add_gpu(&label->specs[to]);

			if (!gpu)
				return tr_fail(
					err, TR_E_NO_MEMORY, "write the layout: out of memory");
			*gpu = spec->gpus[g];
		}
		free(spec->gpus);
		free(spec->slices);
		free(spec->filters);
		memset(spec, 0, sizeof(*spec));
	}
	label->n_specs = kept;
	if (kept == 1)
		label->specs[0].is_all = true;
	return 0;
}

static int write_cards(struct tr_node *node, const char *label, bool by_uuid, bool stock,
	char **ret, struct tr_err *err)
{
	TR_AUTO(tr_cards_done) struct tr_cards cards = { 0 };
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;
	TR_AUTO_BUF text = { 0 };

	if (tr_cards_read(node, &cards, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < cards.n; i++)
		if (cards.v[i].slices_hidden)
			return tr_fail(err, TR_E_PERMISSION,
				"the driver shows the slices of GPU %u to root only", (unsigned)i);
	if (tr_layout_of_cards(&cards, by_uuid, label, &file, err) < 0)
		return -(int)err->code;
	if (file->labels[0].n_specs == 0)
		return tr_fail(
			err, TR_E_UNSUPPORTED, "no GPU of node '%s' can be sliced", node->name);
	if (!by_uuid && merge(&file->labels[0], stock, err) < 0)
		return -(int)err->code;
	tr_layout_write(file, stock, &text);
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	*ret = tr_buf_take(&text);
	return 0;
}

int tr_layout_export(
	struct tr_node *node, const char *label, bool stock, char **ret, struct tr_err *err)
{
	return write_cards(node, label ? label : "current", /* by_uuid= */ false, stock, ret, err);
}

int tr_layout_checkpoint(struct tr_node *node, char **ret, struct tr_err *err)
{
	return write_cards(node, "checkpoint", /* by_uuid= */ true, /* stock= */ false, ret, err);
}

bool tr_layout_is_open(struct tr_node *node, char ret[256])
{
	return tr_journal_say(node->store, node->name, ret);
}
