/* SPDX-License-Identifier: Apache-2.0 */
/* From what the cards hold and what a label says to one plan for the node. */
#include "base/buf.h"
#include "base/err.h"
#include "core/layout.h"
#include "core/mig.h"
#include "core/where.h"

#include <stdio.h>
#include <string.h>

enum { MIN_UUID = 8, SHOWN_HOLDERS = 3 };

void tr_node_plan_done(struct tr_node_plan *plan)
{
	free(plan->v);
	*plan = (struct tr_node_plan){ 0 };
}

bool tr_node_plan_is_empty(const struct tr_node_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->v[i].changes_mode || plan->v[i].recut.n_freed || plan->v[i].recut.n_cut)
			return false;
	return true;
}

/* Where no stack was asked for, no server of ours runs, and asking the runtimes costs more than all
 * the rest. What else is on a slice the driver tells. */
int tr_layout_scene(struct tr_node *node, struct tr_scene *ret, struct tr_err *err)
{
	TR_AUTO_STRV stacks = { 0 };

	if (tr_store_stacks(node->store, node->name, &stacks, err) < 0)
		return -(int)err->code;
	return tr_scene_read(node, /* with_servers= */ stacks.n > 0, ret, err);
}

/* --- Who uses a slice --- */

int tr_slice_users(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_buf *ret,
	struct tr_err *err)
{
	const struct tr_row *row = tr_scene_row(scene, card, slice);
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	size_t n = 0;

