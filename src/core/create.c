/* SPDX-License-Identifier: Apache-2.0 */
/* Slices cut and freed by hand: all that one call names, or none. */
#include "core/batch.h"

#include "base/buf.h"
#include "base/err.h"
#include "core/journal.h"
#include "core/tell.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WANTS = TR_BATCH_MAX, MIN_UUID = 8 };

/* --- Which cards --- */

struct room {
	size_t n;
	const struct tr_card **cards;
	struct tr_plan_gpu *gpus;
	struct tr_plan_used *used; /* TR_CARD_MAX_SLICES a card */
};

static void room_done(struct room *room)
{
	free(room->cards);
	free(room->gpus);
	free(room->used);
}

static int no_card(const struct tr_scene *scene, int gpu, struct tr_err *err)
{
	char why[256] = "the node has no GPU";
	uint32_t able = UINT32_MAX;

	for (size_t i = 0; i < scene->cards.n; i++)
		if ((gpu < 0 || scene->cards.v[i].idx == (uint32_t)gpu) &&
			tr_card_can_slice(&scene->cards.v[i], why) && able == UINT32_MAX)
			able = scene->cards.v[i].idx;
	if (able == UINT32_MAX)
		return tr_fail(err, TR_E_UNSUPPORTED, "no slice can be cut: %s", why);
	if (gpu >= 0)
		tr_fail(err, TR_E_UNSUPPORTED, "MIG is off on GPU %d", gpu);
	else
		tr_fail(err, TR_E_UNSUPPORTED, "MIG is off on every GPU that has it");
	return tr_hint(err, "tranche mig on --gpu %u", able);
}

/* The cards that can be cut now: MIG on, and named where one is named. */
static int find_room(const struct tr_scene *scene, int gpu, struct room *ret, struct tr_err *err)
{
	const struct tr_card *named;
	size_t n = scene->cards.n + 1;

	if (gpu >= 0 && tr_card_find(&scene->cards, (uint32_t)gpu, &named, err) < 0)
		return -(int)err->code;
	ret->cards = calloc(n, sizeof(*ret->cards));
	ret->gpus = calloc(n, sizeof(*ret->gpus));
	ret->used = calloc(n * TR_CARD_MAX_SLICES, sizeof(*ret->used));
	if (!ret->cards || !ret->gpus || !ret->used)
		return tr_fail(err, TR_E_NO_MEMORY, "create slices: out of memory");
	for (size_t i = 0; i < scene->cards.n; i++) {
		const struct tr_card *card = &scene->cards.v[i];

		if (!card->mig_on || (gpu >= 0 && card->idx != (uint32_t)gpu))
			continue;
		if (card->slices_hidden) {
			tr_fail(err, TR_E_PERMISSION, "cutting slices of GPU %u needs root",
				card->idx);
			return tr_hint(err, "sudo tranche create ...");
		}
		ret->cards[ret->n] = card;
		tr_scene_plan_gpu(
			scene, card, &ret->used[ret->n * TR_CARD_MAX_SLICES], &ret->gpus[ret->n]);
		ret->n++;
	}
	return ret->n ? 0 : no_card(scene, gpu, err);
}

/* --- What is wanted --- */

struct want_text {
	char who[96], profile[64];
};

/* "18G", and "memory:18G" for those who know the stack file. */
static bool parse_memory(const char *text, struct tr_plan_want *ret)
{
	static const char key[] = "memory:";
	uint64_t bytes;

	if (strncmp(text, key, sizeof(key) - 1) == 0)
		text += sizeof(key) - 1;
	if (!tr_stack_size(text, &bytes))
		return false;
	ret->profile = NULL;
	ret->memory_mib = (bytes + (1u << 20) - 1) >> 20;
	return true;
}

/* The one in front of a start; that of "memory:" is none. */
static const char *last_colon(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon - text == 6 && strncmp(text, "memory", 6) == 0 ? NULL : colon;
}

