/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cards.h"

#include "base/err.h"
#include "base/near.h"
#include "yaml/yaml.h"

#include <search.h>
#include <stdio.h>
#include <string.h>

struct tr_cards_name {
	uint32_t slice;
	char id[64];
};

/* ---- names ---- */

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct tr_cards_name *)a)->id, ((const struct tr_cards_name *)b)->id);
}

static struct tr_cards_name *find_name(const struct tr_cards *cards, const char *id)
{
	struct tr_cards_name key = { 0 };
	void *at;

	if (strlen(id) >= sizeof(key.id))
		return NULL;
	strcpy(key.id, id);
	at = tfind(&key, &cards->by_id, by_id);
	return at ? *(struct tr_cards_name **)at : NULL;
}

int tr_cards_check_id(const char *id, struct tr_err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-/";
	size_t len = strlen(id);

	if (len > 0 && len < 64 && strspn(id, allowed) == len && !strchr("._-/", *id))
		return 0;
	return tr_fail(err, TR_E_INVALID,
		"'%.63s' is no name of a slice; allowed: up to 63 letters, digits and ._-/, a "
		"letter or digit first",
		id);
}

static int keep_name(struct tr_cards *cards, struct tr_cards_name *name, struct tr_err *err)
{
	if (name->slice >= cards->n_names) {
		uint32_t n = 2 * name->slice + 64;
		struct tr_cards_name **more = realloc(cards->names, n * sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "a slice's name");
		memset(more + cards->n_names, 0, (n - cards->n_names) * sizeof(*more));
		cards->names = more;
		cards->n_names = n;
	}
	if (!tsearch(name, &cards->by_id, by_id))
		return tr_fail(err, TR_E_NO_MEMORY, "a slice's name");
	cards->names[name->slice] = name;
	return 0;
}

static void drop_name(struct tr_cards *cards, struct tr_cards_name *name)
{
	tdelete(name, &cards->by_id, by_id);
	cards->names[name->slice] = NULL;
	free(name);
}

/* PROFILE-N: the first that is not in use. */
static void make_id(const struct tr_cards *cards, const char *profile, char ret[64])
{
	uint32_t n = 1;

	do
		snprintf(ret, 64, "%.48s-%u", profile, n++);
	while (find_name(cards, ret));
	for (char *c = ret; *c; c++)
		if (*c == '+')
			*c = '.';
}

/* ---- cards ---- */

void tr_cards_free(struct tr_cards *cards)
{
	if (!cards)
		return;
	for (uint32_t i = 0; i < cards->n_names; i++)
		if (cards->names[i])
			drop_name(cards, cards->names[i]);
	free(cards->names);
	tr_online_free(cards->online);
	free(cards);
}

int tr_cards_find_gpu(const char *key, const struct tr_gpu_model **ret, struct tr_err *err)
{
	const struct tr_gpu_product *product = tr_facts_product(key);
	struct tr_near near = { .wrong = key };
	size_t n;
	const struct tr_gpu_model *all = tr_facts_models(&n);

	if (product && product->model->has_mig) {
		*ret = product->model;
		return 0;
	}
	if (product)
		return tr_fail(err, TR_E_INVALID, "a %s cannot be cut", product->model->title);
	for (size_t i = 0; i < n; i++)
		tr_near_offer(&near, all[i].key, strlen(all[i].key));
	tr_fail(err, TR_E_NOT_FOUND, "no card '%s' is known%s%.*s%s", TR_SHOWN(key),
		near.n ? ", did you mean '" : "", near.n ? (int)near.len[0] : 0,
		near.n ? near.v[0] : "", near.n ? "'" : "");
	tr_hint(err, "tranche virtual create --help lists the cards");
	return -TR_E_NOT_FOUND;
}

int tr_cards_start(struct tr_cards *cards, struct tr_err *err)
{
	for (size_t k = 0; k < cards->n_kinds; k++)
		cards->n_cards += cards->kinds[k].n_cards;
	return tr_online_new(
		cards->kinds, cards->n_kinds, /* moves_per_100= */ 0, &cards->online, err);
}

