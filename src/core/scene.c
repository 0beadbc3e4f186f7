/* SPDX-License-Identifier: Apache-2.0 */
#include "core/scene.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

void tr_scene_done(struct tr_scene *scene)
{
	tr_servers_done(&scene->servers);
	tr_rows_done(&scene->rows);
	tr_cards_done(&scene->cards);
}

/* Keeps this node's servers: a runtime lists those of all nodes. */
static void keep_own(struct tr_servers *servers, const char *node)
{
	struct tr_servers others = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < servers->n; i++) {
		struct tr_server server = servers->v[i];

		if (server.node && strcmp(server.node, node) == 0) {
			servers->v[kept++] = server;
			continue;
		}
		others = (struct tr_servers){ .n = 1, .v = malloc(sizeof(server)) };
		if (!others.v)
			continue;
		others.v[0] = server;
		tr_servers_done(&others);
	}
	servers->n = kept;
}

int tr_scene_read(struct tr_node *node, bool with_servers, struct tr_scene *ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	if (tr_cards_read(node, &scene.cards, err) < 0 ||
		tr_store_rows(node->store, node->name, &scene.rows, err) < 0)
		return -(int)err->code;
	if (with_servers) {
		if (tr_servers_list(&scene.servers, err) < 0)
			return -(int)err->code;
		keep_own(&scene.servers, node->name);
	}
	*ret = scene;
	scene = (struct tr_scene){ 0 };
	return 0;
}

const struct tr_row *tr_scene_row(
	const struct tr_scene *scene, const struct tr_card *card, const struct tr_card_slice *slice)
{
	for (size_t i = 0; i < scene->rows.n; i++) {
		const struct tr_row *row = &scene->rows.v[i];

		if (row->start == slice->start && row->profile_id == slice->profile_id &&
			strcmp(row->gpu_uuid, card->uuid) == 0)
			return row;
	}
	return NULL;
}

const struct tr_server *tr_scene_server_on(const struct tr_scene *scene, const char *uuid)
{
	const struct tr_server *found = NULL;

	for (size_t i = 0; i < scene->servers.n && *uuid; i++) {
		const struct tr_server *server = &scene->servers.v[i];

		if (!server->slice_uuid || strcmp(server->slice_uuid, uuid) != 0)
			continue;
		if (!found || server->state == TR_SERVER_RUNNING)
			found = server;
	}
	return found;
}

const struct tr_server *tr_scene_whole(const struct tr_scene *scene, const struct tr_card *card)
{
	return tr_scene_server_on(scene, card->uuid);
}

void tr_scene_holder(const struct tr_scene *scene, const struct tr_card *card,
	const struct tr_card_slice *slice, char *ret, size_t size)
{
	const struct tr_row *row = tr_scene_row(scene, card, slice);

	if (!row)
		snprintf(ret, size, "not cut by tranche");
	else if (!*row->stack)
		snprintf(ret, size, "cut by 'tranche create'");
	else
		snprintf(ret, size, "stack '%s', model '%s'", row->stack, row->model);
}

void tr_scene_plan_gpu(const struct tr_scene *scene, const struct tr_card *card,
	struct tr_plan_used *used, struct tr_plan_gpu *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < card->n_slices; i++) {
		const struct tr_card_slice *slice = &card->slices[i];

		/* Several compute instances of one GPU instance take its room once. */
		if (n > 0 && used[n - 1].start == slice->start)
			continue;
		used[n] = (struct tr_plan_used){
			.profile_id = slice->profile_id, .start = slice->start, .size = slice->size
		};
		tr_scene_holder(scene, card, slice, used[n].holder, sizeof(used[n].holder));
		n++;
	}
	*ret = (struct tr_plan_gpu){ .idx = card->idx,
		.n_profiles = card->n_profiles,
		.profiles = card->profiles,
		.n_used = n,
		.used = used };
	snprintf(ret->title, sizeof(ret->title), "%s", card->name);
}

static void read_memory(const struct tr_node *node, nvmlDevice_t device, struct tr_slice *ret)
{
	nvmlMemory_t memory;

	if (node->api->nvmlDeviceGetMemoryInfo(device, &memory) != NVML_SUCCESS)
		return;
	ret->has_memory = true;
	ret->memory_bytes = memory.total;
	ret->memory_used_bytes = memory.used;
}

static void read_attributes(const struct tr_node *node, nvmlDevice_t device, struct tr_slice *ret)
{
	nvmlDeviceAttributes_t attributes;

	if (!node->api->nvmlDeviceGetAttributes_v2 ||
		node->api->nvmlDeviceGetAttributes_v2(device, &attributes) != NVML_SUCCESS)
		return;
	ret->sm = attributes.multiprocessorCount;
	ret->compute_slices = attributes.computeInstanceSliceCount;
}

void tr_scene_slice(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_slice *ret)
{
	const struct tr_row *row = tr_scene_row(scene, card, slice);

	*ret = (struct tr_slice){ .gpu_idx = card->idx,
		.profile_id = slice->profile_id,
		.start = slice->start,
		.size = slice->size,
		.is_ours = row != NULL };
	snprintf(ret->profile, sizeof(ret->profile), "%s", slice->profile);
	snprintf(ret->uuid, sizeof(ret->uuid), "%s", slice->uuid);
	if (slice->has_device) {
		read_memory(node, slice->device, ret);
		read_attributes(node, slice->device, ret);
	}
	if (!row)
		return;
	snprintf(ret->stack, sizeof(ret->stack), "%s", row->stack);
	snprintf(ret->model, sizeof(ret->model), "%s", row->model);
	ret->replica = row->replica;
}

void tr_scene_whole_slice(
	const struct tr_card *card, const struct tr_server *server, struct tr_slice *ret)
{
	*ret = (struct tr_slice){ .gpu_idx = card->idx,
		.is_whole = true,
		.has_memory = card->has_memory,
		.memory_bytes = card->memory_bytes,
		.memory_used_bytes = card->memory_used_bytes,
		.is_ours = true,
		.replica = server->replica };
	snprintf(ret->profile, sizeof(ret->profile), "whole");
	snprintf(ret->uuid, sizeof(ret->uuid), "%s", card->uuid);
	snprintf(ret->stack, sizeof(ret->stack), "%s", server->stack);
	snprintf(ret->model, sizeof(ret->model), "%s", server->model);
	if (card->product) {
		ret->compute_slices = card->product->model->compute_slices;
		ret->size = card->product->model->memory_slices;
	}
}