/* "PROFILE[:START]", where the profile may be an amount of memory. */
static int parse_want(
	const char *text, struct want_text *ret_text, struct tr_plan_want *ret, struct tr_err *err)
{
	const char *colon = last_colon(text);
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char *end = NULL;
	unsigned long start = 0;

	if (colon) {
		start = strtoul(colon + 1, &end, 10);
		if (colon[1] < '0' || colon[1] > '9' || *end || start > 31)
			len = 0;
	}
	if (len == 0 || len >= sizeof(ret_text->profile)) {
		tr_fail(err, TR_E_INVALID, "'%.100s' is no slice: PROFILE or PROFILE:START", text);
		return tr_hint(err,
			"for example 2g.20gb, 2g.20gb:4, or 18G; tranche profiles   lists them");
	}
	snprintf(ret_text->who, sizeof(ret_text->who), "'%.80s'", text);
	snprintf(ret_text->profile, sizeof(ret_text->profile), "%.*s", (int)len, text);
	*ret = (struct tr_plan_want){ .who = ret_text->who,
		.profile = ret_text->profile,
		.gpu = -1,
		.start = colon ? (int32_t)start : -1 };
	parse_memory(ret_text->profile, ret);
	return 0;
}

/* An id is easily the wrong one: on 80 GB cards 15 is 1g.20gb, and 2g.20gb is 14. */
static void explain_id(const char *typed, const struct tr_plan_gpu *gpu,
	const struct tr_plan_profile *profile, const struct tr_change *change)
{
	if (!typed || strspn(typed, "0123456789") != strlen(typed))
		return;
	for (size_t i = 0; i < gpu->n_profiles; i++) {
		const struct tr_plan_profile *other = &gpu->profiles[i];

		if (other->id == profile->id || other->memory_mib != profile->memory_mib ||
			other->size != profile->size || strpbrk(other->name, "+-"))
			continue;
		tr_tell(change, TR_STEP_NOTE, NULL, NULL,
			"profile %u is %s (%u compute slice%s); %s is %u", profile->id,
			profile->name, profile->compute_slices,
			profile->compute_slices == 1 ? "" : "s", other->name, other->id);
		return;
	}
}

/* "18GB" and "18g" look like amounts, and are taken for profiles that no card has. */
static int explain_size(const struct tr_plan_want *wants, size_t n, struct tr_err *err)
{
	for (size_t i = 0; err->code == TR_E_INVALID && i < n; i++) {
		const char *typed = wants[i].profile;
		size_t digits = typed ? strspn(typed, "0123456789.") : 0;

		if (digits && typed[digits] && strchr("gGmMtT", typed[digits]) &&
			!strchr(typed + digits, '.') && strlen(typed + digits) <= 3)
			tr_hint(err, "an amount of memory is written %.*s%c, or %.*s%ci",
				(int)digits, typed, typed[digits] & ~0x20, (int)digits, typed,
				typed[digits] & ~0x20);
	}
	return -(int)err->code;
}

/* --- Cutting --- */

static int plan_batch(const struct room *room, const char *const *wants, size_t n_wants,
	const struct tr_batch_owner *owner, const struct tr_change *change, struct tr_batch *ret,
	struct tr_err *err)
{
	struct want_text texts[MAX_WANTS];
	struct tr_plan_want plan_wants[MAX_WANTS];

	if (n_wants == 0 || n_wants > MAX_WANTS)
		return tr_fail(
			err, TR_E_INVALID, "name 1 to %d slices, not %zu", MAX_WANTS, n_wants);
	for (size_t i = 0; i < n_wants; i++)
		if (parse_want(wants[i], &texts[i], &plan_wants[i], err) < 0)
			return -(int)err->code;
	if (tr_plan_fit(room->gpus, room->n, plan_wants, n_wants, ret->places, err) < 0)
		return explain_size(plan_wants, n_wants, err);
	ret->n = n_wants;
	for (size_t i = 0; i < n_wants; i++) {
		for (size_t g = 0; g < room->n; g++) {
			if (room->gpus[g].idx != ret->places[i].gpu_idx)
				continue;
			ret->cards[i] = room->cards[g];
			explain_id(plan_wants[i].profile, &room->gpus[g], ret->places[i].profile,
				change);
		}
		tr_cut_row(ret->cards[i], ret->places[i].profile, ret->places[i].start,
			owner->stack, owner->model, 0, &ret->rows[i]);
	}
	return 0;
}

