/* SPDX-License-Identifier: Apache-2.0 */
#include "core/seats.h"

#include "base/err.h"
#include "plan/recut.h"

#include <stdio.h>
#include <string.h>

void tr_seats_done(struct tr_seats *seats)
{
	free(seats->v);
	*seats = (struct tr_seats){ 0 };
}

/* A new seat at its place; NULL when memory is out. */
static struct tr_seat *add(struct tr_seats *seats, const struct tr_slice *slice, struct tr_err *err)
{
	struct tr_seat *more = realloc(seats->v, (seats->n + 1) * sizeof(*more));
	size_t at = seats->n;

	if (!more) {
		tr_fail(err, TR_E_NO_MEMORY, "list the slices: out of memory");
		return NULL;
	}
	seats->v = more;
	for (; at > 0; at--) {
		const struct tr_slice *before = &more[at - 1].slice;

		if (before->gpu_idx < slice->gpu_idx ||
			(before->gpu_idx == slice->gpu_idx && before->start <= slice->start))
			break;
		more[at] = more[at - 1];
	}
	seats->n++;
	more[at] = (struct tr_seat){ .slice = *slice,
		.memory_bytes = slice->has_memory ? slice->memory_bytes : 0 };
	return &more[at];
}

static void put_owner(
	struct tr_slice *slice, const char *stack, const char *model, uint32_t replica)
{
	slice->is_ours = true;
	slice->replica = replica;
	snprintf(slice->stack, sizeof(slice->stack), "%s", stack);
	snprintf(slice->model, sizeof(slice->model), "%s", model);
}

/* --- What is there --- */

static int add_card(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, struct tr_seats *ret, struct tr_err *err)
{
	const struct tr_server *server = tr_scene_whole(scene, card);
	struct tr_slice slice;
	struct tr_seat *seat;

	if (card->slices_hidden) {
		tr_fail(err, TR_E_PERMISSION, "the driver shows the slices of GPU %u to root only",
			card->idx);
		return tr_hint(err, "sudo tranche ...");
	}
	if (server && !card->mig_on) {
		tr_scene_whole_slice(card, server, &slice);
		return add(ret, &slice, err) ? 0 : -(int)err->code;
	}
	for (size_t i = 0; i < card->n_slices; i++) {
		const struct tr_card_slice *held = &card->slices[i];
		const struct tr_plan_profile *profile = tr_card_profile(card, held->profile_id);

		/* Several compute instances of one GPU instance take its room once. */
		if (i > 0 && card->slices[i - 1].start == held->start)
			continue;
		tr_scene_slice(node, scene, card, held, &slice);
		if (profile) {
			slice.compute_slices = profile->compute_slices;
			snprintf(slice.profile, sizeof(slice.profile), "%s", profile->name);
		}
		server = tr_scene_server_on(scene, held->uuid);
		if (server && !slice.model[0])
			put_owner(&slice, server->stack, server->model, server->replica);
		/* Without a control group of its own, nothing says what a server uses. */
		if (node->is_virtual && server && server->state == TR_SERVER_RUNNING &&
			!server->limits_enforced)
			slice.has_memory = false;
		seat = add(ret, &slice, err);
		if (!seat)
			return -(int)err->code;
		if (profile)
			seat->memory_bytes = profile->memory_mib << 20;
	}
	return 0;
}

int tr_seats_now(const struct tr_node *node, const struct tr_scene *scene, struct tr_seats *ret,
	struct tr_err *err)
{
	struct tr_seats seats = { 0 };

	for (size_t c = 0; c < scene->cards.n; c++) {
		if (add_card(node, scene, &scene->cards.v[c], &seats, err) < 0) {
			tr_seats_done(&seats);
			return -(int)err->code;
		}
	}
	*ret = seats;
	return 0;
}

/* --- What would be --- */

static struct tr_seat *find(struct tr_seats *seats, uint32_t gpu_idx, bool is_whole, uint32_t start)
{
	for (size_t i = 0; i < seats->n; i++) {
		const struct tr_slice *slice = &seats->v[i].slice;

		if (slice->gpu_idx == gpu_idx && slice->is_whole == is_whole &&
			(is_whole || slice->start == start))
			return &seats->v[i];
	}
	return NULL;
}

static void drop(struct tr_seats *seats, struct tr_seat *seat)
{
	size_t at;

	if (!seat)
		return;
	at = (size_t)(seat - seats->v);
	memmove(seat, seat + 1, (seats->n - at - 1) * sizeof(*seat));
	seats->n--;
}

/* A server that goes from a whole card leaves it empty; one on a slice leaves the slice, which has
 * an action of its own. */
static void drop_whole_of(struct tr_seats *seats, const struct tr_server *server)
{
	for (size_t i = 0; server && i < seats->n; i++) {
		const struct tr_slice *slice = &seats->v[i].slice;

		if (slice->is_whole && server->slice_uuid &&
			strcmp(slice->uuid, server->slice_uuid) == 0) {
			drop(seats, &seats->v[i]);
			return;
		}
	}
}

