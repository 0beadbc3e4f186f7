/* SPDX-License-Identifier: Apache-2.0 */
/* Cards as the planner sees them, made from the facts, for its tests. */
#pragma once

#include "facts/facts.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARD_MAX_PROFILES = 16, CARD_MAX_USED = 16 };

struct card {
	struct tr_plan_gpu gpu;
	struct tr_plan_profile profiles[CARD_MAX_PROFILES];
	struct tr_plan_used used[CARD_MAX_USED];
};

static inline void card_init(struct card *card, uint32_t idx, const char *product)
{
	const struct tr_gpu_model *model = tr_facts_product(product)->model;

	memset(card, 0, sizeof(*card));
	card->gpu.idx = idx;
	snprintf(card->gpu.title, sizeof(card->gpu.title), "%s", model->title);
	card->gpu.profiles = card->profiles;
	card->gpu.used = card->used;
	card->gpu.n_profiles = model->n_profiles;
	for (uint32_t i = 0; i < model->n_profiles; i++) {
		const struct tr_gi_profile *from = &model->profiles[i];
		struct tr_plan_profile *to = &card->profiles[i];

		snprintf(to->name, sizeof(to->name), "%s", from->name);
		to->id = from->id;
		to->compute_slices = from->slices;
		to->size = from->size;
		to->memory_mib = from->memory_mib;
		to->max = from->max_instances;
		to->n_starts = from->n_starts;
		memcpy(to->starts, from->starts, from->n_starts);
	}
}

static inline const struct tr_plan_profile *card_profile(const struct card *card, uint32_t id)
{
	for (size_t i = 0; i < card->gpu.n_profiles; i++)
		if (card->profiles[i].id == id)
			return &card->profiles[i];
	return NULL;
}

/* Adds a slice that is there already: "2g.20gb:4". */
static inline void card_hold(struct card *card, const char *what)
{
	size_t len = strcspn(what, ":");
	struct tr_plan_used *used = &card->used[card->gpu.n_used++];

	for (size_t i = 0; i < card->gpu.n_profiles; i++)
		if (strlen(card->profiles[i].name) == len &&
			strncmp(card->profiles[i].name, what, len) == 0)
			*used = (struct tr_plan_used){ .profile_id = card->profiles[i].id,
				.start = (uint32_t)atoi(what + len + 1),
				.size = card->profiles[i].size };
	snprintf(used->holder, sizeof(used->holder), "stack 'held'");
}

/* "2g.20gb", "2g.20gb:4", an id, or a number of MiB (more than 999). */
static inline void want_init(
	struct tr_plan_want *want, const char *text, char name[32], char who[64], size_t number)
{
	const char *colon = strchr(text, ':');
	unsigned long mib = strtoul(text, NULL, 10);

	snprintf(name, 32, "%.*s", (int)strcspn(text, ":"), text);
	snprintf(who, 64, "want %zu (%s)", number, text);
	*want = (struct tr_plan_want){ .who = who,
		.profile = mib > 999 ? NULL : name,
		.memory_mib = mib > 999 ? mib : 0,
		.gpu = -1,
		.start = colon ? atoi(colon + 1) : -1 };
}