void tr_batch_tell(const struct tr_batch *batch, size_t i, const struct tr_change *change)
{
	TR_AUTO_BUF command = { 0 };
	const struct tr_plan_place *place = &batch->places[i];

	tr_cut_make_text(batch->cards[i], place->profile, place->start, &command);
	tr_tell(change, TR_STEP_CUT, NULL, tr_buf_str(&command), "%s at %u:%u",
		place->profile->name, place->gpu_idx, place->start);
}

void tr_batch_undo(
	struct tr_node *node, const struct tr_batch *batch, const struct tr_change *change)
{
	struct tr_err why = { 0 };

	for (size_t i = batch->n; i > 0; i--) {
		const struct tr_row *row = &batch->rows[i - 1];

		if (i - 1 < batch->n_made) {
			tr_tell(change, TR_STEP_FREE, NULL, NULL, "%s at %u:%u", row->profile,
				batch->cards[i - 1]->idx, row->start);
			if (tr_cut_free(node, batch->cards[i - 1], row->start, &why) < 0)
				tr_tell(change, TR_STEP_NOTE, NULL, NULL, "not freed: %s", why.msg);
		} else {
			tr_store_row_drop(node->store, node->name, row->gpu_uuid, row->start, &why);
		}
	}
}

int tr_batch_cut(struct tr_node *node, struct tr_batch *batch, const struct tr_change *change,
	struct tr_err *err)
{
	int r = tr_store_rows_put(node->store, node->name, batch->rows, batch->n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < batch->n && r == 0; i++) {
		tr_batch_tell(batch, i, change);
		r = tr_is_stopped(change)
			    ? tr_fail(err, TR_E_INTERRUPTED, "interrupted")
			    : tr_cut_make(node, batch->cards[i], batch->places[i].profile,
				      batch->places[i].start, err);
		batch->n_made += r == 0;
		batch->rows[i].is_cut = true;
	}
	if (r == 0)
		r = tr_store_rows_put(node->store, node->name, batch->rows, batch->n, err);
	if (r < 0)
		tr_batch_undo(node, batch, change);
	return r;
}

static void slices_freep(struct tr_slices **slices)
{
	tr_slices_free(*slices);
}

static struct tr_slice *slice_of(const struct tr_batch *batch, size_t i, struct tr_slices *slices)
{
	for (size_t s = 0; s < slices->n; s++)
		if (slices->v[s].gpu_idx == batch->cards[i]->idx &&
			slices->v[s].start == batch->rows[i].start)
			return &slices->v[s];
	return NULL;
}

/* The new slices, as tr_slices_get shows them, in the order asked. */
static int new_slices(struct tr_node *node, const struct tr_batch *batch, struct tr_slices **ret,
	struct tr_err *err)
{
	TR_AUTO(slices_freep) struct tr_slices *all = NULL, *made = calloc(1, sizeof(*made));

	if (!made)
		return tr_fail(err, TR_E_NO_MEMORY, "list the slices: out of memory");
	if (tr_slices_get(node, &all, err) < 0)
		return -(int)err->code;
	made->v = calloc(batch->n, sizeof(*made->v));
	if (!made->v)
		return tr_fail(err, TR_E_NO_MEMORY, "list the slices: out of memory");
	for (size_t i = 0; i < batch->n; i++) {
		struct tr_slice *slice = slice_of(batch, i, all);

		if (!slice)
			continue; /* destroyed by somebody else, this very moment */
		made->v[made->n++] = *slice;
		slice->n_holders = 0;
		slice->holders = NULL;
	}
	*ret = TR_TAKE(made);
	return 0;
}

