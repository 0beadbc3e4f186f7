/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is, at one moment: the cards and their slices, our rows, the servers of this node.
 *
 * A slice is ours when a row stands at its place with its profile. A UUID proves nothing: the same
 * place has the same UUID whoever cuts it.
 */
#pragma once

#include "core/card.h"
#include "core/store.h"
#include "run/run.h"

struct tr_scene {
	struct tr_cards cards;
	struct tr_rows rows;
	struct tr_servers servers;
};

/* with_servers false leaves the servers out: it saves asking the container engine. */
int tr_scene_read(
	struct tr_node *node, bool with_servers, struct tr_scene *ret, struct tr_err *err);
void tr_scene_done(struct tr_scene *scene);

/* The row of a slice; NULL when it is not ours. */
const struct tr_row *tr_scene_row(const struct tr_scene *scene, const struct tr_card *card,
	const struct tr_card_slice *slice);
/* The server on a slice or a whole card, running or not; NULL when there is none. */
const struct tr_server *tr_scene_server_on(const struct tr_scene *scene, const char *uuid);
/* The server that a whole card is held by; NULL when none. */
const struct tr_server *tr_scene_whole(const struct tr_scene *scene, const struct tr_card *card);

/* "stack 'demo', model 'chat'", "cut by tranche create", "not cut by tranche". */
void tr_scene_holder(const struct tr_scene *scene, const struct tr_card *card,
	const struct tr_card_slice *slice, char *ret, size_t size);

/* A card as the planner sees it. `used` needs room for TR_CARD_MAX_SLICES and is filled; both are
 * borrowed by the result. */
void tr_scene_plan_gpu(const struct tr_scene *scene, const struct tr_card *card,
	struct tr_plan_used *used, struct tr_plan_gpu *ret);

/* One slice in the public form, holders left out; its memory is asked of the driver. */
void tr_scene_slice(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_slice *ret);
/* A whole card that a model holds, in the same form. */
void tr_scene_whole_slice(
	const struct tr_card *card, const struct tr_server *server, struct tr_slice *ret);
