/* SPDX-License-Identifier: Apache-2.0 */
/* Why a stack does not go where it is: who holds what, and what to type. */
#include "core/diff_priv.h"

#include "base/err.h"

#include <string.h>

static void say_slices(const struct tr_diff *d, const struct tr_card *card, struct tr_buf *ret)
{
	for (size_t i = 0; i < card->n_slices; i++) {
		char holder[160];

		tr_scene_holder(d->scene, card, &card->slices[i], holder, sizeof(holder));
		tr_buf_addf(ret, "%s%s at %u:%u (%s)", i ? ", " : "", card->slices[i].profile,
			card->idx, card->slices[i].start, holder);
	}
}

/* Who has a card, so that it can be neither cut nor had as a whole. */
static void say_user(const struct tr_diff *d, const struct tr_card *card, struct tr_buf *ret)
{
	const struct tr_server *whole = tr_scene_whole(d->scene, card);

	tr_buf_addf(ret, "%sGPU %u ", ret->len ? "; " : "", card->idx);
	if (card->n_slices > 0) {
		tr_buf_puts(ret, "is cut into ");
		say_slices(d, card, ret);
	} else if (d->whole_cards[card->idx] && !(whole && whole->stack))
		tr_buf_puts(ret, "is taken by another model of this file");
	else if (whole)
		tr_buf_addf(ret, "is held as a whole by stack '%s', model '%s'", whole->stack,
			whole->model);
	else if (*card->clients)
		tr_buf_addf(ret, "is in use by %s", card->clients);
	else
		tr_buf_puts(ret, "is taken by another model of this file");
}

/* What to type so that a card gets free: for a stack of ours, its down. */
static int hint_free(const struct tr_diff *d, const struct tr_card *card)
{
	const struct tr_server *whole = card ? tr_scene_whole(d->scene, card) : NULL;

	if (whole && strcmp(whole->stack, d->wish->stack) != 0)
		return tr_hint(d->err, "tranche down %s   frees GPU %u", whole->stack, card->idx);
	if (card && card->n_slices == 0 && *card->clients)
		return tr_hint(
			d->err, "stop what uses GPU %u, then type the command again", card->idx);
	return tr_hint(d->err, "tranche slices   shows who holds what\n"
			       "tranche down STACK   or   tranche destroy GPU:START   makes room");
}

int tr_diff__no_whole_card(const struct tr_diff *d, const struct tr_want *want)
{
	const struct tr_card *one = NULL;
	TR_AUTO_BUF who = { 0 };
	size_t n = 0;

	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];

		if (!tr_diff__is_card_asked(want, card))
			continue;
		say_user(d, card, &who);
		one = card;
		n++;
	}
	tr_fail(d->err, TR_E_NO_ROOM, "no whole card for %s%s%s", want->who, n ? ": " : "",
		tr_buf_str(&who));
	return hint_free(d, n == 1 ? one : NULL);
}

int tr_diff__explain(const struct tr_diff *d, const struct tr_want *const *missing, size_t n)
{
	for (size_t i = 0; i < n && d->err->code == TR_E_INVALID; i++) {
		size_t len = strlen(missing[i]->who);

		if (strncmp(d->err->msg, missing[i]->who, len) == 0 && d->err->msg[len] == ':') {
			struct tr_err inner = *d->err;

			tr_stack_fail(missing[i]->stack, missing[i]->model->at_slice, d->err,
				"model '%s'%s", missing[i]->model->name, inner.msg + len);
			return tr_hint(d->err, "%s", inner.hint);
		}
	}
	return -(int)d->err->code;
}

static int needs_root(const struct tr_diff *d, const struct tr_card *card)
{
	tr_fail(d->err, TR_E_PERMISSION, "cutting slices of GPU %u needs root", card->idx);
	return tr_hint(d->err, "sudo tranche up ...");
}

int tr_diff__no_card(const struct tr_diff *d)
{
	char why[256] = "the node has no GPU";
	const struct tr_card *one = NULL;
	TR_AUTO_BUF held = { 0 };
	size_t n = 0;

	for (size_t c = 0; c < d->scene->cards.n; c++) {
		const struct tr_card *card = &d->scene->cards.v[c];

		if (card->slices_hidden)
			return needs_root(d, card);
		if (!tr_card_can_slice(card, why) || card->mig_on)
			continue;
		say_user(d, card, &held);
		one = card;
		n++;
	}
	if (held.len) {
		tr_fail(d->err, TR_E_BUSY, "MIG is off, and cannot be turned on: %s",
			tr_buf_str(&held));
		return hint_free(d, n == 1 ? one : NULL);
	}
	return tr_fail(d->err, TR_E_UNSUPPORTED, "no slice can be cut on this node: %s", why);
}

int tr_diff__no_named_card(const struct tr_diff *d, const struct tr_want *want)
{
	const struct tr_model *model = want->model;
	const struct tr_card *card;
	TR_AUTO_BUF who = { 0 };
	char why[256];

	if (tr_card_find(&d->scene->cards, (uint32_t)model->gpu, &card, d->err) < 0) {
		tr_stack_fail(want->stack, model->at_gpu, d->err, "%s", d->err->msg);
		return tr_hint(d->err, "tranche gpus   lists them");
	}
	if (card->slices_hidden)
		return needs_root(d, card);
	if (!tr_card_can_slice(card, why))
		return tr_stack_fail(
			want->stack, model->at_gpu, d->err, "model '%s': %s", model->name, why);
	say_user(d, card, &who);
	tr_fail(d->err, TR_E_BUSY, "no room for %s: %s", want->who, tr_buf_str(&who));
	return hint_free(d, card);
}
