/* SPDX-License-Identifier: Apache-2.0 */
/* Slices in the public form. */
#include "core/scene.h"

#include "base/err.h"

#include <string.h>

static struct tr_slice *add_slice(struct tr_slices *slices, struct tr_err *err)
{
	struct tr_slice *more = realloc(slices->v, (slices->n + 1) * sizeof(*more));

	if (!more) {
		tr_fail(err, TR_E_NO_MEMORY, "list the slices: out of memory");
		return NULL;
	}
	slices->v = more;
	memset(&slices->v[slices->n], 0, sizeof(*more));
	return &slices->v[slices->n++];
}

static int put_holders(
	struct tr_node *node, nvmlDevice_t device, struct tr_slice *ret, struct tr_err *err)
{
	if (!node->api->nvmlDeviceGetComputeRunningProcesses_v3)
		return 0;
	return tr_holders_read(node, device, &ret->holders, &ret->n_holders, err);
}

static int put_card(struct tr_node *node, const struct tr_scene *scene, const struct tr_card *card,
	struct tr_slices *ret, struct tr_err *err)
{
	const struct tr_server *whole = tr_scene_whole(scene, card);
	struct tr_slice *slice;

	if (card->slices_hidden) {
		tr_fail(err, TR_E_PERMISSION, "the driver shows the slices of GPU %u to root only",
			card->idx);
		return tr_hint(err, "sudo tranche ...");
	}
	if (whole && !card->mig_on) {
		slice = add_slice(ret, err);
		if (!slice)
			return -(int)err->code;
		tr_scene_whole_slice(card, whole, slice);
		return put_holders(node, card->device, slice, err);
	}
	for (size_t i = 0; i < card->n_slices; i++) {
		slice = add_slice(ret, err);
		if (!slice)
			return -(int)err->code;
		tr_scene_slice(node, scene, card, &card->slices[i], slice);
		if (card->slices[i].has_device &&
			put_holders(node, card->slices[i].device, slice, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_slices_get(struct tr_node *node, struct tr_slices **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_slices *slices;

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	slices = calloc(1, sizeof(*slices));
	if (!slices)
		return tr_fail(err, TR_E_NO_MEMORY, "list the slices: out of memory");
	for (size_t i = 0; i < scene.cards.n; i++) {
		if (put_card(node, &scene, &scene.cards.v[i], slices, err) < 0) {
			tr_slices_free(slices);
			return -(int)err->code;
		}
	}
	*ret = slices;
	return 0;
}

void tr_slices_free(struct tr_slices *slices)
{
	if (!slices)
		return;
	for (size_t i = 0; i < slices->n; i++)
		free(slices->v[i].holders);
	free(slices->v);
	free(slices);
}