	if (row && *row->stack)
		tr_buf_addf(ret, "stack '%s', model '%s'", row->stack, row->model);
	if (slice->has_device && tr_holders_read(node, slice->device, &holders, &n, err) < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	for (size_t i = 0; i < n && i < SHOWN_HOLDERS; i++) {
		char where[128];

		tr_where_of_pid(holders[i].pid, where, sizeof(where));
		tr_buf_addf(ret, "%spid %d (%s)%s%s", ret->len ? ", " : "", (int)holders[i].pid,
			*holders[i].command ? holders[i].command : "gone", *where ? " in " : "",
			where);
	}
	if (n > SHOWN_HOLDERS)
		tr_buf_addf(ret, " and %zu more", n - SHOWN_HOLDERS);
	return tr_buf_ok(ret, err);
}

/* --- What may go --- */

static bool is_named(
	const char *evict, const struct tr_card *card, const struct tr_card_slice *slice)
{
	char place[32];
	size_t len = strlen(evict);

	snprintf(place, sizeof(place), "%u:%u", card->idx, slice->start);
	if (strcmp(evict, "all") == 0 || strcmp(evict, place) == 0)
		return true;
	if (len < MIN_UUID)
		return false;
	return (len >= MIN_UUID + 4 && strncmp(slice->uuid, evict, len) == 0) ||
	       (strncmp(slice->uuid, "MIG-", 4) == 0 && strncmp(slice->uuid + 4, evict, len) == 0);
}

static bool may_go(const struct tr_relayout_rules *rules, const struct tr_card *card,
	const struct tr_card_slice *slice)
{
	for (size_t i = 0; i < rules->n_evict; i++)
		if (is_named(rules->evict[i], card, slice))
			return true;
	return false;
}

/* A slip in a name must not look as if it had been heeded. */
static int check_evict(
	const struct tr_scene *scene, const struct tr_relayout_rules *rules, struct tr_err *err)
{
	for (size_t i = 0; i < rules->n_evict; i++) {
		bool found = strcmp(rules->evict[i], "all") == 0;

		for (size_t c = 0; c < scene->cards.n && !found; c++)
			for (size_t s = 0; s < scene->cards.v[c].n_slices && !found; s++)
				found = is_named(rules->evict[i], &scene->cards.v[c],
					&scene->cards.v[c].slices[s]);
		if (found)
			continue;
		tr_fail(err, TR_E_NOT_FOUND, "there is no slice '%.100s' to evict",
			rules->evict[i]);
		return tr_hint(err,
			"tranche slices   lists them; name one as GPU:START or by UUID, "
			"or say 'all'");
	}
	return 0;
}

/* On the way back or on, only what the journal knows may be touched. */
static bool is_strange(const struct tr_relayout_rules *rules, const struct tr_wish *wish,
	const struct tr_card_slice *slice)
{
	if (!rules->only)
		return false;
	for (size_t i = 0; i < rules->only->n; i++)
		if (tr_journal_is_about(
			    &rules->only->v[i], wish->card->uuid, slice->start, slice->profile_id))
			return false;
	for (size_t w = 0; w < wish->n; w++)
		if (wish->wants[w].profile->id == slice->profile_id &&
			wish->wants[w].start == (int32_t)slice->start)
			return false;
	return true;
}

/* Nobody but the server that the slice was cut for: what came on it since is a stranger. */
static bool is_of_its_server(
	const struct tr_node *node, const struct tr_scene *scene, const struct tr_card_slice *slice)
{
	const struct tr_server *server = tr_scene_server_on(scene, slice->uuid);
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	struct tr_err ignored;
	size_t n = 0;

	if (slice->has_device && tr_holders_read(node, slice->device, &holders, &n, &ignored) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!server || (holders[i].pid != server->pid &&
				       !tr_where_is_in(holders[i].pid, server->cgroup)))
			return false;
	return true;
}

/*
 * Going on or back, what was allowed when the change began still is: a slice that had to be left
 * may go, whoever is on it. One that the change itself has cut may go with the server it was cut
 * for.
 */
static bool may_go_by_journal(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_relayout_rules *rules, const struct tr_card *card,
	const struct tr_card_slice *slice)
{
	bool is_evicted = false, is_ours = false;

	for (size_t i = 0; rules->only && i < rules->only->n; i++) {
		const struct tr_journal_step *step = &rules->only->v[i];

		if (!tr_journal_is_about(step, card->uuid, slice->start, slice->profile_id))
			continue;
		is_evicted = is_evicted || step->kind == TR_JOURNAL_EVICT;
		is_ours = is_ours || step->kind == TR_JOURNAL_CUT;
	}
	return is_ours ? is_of_its_server(node, scene, slice) : is_evicted;
}

/* --- One card --- */

static int put_held(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_relayout_rules *rules, const struct tr_wish *wish,
	const struct tr_card_slice *slice, struct tr_recut_card *ret, struct tr_err *err)
{
	struct tr_recut_held *last = ret->n_held ? &ret->held[ret->n_held - 1] : NULL;
	TR_AUTO_BUF users = { 0 };
	struct tr_recut_held *held = last;

	if (tr_slice_users(node, scene, wish->card, slice, &users, err) < 0)
		return -(int)err->code;
	if (!last || last->start != slice->start) {
		if (ret->n_held == TR_RECUT_MAX)
			return tr_fail(err, TR_E_DRIVER, "GPU %u: the driver lists too many slices",
				wish->card->idx);
		held = &ret->held[ret->n_held++];
		*held = (struct tr_recut_held){
			.profile_id = slice->profile_id, .start = slice->start, .size = slice->size
		};
	} else {
		held->is_odd = true; /* a second compute instance */
	}
	held->is_odd = held->is_odd || !slice->has_device || strstr(slice->profile, "c.");
	if (users.len) {
		held->is_busy = true;
		held->may_go = may_go(rules, wish->card, slice) ||
			       may_go_by_journal(node, scene, rules, wish->card, slice);
		snprintf(held->holder, sizeof(held->holder), "%s", users.s);
	}
	if (is_strange(rules, wish, slice)) {
		held->is_busy = true;
		held->may_go = false;
		snprintf(held->holder, sizeof(held->holder), "cut meanwhile by somebody else");
	}
	return 0;
}

/* Puts the place in the file in front of a complaint that no card can hold so much. */
static int explain(const struct tr_wishes *wishes, const struct tr_wish *wish,
	const struct tr_recut_card *card, struct tr_err *err)
{
	struct tr_recut_card empty = *card;
	struct tr_err inner = *err;
	struct tr_recut plan = { 0 };
	size_t at = 0;

	if (err->code != TR_E_INVALID)
		return -(int)err->code;
	empty.n_held = 0;
	tr_recut_find(&empty, wish->wants, wish->n, TR_RECUT_DROP, &plan);
	while (at + 1 < wish->n && at < 32 && (plan.want_placed >> at & 1))
		at++;
	return tr_layout_fail(wishes->file, wish->at[at], err, "%s", inner.msg);
}

static int plan_card(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_wishes *wishes, const struct tr_relayout_rules *rules,
	struct tr_card_plan *ret, struct tr_err *err)
{
	const struct tr_wish *wish = ret->wish;
	const struct tr_card *card = wish->card;

	ret->recut_card = (struct tr_recut_card){
		.idx = card->idx, .n_profiles = card->n_profiles, .profiles = card->profiles
	};
	snprintf(ret->recut_card.title, sizeof(ret->recut_card.title), "%s", card->name);
	if (card->slices_hidden) {
		tr_fail(err, TR_E_PERMISSION, "the driver shows the slices of GPU %u to root only",
			card->idx);
		return tr_hint(err, "sudo tranche ...");
	}
	for (size_t i = 0; i < card->n_slices; i++)
		if (put_held(node, scene, rules, wish, &card->slices[i], &ret->recut_card, err) < 0)
			return -(int)err->code;
	if (!wish->spec)
		return 0;
	ret->changes_mode = card->mig_on != wish->mig_on;
	if (ret->changes_mode && wish->mig_on && tr_mig_check(node, scene, card, true, err) < 0)
		return -(int)err->code;
	if (tr_recut_plan(&ret->recut_card, wish->wants, wish->n, &ret->recut, err) < 0)
		return explain(wishes, wish, &ret->recut_card, err);
	return 0;
}

int tr_node_plan_make(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_wishes *wishes, const struct tr_relayout_rules *rules,
	struct tr_node_plan *ret, struct tr_err *err)
{
	TR_AUTO(tr_node_plan_done) struct tr_node_plan plan = { .n = wishes->n };