/* Takes the lock and reads the scene, set right after a killed run. */
int tr_batch_begin(struct tr_node *node, const struct tr_change *change, int *ret_lock,
	struct tr_scene *ret_scene, struct tr_err *err)
{
	bool changed = false;

	if (tr_node__lock(node, change, ret_lock, err) < 0 ||
		tr_journal_check(node->store, node->name, err) < 0 ||
		tr_scene_read(node, /* with_servers= */ true, ret_scene, err) < 0)
		return -(int)err->code;
	if (!tr_is_dry(change) && tr_cut_sweep(node, ret_scene, change, &changed, err) < 0)
		return -(int)err->code;
	if (!changed)
		return 0;
	tr_scene_done(ret_scene);
	return tr_scene_read(node, /* with_servers= */ true, ret_scene, err);
}

int tr_batch_plan(const struct tr_scene *scene, int gpu, const char *const *wants, size_t n_wants,
	const struct tr_batch_owner *owner, const struct tr_change *change, struct tr_batch *ret,
	struct tr_err *err)
{
	TR_AUTO(room_done) struct room room = { 0 };

	/* The profiles that the places point to are the cards' own, which outlive the room. */
	if (find_room(scene, gpu, &room, err) < 0)
		return -(int)err->code;
	return plan_batch(&room, wants, n_wants, owner, change, ret, err);
}

int tr_slices_create(struct tr_node *node, int gpu, const char *const *wants, size_t n_wants,
	const struct tr_change *change, struct tr_slices **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	static const struct tr_batch_owner nobody = { "", "" };
	TR_AUTO_CLOSE int lock = -1;
	struct tr_batch batch = { 0 };

	tr_tell_begin();
	if (tr_batch_begin(node, change, &lock, &scene, err) < 0 ||
		tr_batch_plan(&scene, gpu, wants, n_wants, &nobody, change, &batch, err) < 0)
		return -(int)err->code;
	if (tr_is_dry(change)) {
		for (size_t i = 0; i < batch.n; i++)
			tr_batch_tell(&batch, i, change);
		return 0;
	}
	if (tr_batch_cut(node, &batch, change, err) < 0)
		return -(int)err->code;
	return ret ? new_slices(node, &batch, ret, err) : 0;
}

/* --- Freeing --- */

struct named {
	const struct tr_card *card;
	const struct tr_card_slice *slice;
};

static bool parse_place(const char *text, uint32_t *ret_gpu, uint32_t *ret_start)
{
	char *end = NULL;
	unsigned long gpu = strtoul(text, &end, 10), start;

	if (*text < '0' || *text > '9' || *end != ':' || end[1] < '0' || end[1] > '9')
		return false;
	start = strtoul(end + 1, &end, 10);
	if (*end || gpu > UINT32_MAX || start > UINT32_MAX)
		return false;
	*ret_gpu = (uint32_t)gpu;
	*ret_start = (uint32_t)start;
	return true;
}

/* "MIG-8443519f" and "8443519f" both begin "MIG-8443519f-66f7-...". */
static bool begins(const char *uuid, const char *text)
{
	size_t len = strlen(text);

	if (len < MIN_UUID)
		return false;
	if (strncmp(uuid, text, len) == 0 && len >= MIN_UUID + 4)
		return true;
	return strncmp(uuid, "MIG-", 4) == 0 && strncmp(uuid + 4, text, len) == 0;
}

