/* SPDX-License-Identifier: Apache-2.0 */
/* Cards and the sizes that they offer, in the public form. */
#include "core/scene.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* How many more of a profile the card takes: the driver's own answer, else the planner's. */
static uint32_t free_count(const struct tr_node *node, const struct tr_card *card,
	const struct tr_plan_gpu *gpu, const struct tr_plan_profile *profile)
{
	unsigned n;

	if (node->api->nvmlDeviceGetGpuInstanceRemainingCapacity &&
		node->api->nvmlDeviceGetGpuInstanceRemainingCapacity(
			card->device, profile->id, &n) == NVML_SUCCESS)
		return n;
	return tr_plan_capacity(gpu, profile);
}

/* "3g.40gb x1, 1g.10gb x3": the plain sizes, the largest first. */
static void say_free(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, char *ret, size_t size)
{
	struct tr_plan_used used[TR_CARD_MAX_SLICES];
	struct tr_plan_gpu gpu;
	size_t len = 0;

	tr_scene_plan_gpu(scene, card, used, &gpu);
	for (size_t i = card->n_profiles; i > 0 && len < size; i--) {
		const struct tr_plan_profile *profile = &card->profiles[i - 1];
		uint32_t n;

		if (strpbrk(profile->name, "+-"))
			continue;
		n = free_count(node, card, &gpu, profile);
		if (n > 0)
			len += (size_t)snprintf(ret + len, size - len, "%s%s x%u", len ? ", " : "",
				profile->name, n);
	}
}

/* What stands between a card and slices; "" when nothing does. */
static void say_way(const struct tr_card *card, char *ret, size_t size)
{
	*ret = '\0';
	if (card->mig_on != card->mig_pending)
		snprintf(ret, size,
			"MIG is %s, and turns %s with the card's next reset: nvidia-smi "
			"--gpu-reset -i %u (in a virtual machine: reboot)",
			card->mig_on ? "on" : "off", card->mig_pending ? "on" : "off", card->idx);
	else if (!card->mig_on && *card->clients)
		snprintf(ret, size,
			"MIG is off, and cannot be turned on while the card is in use by %.120s",
			card->clients);
	else if (!card->mig_on)
		snprintf(
			ret, size, "MIG is off: tranche mig on --gpu %u, or tranche up", card->idx);
	else if (card->slices_hidden)
		snprintf(ret, size, "the driver shows its slices to root only");
}

static void put_gpu(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, struct tr_gpu *ret)
{
	*ret = (struct tr_gpu){ .idx = card->idx,
		.has_mig_mode = card->has_mig_mode,
		.mig_on = card->mig_on,
		.mig_pending = card->mig_pending,
		.has_memory = card->has_memory,
		.memory_bytes = card->memory_bytes,
		.memory_used_bytes = card->memory_used_bytes,
		.n_slices = (uint32_t)card->n_slices };
	snprintf(ret->name, sizeof(ret->name), "%s", card->name);
	snprintf(ret->uuid, sizeof(ret->uuid), "%s", card->uuid);
	snprintf(ret->pci, sizeof(ret->pci), "%s", card->pci);
	ret->can_slice = tr_card_can_slice(card, ret->why);
	if (ret->can_slice)
		say_way(card, ret->why, sizeof(ret->why));
	if (card->mig_on && !card->slices_hidden)
		say_free(node, scene, card, ret->free_slices, sizeof(ret->free_slices));
}

int tr_gpus_get(struct tr_node *node, struct tr_gpus **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_gpus *gpus;

	if (tr_scene_read(node, /* with_servers= */ false, &scene, err) < 0)
		return -(int)err->code;
	gpus = calloc(1, sizeof(*gpus));
	if (gpus)
		gpus->v = calloc(scene.cards.n ? scene.cards.n : 1, sizeof(*gpus->v));
	if (!gpus || !gpus->v) {
		tr_gpus_free(gpus);
		return tr_fail(err, TR_E_NO_MEMORY, "list the GPUs: out of memory");
	}
	for (; gpus->n < scene.cards.n; gpus->n++)
		put_gpu(node, &scene, &scene.cards.v[gpus->n], &gpus->v[gpus->n]);
	*ret = gpus;
	return 0;
}