	if (check_evict(scene, rules, err) < 0)
		return -(int)err->code;
	plan.v = calloc(wishes->n + 1, sizeof(*plan.v));
	if (!plan.v)
		return tr_fail(err, TR_E_NO_MEMORY, "plan the layout: out of memory");
	for (size_t i = 0; i < wishes->n; i++) {
		plan.v[i].wish = &wishes->v[i];
		if (plan_card(node, scene, wishes, rules, &plan.v[i], err) < 0)
			return -(int)err->code;
	}
	*ret = plan;
	plan = (struct tr_node_plan){ 0 };
	return 0;
}

/* --- Layouts of what stands --- */

int tr_layout_open_ask(const struct tr_layout_ask *ask, struct tr_layout_file **ret_file,
	const struct tr_layout_label **ret_label, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;

	if (!ask->file && !ask->label) {
		tr_fail(err, TR_E_INVALID, "no layout is named: a label, or a file");
		return tr_hint(err, "tranche apply all-balanced   or   tranche apply -f FILE");
	}
	if ((ask->file ? tr_layout_load(ask->file, &file, err) : tr_layout_shipped(&file, err)) <
			0 ||
		tr_layout_find(file, ask->label, ret_label, err) < 0)
		return -(int)err->code;
	*ret_file = TR_TAKE(file);
	return 0;
}

static int no_memory(struct tr_err *err)
{
	return tr_fail(err, TR_E_NO_MEMORY, "write the layout: out of memory");
}

static int add_card(struct tr_layout_label *label, const struct tr_card *card, bool by_uuid,
	bool mig_on, struct tr_layout_spec **ret, struct tr_err *err)
{
	struct tr_layout_spec *spec = tr_layout_add_spec(label);
	struct tr_layout_gpu *gpu = spec ? tr_layout_add_gpu(spec) : NULL;

	if (!gpu)
		return no_memory(err);
	spec->mig_on = mig_on;
	gpu->idx = card->idx;
	if (by_uuid)
		snprintf(gpu->uuid, sizeof(gpu->uuid), "%s", card->uuid);
	*ret = spec;
	return 0;
}

static int add_place(
	struct tr_layout_spec *spec, const char *profile, uint32_t start, struct tr_err *err)
{
	struct tr_layout_slice *slice = tr_layout_add_slice(spec);

	if (!slice)
		return no_memory(err);
	slice->count = 1;
	slice->start = (int32_t)start;
	snprintf(slice->profile, sizeof(slice->profile), "%s", profile);
	return 0;
}

/* A GPU instance with no compute instance, or with several, is nothing that a layout can say. */
static bool is_plain(const struct tr_card *card, size_t s)
{
	const struct tr_card_slice *slice = &card->slices[s];

	return slice->has_device && !strstr(slice->profile, "c.");
}

int tr_layout_of_cards(const struct tr_cards *cards, bool by_uuid, const char *label,
	struct tr_layout_file **ret, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;

	if (tr_layout_new("<current>", label, &file, err) < 0)
		return -(int)err->code;
	for (size_t c = 0; c < cards->n; c++) {
		const struct tr_card *card = &cards->v[c];
		struct tr_layout_spec *spec = NULL;

		if (!card->has_mig_mode)
			continue;
		if (add_card(&file->labels[0], card, by_uuid, card->mig_on, &spec, err) < 0)
			return -(int)err->code;
		for (size_t s = 0; s < card->n_slices; s++)
			if (is_plain(card, s) && add_place(spec, card->slices[s].profile,
							 card->slices[s].start, err) < 0)
				return -(int)err->code;
	}
	*ret = TR_TAKE(file);
	return 0;
}

int tr_layout_of_plan(const struct tr_node_plan *plan, bool after, struct tr_layout_file **ret,
	struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;

	if (tr_layout_new("<journal>", after ? "after" : "before", &file, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < plan->n; i++) {
		const struct tr_card_plan *card = &plan->v[i];
		struct tr_layout_spec *spec = NULL;

		if (!card->changes_mode && !card->recut.n_freed && !card->recut.n_cut)
			continue;
		if (add_card(&file->labels[0], card->wish->card, true,
			    after ? card->wish->mig_on : card->wish->card->mig_on, &spec, err) < 0)
			return -(int)err->code;
		for (size_t s = 0; s < card->recut.n; s++) {
			const struct tr_recut_step *step = &card->recut.v[s];

			if (step->kind == (after ? TR_RECUT_FREE : TR_RECUT_CUT) ||
				(step->held && step->held->is_odd) || !step->profile)
				continue;
			if (add_place(spec, step->profile->name, step->start, err) < 0)
				return -(int)err->code;
		}
	}
	*ret = TR_TAKE(file);
	return 0;
}