static int find_named(
	const struct tr_scene *scene, const char *text, struct named *ret, struct tr_err *err)
{
	struct named found = { 0 };
	uint32_t gpu_idx, start, n = 0;
	bool is_place = parse_place(text, &gpu_idx, &start);

	for (size_t i = 0; i < scene->cards.n; i++) {
		const struct tr_card *card = &scene->cards.v[i];

		for (size_t s = 0; s < card->n_slices; s++) {
			const struct tr_card_slice *slice = &card->slices[s];

			if (is_place ? card->idx != gpu_idx || slice->start != start
				     : !begins(slice->uuid, text))
				continue;
			/* The same instance through several compute instances is one. */
			n += found.card != card || !found.slice ||
			     found.slice->start != slice->start;
			found = (struct named){ card, slice };
		}
	}
	if (n == 0) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no slice '%.100s'", text);
		return tr_hint(err,
			"tranche slices   lists them\n"
			"tranche destroy 0:4   names one by GPU:START; its UUID does, too, or the "
			"first 8 characters of that");
	}
	if (n > 1)
		return tr_fail(
			err, TR_E_INVALID, "'%.100s' begins %u UUIDs: type more of it", text, n);
	*ret = found;
	return 0;
}

static int check_free(const struct tr_node *node, const struct tr_scene *scene,
	const struct named *named, struct tr_err *err)
{
	const struct tr_row *row = tr_scene_row(scene, named->card, named->slice);
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	TR_AUTO_BUF who = { 0 };
	size_t n = 0;

	if (row && *row->stack) {
		tr_fail(err, TR_E_BUSY, "%s at %u:%u belongs to stack '%s', model '%s'",
			named->slice->profile, named->card->idx, named->slice->start, row->stack,
			row->model);
		return tr_hint(err, "tranche down %s", row->stack);
	}
	if (!named->slice->has_device)
		return 0;
	if (tr_holders_read(node, named->slice->device, &holders, &n, err) < 0)
		return -(int)err->code;
	if (n == 0)
		return 0;
	tr_holders_name(holders, n, &who);
	tr_fail(err, TR_E_BUSY, "%s at %u:%u is in use by %s", named->slice->profile,
		named->card->idx, named->slice->start, tr_buf_str(&who));
	return tr_hint(err, "stop it, then type the command again");
}

static int free_named(struct tr_node *node, const struct named *named,
	const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_BUF command = { 0 };

	tr_cut_destroy_text(named->card, named->slice, &command);
	tr_tell(change, TR_STEP_FREE, NULL, tr_buf_str(&command), "%s at %u:%u",
		named->slice->profile, named->card->idx, named->slice->start);
	if (tr_is_dry(change))
		return 0;
	if (tr_is_stopped(change))
		return tr_fail(err, TR_E_INTERRUPTED, "interrupted");
	if (tr_cut_free(node, named->card, named->slice->start, err) == 0)
		return 0;
	if (err->code == TR_E_PERMISSION)
		tr_hint(err, "freeing slices needs root: sudo tranche destroy ...");
	return -(int)err->code;
}

int tr_slices_destroy(struct tr_node *node, const char *const *which, size_t n_which,
	const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO_CLOSE int lock = -1;
	struct named named[MAX_WANTS];

	if (n_which == 0 || n_which > MAX_WANTS)
		return tr_fail(
			err, TR_E_INVALID, "name 1 to %d slices, not %zu", MAX_WANTS, n_which);
	tr_tell_begin();
	if (tr_batch_begin(node, change, &lock, &scene, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < n_which; i++) {
		if (find_named(&scene, which[i], &named[i], err) < 0 ||
			check_free(node, &scene, &named[i], err) < 0)
			return -(int)err->code;
		for (size_t j = 0; j < i; j++)
			if (named[j].card == named[i].card &&
				named[j].slice->start == named[i].slice->start)
				return tr_fail(err, TR_E_INVALID,
					"'%.100s' and '%.100s' are the "
					"same slice",
					which[j], which[i]);
	}
	for (size_t i = 0; i < n_which; i++)
		if (free_named(node, &named[i], change, err) < 0)
			return -(int)err->code;
	return 0;
}