int tr_cards_new(const struct tr_cards_kind *kinds, size_t n_kinds, struct tr_cards **ret,
	struct tr_err *err)
{
	TR_AUTO(tr_cards_freep) struct tr_cards *cards = calloc(1, sizeof(*cards));

	if (!cards)
		return tr_fail(err, TR_E_NO_MEMORY, "a fleet");
	if (n_kinds > TR_ONLINE_KINDS)
		return tr_fail(err, TR_E_INVALID, "over %d kinds of cards", TR_ONLINE_KINDS);
	for (size_t k = 0; k < n_kinds; k++) {
		cards->kinds[k].n_cards = kinds[k].n;
		if (tr_cards_find_gpu(kinds[k].gpu, &cards->kinds[k].model, err) < 0)
			return -(int)err->code;
	}
	cards->n_kinds = n_kinds;
	if (tr_cards_start(cards, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(cards);
	return 0;
}

/* The planner's number of a profile. */
static int find_profile(
	const struct tr_cards *cards, const char *profile, int32_t *ret, struct tr_err *err)
{
	struct tr_near near = { .wrong = profile };

	*ret = tr_online_wish(cards->online, profile);
	if (*ret >= 0)
		return 0;
	for (size_t k = 0; k < cards->n_kinds; k++) {
		const struct tr_gpu_model *model = cards->kinds[k].model;

		for (size_t p = 0; p < model->n_profiles; p++)
			tr_near_offer(
				&near, model->profiles[p].name, strlen(model->profiles[p].name));
	}
	tr_fail(err, TR_E_INVALID, "no card of the fleet has a profile '%.40s'%s%.*s%s", profile,
		near.n ? ", did you mean '" : "", near.n ? (int)near.len[0] : 0,
		near.n ? near.v[0] : "", near.n ? "'" : "");
	if (cards->n_kinds) {
		const struct tr_gpu_model *model = cards->kinds[0].model;

		tr_hint(err, "%s to %s are those of its first kind, %s", model->profiles[0].name,
			model->profiles[model->n_profiles - 1].name, model->key);
	}
	return -TR_E_INVALID;
}

/* A name that is not in use, not kept yet. */
static int new_name(const struct tr_cards *cards, const char *id, struct tr_cards_name **ret,
	struct tr_err *err)
{
	if (tr_cards_check_id(id, err) < 0)
		return -(int)err->code;
	if (find_name(cards, id))
		return tr_fail(err, TR_E_EXISTS, "there is a slice '%s' already", id);
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return tr_fail(err, TR_E_NO_MEMORY, "a slice's name");
	strcpy((*ret)->id, id);
	return 0;
}

static void free_name(struct tr_cards_name *name)
{
	free(name);
}

TR_DEFINE_FREEP(struct tr_cards_name, free_name)

/* Who holds the place. */
static void name_holder(const struct tr_cards *cards, uint32_t gpu, uint32_t start, uint32_t size,
	struct tr_err *err)
{
	struct tr_cards_slice slices[TR_ONLINE_MOVES];
	size_t n = tr_cards_on(cards, gpu, slices), len = strlen(err->msg);

	for (size_t i = 0; i < n; i++)
		if (slices[i].start < start + size && start < slices[i].start + slices[i].size) {
			snprintf(err->msg + len, sizeof(err->msg) - len, ": '%s' (%s) is at %u",
				slices[i].id, slices[i].profile, slices[i].start);
			return;
		}
	snprintf(err->msg + len, sizeof(err->msg) - len, ": what else is on it leaves no more");
}

int tr_cards_put(struct tr_cards *cards, const char *id, const char *profile, uint32_t gpu,
	uint32_t start, struct tr_err *err)
{
	TR_AUTO(free_namep) struct tr_cards_name *name = NULL;
	int32_t wish;

	if (find_profile(cards, profile, &wish, err) < 0 || new_name(cards, id, &name, err) < 0)
		return -(int)err->code;
	if (tr_online_put(cards->online, wish, gpu, start, &name->slice, err) < 0) {
		if (err->code == TR_E_BUSY)
			name_holder(cards, gpu, start,
				tr_facts_profile_by_name(
					tr_online_model(cards->online, gpu), profile)
					->size,
				err);
		return -(int)err->code;
	}
	if (keep_name(cards, name, err) < 0)
		return -(int)err->code;
	TR_TAKE(name);
	return 0;
}

static struct tr_cards_slice slice_of(const struct tr_cards *cards, uint32_t slice)
{
	struct tr_cards_slice ret = { 0 };
	struct tr_online_place place;

	tr_online_where(cards->online, slice, &place);
	if (cards->names[slice])
		memcpy(ret.id, cards->names[slice]->id, sizeof(ret.id));
	ret.profile = place.profile->name;
	ret.gpu = place.card;
	ret.start = place.start;
	ret.size = place.profile->size;
	return ret;
}

size_t tr_cards_on(const struct tr_cards *cards, uint32_t gpu, struct tr_cards_slice *ret)
{
	uint32_t slices[TR_ONLINE_MOVES];
	size_t n = tr_online_on(cards->online, gpu, slices, TR_ONLINE_MOVES);

	for (size_t i = 0; i < n; i++)
		ret[i] = slice_of(cards, slices[i]);
	return n;
}

/* ---- answers ---- */

enum { MAX_TOUCHED = TR_ONLINE_MOVES + 1 };

/* With room for all that it may say. */
struct answer {
	struct tr_cards_answer pub; /* first: what the caller has */
	struct tr_cards_move moves[TR_ONLINE_MOVES];
	struct tr_cards_card cards[MAX_TOUCHED];
	struct tr_cards_slice before[MAX_TOUCHED][TR_ONLINE_MOVES];
	struct tr_cards_slice after[MAX_TOUCHED][TR_ONLINE_MOVES];
};

void tr_cards_answer_free(struct tr_cards_answer *answer)
{
	free(answer);
}

/* The place of a card among those that change, where it is made when missing. */
static void touch(const struct tr_cards *cards, struct answer *a, uint32_t idx)
{
	const struct tr_gpu_model *model = tr_online_model(cards->online, idx);
	size_t k = a->pub.n_cards;

	for (size_t i = 0; i < k; i++)
		if (a->cards[i].idx == idx)
			return;
	for (; k > 0 && a->cards[k - 1].idx > idx; k--)
		a->cards[k] = a->cards[k - 1];
	a->cards[k] = (struct tr_cards_card){
		.idx = idx, .gpu = model->key, .memory_slices = model->memory_slices
	};
	a->pub.n_cards++;
}

static void insert(struct tr_cards_slice *list, size_t *n, const struct tr_cards_slice *slice)
{
	size_t k = (*n)++;

	for (; k > 0 && list[k - 1].start > slice->start; k--)
		list[k] = list[k - 1];
	list[k] = *slice;
}

static bool is_moved(const struct answer *a, const char *id)
{
	for (size_t i = 0; i < a->pub.n_moves; i++)
		if (strcmp(a->moves[i].from.id, id) == 0)
			return true;
	return false;
}

/* What stood on the cards: what stands there now, less who came, and with who went. */
static void set_before(struct answer *a, bool is_arrival)
{
	for (size_t c = 0; c < a->pub.n_cards; c++) {
		struct tr_cards_card *card = &a->cards[c];
		struct tr_cards_slice *before = a->before[c];

		for (size_t i = 0; i < card->n_after; i++) {
			const struct tr_cards_slice *s = &a->after[c][i];

			if (!is_moved(a, s->id) && strcmp(s->id, a->pub.slice.id) != 0)
				insert(before, &card->n_before, s);
		}
		for (size_t i = 0; i < a->pub.n_moves; i++)
			if (a->moves[i].from.gpu == card->idx)
				insert(before, &card->n_before, &a->moves[i].from);
		if (!is_arrival)
			insert(before, &card->n_before, &a->pub.slice);
		card->before = before;
	}
}

static void set_cards(const struct tr_cards *cards, struct answer *a, bool is_arrival)
{
	touch(cards, a, a->pub.slice.gpu);
	for (size_t i = 0; i < a->pub.n_moves; i++) {
		touch(cards, a, a->moves[i].from.gpu);
		touch(cards, a, a->moves[i].to_gpu);
	}
	for (size_t c = 0; c < a->pub.n_cards; c++) {
		a->cards[c].n_after = tr_cards_on(cards, a->cards[c].idx, a->after[c]);
		a->cards[c].after = a->after[c];
	}
	set_before(a, is_arrival);
	a->pub.moves = a->moves;
	a->pub.cards = a->cards;
}

static int no_room(const struct tr_cards *cards, const char *profile, int32_t wish,
	uint32_t max_moves, struct tr_err *err)
{
	uint32_t needed = tr_online_moves_needed(cards->online, wish);

	if (max_moves)
		tr_fail(err, TR_E_NO_ROOM, "no card has room for '%s', nor with %u move%s", profile,
			max_moves, max_moves == 1 ? "" : "s");
	else
		tr_fail(err, TR_E_NO_ROOM, "no card has room for '%s'", profile);
	if (needed > max_moves)
		tr_hint(err, "--moves %u   it would have", needed);
	return -TR_E_NO_ROOM;
}

int tr_cards_arrive(struct tr_cards *cards, const char *profile, const char *id, uint32_t max_moves,
	struct tr_cards_answer **ret, struct tr_err *err)
{
	TR_AUTO(free_namep) struct tr_cards_name *name = NULL;
	TR_AUTO_FREE char *mem = calloc(1, sizeof(struct answer));
	struct answer *a = (void *)mem;
	struct tr_online_answer answer = { 0 };
	char made[64];
	int32_t wish;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "an answer");
	if (find_profile(cards, profile, &wish, err) < 0)
		return -(int)err->code;
	if (!id)
		make_id(cards, profile, made);
	if (new_name(cards, id ? id : made, &name, err) < 0)
		return -(int)err->code;
	if (!tr_online_arrive(cards->online, wish, max_moves, &answer))
		return no_room(cards, profile, wish, max_moves, err);
	name->slice = answer.slice;
	if (keep_name(cards, name, err) < 0) {
		tr_online_leave(cards->online, answer.slice);
		return -(int)err->code;
	}
	TR_TAKE(name);
	a->pub.slice = slice_of(cards, answer.slice);
	a->pub.n_moves = answer.n_moves;
	for (size_t i = 0; i < answer.n_moves; i++) {
		const struct tr_online_move *m = &answer.moves[i];

		a->moves[i].from = slice_of(cards, m->slice);
		a->moves[i].from.gpu = m->from_card;
		a->moves[i].from.start = m->from_start;
		a->moves[i].to_gpu = m->to_card;
		a->moves[i].to_start = m->to_start;
	}
	set_cards(cards, a, true);
	*ret = &a->pub;
	TR_TAKE(mem);
	return 0;
}

static int no_such_slice(const struct tr_cards *cards, const char *id, struct tr_err *err)
{
	struct tr_near near = { .wrong = id };

	for (uint32_t i = 0; i < cards->n_names; i++)
		if (cards->names[i])
			tr_near_offer(&near, cards->names[i]->id, strlen(cards->names[i]->id));
	return tr_fail(err, TR_E_NOT_FOUND, "no slice '%.63s' runs%s%.*s%s", id,
		near.n ? ", did you mean '" : "", near.n ? (int)near.len[0] : 0,
		near.n ? near.v[0] : "", near.n ? "'" : "");
}

int tr_cards_leave(
	struct tr_cards *cards, const char *id, struct tr_cards_answer **ret, struct tr_err *err)
{
	struct tr_cards_name *name = find_name(cards, id);
	TR_AUTO_FREE char *mem = calloc(1, sizeof(struct answer));
	struct answer *a = (void *)mem;

	if (!mem)
		return tr_fail(err, TR_E_NO_MEMORY, "an answer");
	if (!name)
		return no_such_slice(cards, id, err);
	a->pub.slice = slice_of(cards, name->slice);
	tr_online_leave(cards->online, name->slice);
	drop_name(cards, name);
	set_cards(cards, a, false);
	*ret = &a->pub;
	TR_TAKE(mem);
	return 0;
}
