/* SPDX-License-Identifier: Apache-2.0 */
/* A scene made by hand: cards out of the facts, slices, rows and servers as a test wants them. */
#pragma once

#include "core/diff.h"

#include <stdio.h>
#include <string.h>

static const struct tr_runtime scene_runtime = { .name = "fake" };

static inline struct tr_card *scene_add_card(
	struct tr_scene *scene, const char *product_key, bool mig_on)
{
	const struct tr_gpu_product *product = tr_facts_product(product_key);
	struct tr_card *card;

	scene->cards.v = realloc(scene->cards.v, (scene->cards.n + 1) * sizeof(*card));
	card = &scene->cards.v[scene->cards.n];
	*card = (struct tr_card){ .idx = (uint32_t)scene->cards.n++,
		.product = product,
		.has_mig_mode = product->model->has_mig,
		.mig_on = mig_on,
		.mig_pending = mig_on };
	snprintf(card->name, sizeof(card->name), "%s", product->name);
	snprintf(card->uuid, sizeof(card->uuid), "GPU-%u", card->idx);
	for (uint32_t i = 0; i < product->model->n_profiles; i++) {
		const struct tr_gi_profile *row = &product->model->profiles[i];
		struct tr_plan_profile *profile = &card->profiles[card->n_profiles++];

		*profile = (struct tr_plan_profile){ .id = row->id,
			.compute_slices = row->slices,
			.size = row->size,
			.memory_mib = row->memory_mib,
			.max = row->max_instances,
			.n_starts = row->n_starts };
		snprintf(profile->name, sizeof(profile->name), "%s", row->name);
		memcpy(profile->starts, row->starts, sizeof(row->starts));
	}
	return card;
}

/* A slice at its place; by_model NULL: not ours. Its UUID is "MIG-GPU-START". */
static inline void scene_add_slice(struct tr_scene *scene, struct tr_card *card,
	uint32_t profile_id, uint32_t start, const char *stack, const char *model, uint32_t replica)
{
	const struct tr_plan_profile *profile = tr_card_profile(card, profile_id);
	struct tr_card_slice *slice = &card->slices[card->n_slices++];
	struct tr_row *row;

	*slice = (struct tr_card_slice){
		.profile_id = profile_id, .start = start, .size = profile->size, .has_device = true
	};
	snprintf(slice->profile, sizeof(slice->profile), "%s", profile->name);
	snprintf(slice->uuid, sizeof(slice->uuid), "MIG-%u-%u", card->idx, start);
	if (!stack)
		return;
	scene->rows.v = realloc(scene->rows.v, (scene->rows.n + 1) * sizeof(*row));
	row = &scene->rows.v[scene->rows.n++];
	*row = (struct tr_row){ .start = start,
		.size = profile->size,
		.profile_id = profile_id,
		.replica = replica,
		.is_cut = true };
	snprintf(row->gpu_uuid, sizeof(row->gpu_uuid), "%s", card->uuid);
	snprintf(row->profile, sizeof(row->profile), "%s", profile->name);
	snprintf(row->stack, sizeof(row->stack), "%s", stack);
	snprintf(row->model, sizeof(row->model), "%s", model);
}

static inline void scene_add_server(struct tr_scene *scene, const char *stack, const char *model,
	uint32_t replica, const char *uuid, const char *hash, enum tr_server_state state)
{
	struct tr_server *server;
	char name[160];

	snprintf(name, sizeof(name), "tranche_t_%s_%s_%u", stack, model, replica);
	scene->servers.v = realloc(scene->servers.v, (scene->servers.n + 1) * sizeof(*server));
	server = &scene->servers.v[scene->servers.n++];
	*server = (struct tr_server){ .name = strdup(name),
		.node = strdup("t"),
		.stack = strdup(stack),
		.model = strdup(model),
		.slice_uuid = strdup(uuid),
		.config_hash = strdup(hash),
		.replica = replica,
		.runtime = &scene_runtime,
		.state = state };
}

/* A stack out of its text, and what it wants. */
struct scene_stack {
	struct tr_stack *stack;
	struct tr_wants wants;
	struct tr_plan_want *plans;
};

static inline int scene_stack_open(struct scene_stack *ret, const char *text, struct tr_err *err)
{
	static struct tr_node node = { .name = "t", .is_virtual = true, .scale = 1 };

	*ret = (struct scene_stack){ 0 };
	if (tr_stack_parse("/srv/demo/tranche.yaml", text, strlen(text), &ret->stack, err) < 0 ||
		tr_wants_make(&node, ret->stack, &scene_runtime, &ret->wants, err) < 0)
		return -(int)err->code;
	ret->plans = calloc(ret->wants.n + 1, sizeof(*ret->plans));
	for (size_t i = 0; i < ret->wants.n; i++)
		if (tr_want_plan(&node, &ret->wants.v[i], &ret->plans[i], err) < 0)
			return -(int)err->code;
	return 0;
}

static inline void scene_stack_close(struct scene_stack *stack)
{
	tr_wants_done(&stack->wants);
	tr_stack_free(stack->stack);
	free(stack->plans);
}