static int seat_want(const struct tr_scene *scene, const char *stack,
	const struct tr_action *action, struct tr_seats *seats, struct tr_err *err)
{
	const struct tr_card *card = &scene->cards.v[action->gpu_idx];
	const struct tr_plan_profile *profile =
		action->is_whole ? NULL : tr_card_profile(card, action->profile_id);
	struct tr_seat *seat = find(seats, action->gpu_idx, action->is_whole, action->start);
	struct tr_slice slice = { .gpu_idx = card->idx,
		.is_whole = action->is_whole,
		.start = action->is_whole ? 0 : action->start };

	if (action->is_whole) {
		snprintf(slice.profile, sizeof(slice.profile), "whole");
		snprintf(slice.uuid, sizeof(slice.uuid), "%s", card->uuid);
	} else if (profile) {
		snprintf(slice.profile, sizeof(slice.profile), "%s", profile->name);
		slice.profile_id = profile->id;
		slice.size = profile->size;
		slice.compute_slices = profile->compute_slices;
	}
	if (!seat) {
		seat = add(seats, &slice, err);
		if (!seat)
			return -(int)err->code;
		seat->memory_bytes = profile ? profile->memory_mib << 20 : card->memory_bytes;
	}
	put_owner(&seat->slice, stack, action->want->model->name, action->want->replica);
	seat->is_planned = action->kind == TR_STEP_START;
	return 0;
}

int tr_seats_plan(const struct tr_scene *scene, const char *stack, const struct tr_actions *actions,
	struct tr_seats *seats, struct tr_err *err)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct tr_action *action = &actions->v[i];

		if (action->kind == TR_STEP_FREE)
			drop(seats, find(seats, action->gpu_idx, false, action->start));
		else if (action->kind == TR_STEP_STOP || action->kind == TR_STEP_CLEAN)
			drop_whole_of(seats, action->server);
		else if ((action->kind == TR_STEP_KEPT || action->kind == TR_STEP_START) &&
			 seat_want(scene, stack, action, seats, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

/* --- What is left of a card --- */

static struct tr_cost_amount whole_of(const struct tr_card *card)
{
	struct tr_cost_amount whole = { 0 };

	for (size_t p = 0; p < card->n_profiles; p++) {
		const struct tr_plan_profile *profile = &card->profiles[p];

		if (profile->compute_slices > whole.compute)
			whole.compute = profile->compute_slices;
		for (uint32_t s = 0; s < profile->n_starts; s++)
			if (profile->starts[s] + profile->size > whole.memory)
				whole.memory = profile->starts[s] + profile->size;
	}
	return whole;
}

static void say_free(const struct tr_plan_gpu *gpu, char *ret, size_t size)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = gpu->n_profiles; i > 0 && len < size; i--) {
		const struct tr_plan_profile *profile = &gpu->profiles[i - 1];
		uint32_t n;

		if (strpbrk(profile->name, "+-"))
			continue;
		n = tr_plan_capacity(gpu, profile);
		if (n > 0)
			len += (size_t)snprintf(ret + len, size - len, "%s%s x%u", len ? ", " : "",
				profile->name, n);
	}
}

static uint32_t open_mask(const struct tr_plan_gpu *gpu)
{
	uint32_t mask = 0;

	for (size_t p = 0; p < gpu->n_profiles; p++) {
		const struct tr_plan_profile *profile = &gpu->profiles[p];

		for (uint32_t s = 0; s < profile->n_starts; s++)
			if (tr_plan_start_is_free(gpu, profile, profile->starts[s]))
				mask |= ((1u << profile->size) - 1u) << profile->starts[s];
	}
	return mask;
}

/* A card that one model holds as a whole has no rest; nor has one whose profiles nobody tells. */
void tr_seats_rest(
	const struct tr_card *card, const struct tr_seats *seats, struct tr_seats_rest *ret)
{
	struct tr_recut_card recut = {
		.idx = card->idx, .n_profiles = card->n_profiles, .profiles = card->profiles
	};
	struct tr_plan_used used[TR_RECUT_MAX];
	struct tr_plan_gpu gpu = { .idx = card->idx,
		.n_profiles = card->n_profiles,
		.profiles = card->profiles,
		.used = used };
	struct tr_recut plan = { 0 };
	struct tr_recut_stranded stranded;
	struct tr_cost_amount taken = { 0 };

	*ret = (struct tr_seats_rest){ .whole = whole_of(card) };
	for (size_t i = 0; i < seats->n; i++) {
		const struct tr_slice *slice = &seats->v[i].slice;

		if (slice->gpu_idx != card->idx)
			continue;
		if (slice->is_whole)
			return;
		if (recut.n_held == TR_RECUT_MAX)
			break;
		recut.held[recut.n_held] = (struct tr_recut_held){
			.profile_id = slice->profile_id, .start = slice->start, .size = slice->size
		};
		plan.v[plan.n++] = (struct tr_recut_step){
			.kind = TR_RECUT_KEEP, .held = &recut.held[recut.n_held++], .moves = -1
		};
		used[gpu.n_used++] = (struct tr_plan_used){
			.profile_id = slice->profile_id, .start = slice->start, .size = slice->size
		};
		taken.compute += slice->compute_slices;
		taken.memory += slice->size;
	}
	stranded = tr_recut_stranded(&recut, &plan, /* after= */ false);
	ret->stranded = (struct tr_cost_amount){ stranded.compute_slices, stranded.memory_slices };
	ret->open = (struct tr_cost_amount){ ret->whole.compute - taken.compute -
						     stranded.compute_slices,
		ret->whole.memory - taken.memory - stranded.memory_slices };
	ret->open_mask = open_mask(&gpu);
	say_free(&gpu, ret->free_slices, sizeof(ret->free_slices));
}