void tr_gpus_free(struct tr_gpus *gpus)
{
	if (!gpus)
		return;
	free(gpus->v);
	free(gpus);
}

static void put_profile(const struct tr_node *node, const struct tr_card *card,
	const struct tr_plan_gpu *gpu, size_t i, struct tr_profile *ret)
{
	const struct tr_plan_profile *profile = &card->profiles[i];

	*ret = (struct tr_profile){ .gpu_idx = card->idx,
		.id = profile->id,
		.memory_mib = profile->memory_mib,
		.compute_slices = profile->compute_slices,
		.memory_slices = profile->size,
		.sm = card->profile_sm[i],
		.max = profile->max,
		.has_free = card->mig_on && !card->slices_hidden,
		.n_starts = profile->n_starts };
	snprintf(ret->name, sizeof(ret->name), "%s", profile->name);
	for (uint32_t s = 0; s < profile->n_starts; s++) {
		ret->starts[s] = profile->starts[s];
		ret->start_is_free[s] =
			ret->has_free && tr_plan_start_is_free(gpu, profile, profile->starts[s]);
	}
	if (ret->has_free)
		ret->free = free_count(node, card, gpu, profile);
}

static int put_profiles(struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, struct tr_profiles *ret, struct tr_err *err)
{
	struct tr_plan_used used[TR_CARD_MAX_SLICES];
	struct tr_plan_gpu gpu;
	struct tr_profile *more =
		realloc(ret->v, (ret->n + card->n_profiles + 1) * sizeof(*ret->v));

	if (!more)
		return tr_fail(err, TR_E_NO_MEMORY, "list the profiles: out of memory");
	ret->v = more;
	tr_scene_plan_gpu(scene, card, used, &gpu);
	for (size_t i = 0; i < card->n_profiles; i++)
		put_profile(node, card, &gpu, i, &ret->v[ret->n++]);
	return 0;
}

static int collect_profiles(struct tr_node *node, const struct tr_scene *scene, int gpu,
	struct tr_profiles *ret, struct tr_err *err)
{
	const struct tr_card *card;
	char why[256] = "the node has no GPU";

	if (gpu >= 0 && tr_card_find(&scene->cards, (uint32_t)gpu, &card, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < scene->cards.n; i++) {
		card = &scene->cards.v[i];
		if (gpu >= 0 && card->idx != (uint32_t)gpu)
			continue;
		if (tr_card_can_slice(card, why) && put_profiles(node, scene, card, ret, err) < 0)
			return -(int)err->code;
	}
	if (ret->n > 0)
		return 0;
	if (gpu >= 0)
		return tr_fail(err, TR_E_UNSUPPORTED, "GPU %d cannot be sliced: %s", gpu, why);
	return tr_fail(
		err, TR_E_UNSUPPORTED, "no GPU of node '%s' can be sliced: %s", node->name, why);
}

int tr_profiles_get(struct tr_node *node, int gpu, struct tr_profiles **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_profiles *profiles;

	if (tr_scene_read(node, /* with_servers= */ false, &scene, err) < 0)
		return -(int)err->code;
	profiles = calloc(1, sizeof(*profiles));
	if (!profiles)
		return tr_fail(err, TR_E_NO_MEMORY, "list the profiles: out of memory");
	if (collect_profiles(node, &scene, gpu, profiles, err) < 0) {
		tr_profiles_free(profiles);
		return -(int)err->code;
	}
	*ret = profiles;
	return 0;
}

void tr_profiles_free(struct tr_profiles *profiles)
{
	if (!profiles)
		return;
	free(profiles->v);
	free(profiles);
}
