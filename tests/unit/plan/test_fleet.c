/* SPDX-License-Identifier: Apache-2.0 */
/* Plans for fleets: the published mixes, small ones against all that can be tried, and whether each
 * plan holds what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/own.h"
#include "plan/fleet.h"
#include "plan/profile.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { N_MODELS = 11, N_MIXES = 6 };

static const char *const names[N_MODELS] = { "bert", "densenet121", "densenet169", "densenet201",
	"inceptionv3", "mobilenetv2", "resnet101", "resnet152", "resnet50", "vgg16", "vgg19" };

static struct tr_profile profiles[N_MODELS];
static double rates[N_MIXES][N_MODELS], latencies[N_MIXES][N_MODELS]; /* 0: not in the mix */

static void read_file(const char *name, char **ret)
{
	struct tr_err err = { 0 };
	char path[512];

	snprintf(path, sizeof(path), PARVAGPU "/%s", name);
	assert_int_equal(tr_read_file(path, 1 << 20, ret, NULL, &err), 0);
}

static void read_grid(const char *name, double ret[N_MIXES][N_MODELS])
{
	TR_AUTO_FREE char *text = NULL;
	char *at;

	read_file(name, &text);
	at = text;
	for (size_t i = 0; i < N_MIXES; i++)
		for (size_t m = 0; m < N_MODELS; m++) {
			ret[i][m] = strncmp(at, "N/A", 3) == 0 ? 0 : strtod(at, NULL);
			at += strcspn(at, ",\n");
			at += *at != '\0';
		}
}

static int load(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_MODELS; m++) {
		TR_AUTO_FREE char *text = NULL;
		struct tr_err err = { 0 };
		char name[64];

		snprintf(name, sizeof(name), "prof_data/%s.csv", names[m]);
		read_file(name, &text);
		assert_int_equal(tr_profile_parse(text, strlen(text), name, &profiles[m], &err), 0);
	}
	read_grid("SLO/SLO_req_rate.csv", rates);
	read_grid("SLO/SLO_latency.csv", latencies);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_MODELS; m++)
		tr_profile_done(&profiles[m]);
	return 0;
}

static size_t mix_models(
	size_t mix, double times, const struct tr_card *card, struct tr_fleet_model ret[N_MODELS])
{
	size_t n = 0;

	for (size_t m = 0; m < N_MODELS; m++) {
		struct tr_profile_ask ask = { (int64_t)(latencies[mix][m] * 1000), 5, 0 };
		struct tr_fleet_model *model = &ret[n];

		if (rates[mix][m] == 0)
			continue;
		n++;
		*model = (struct tr_fleet_model){ .name = names[m],
			.demand = (int64_t)(rates[mix][m] * times * 1e6) };
		for (size_t s = 0; s < card->n_sizes; s++) {
			const struct tr_profile_row *row =
				tr_profile_best(&profiles[m], card->sizes[s]->slices, &ask);

			model->carries[0][s] = row ? tr_profile_carries(row) : 0;
		}
	}
	return n;
}

/* Walks a plan card by card: legal places, every model's demand carried, figures as summed up. */
static void check_plan(const struct tr_fleet *fleet, const struct tr_fleet_plan *plan)
{
	int64_t money = 0, compute = 0, stranded = 0;
	int64_t *carried = calloc(fleet->n_models, sizeof(*carried));

	assert_non_null(carried);
	for (size_t i = 0; i < plan->n_cards; i++) {
		const struct tr_fleet_card *own = &plan->cards[i];
		const struct tr_card *card = fleet->kinds[own->kind].card;
		uint8_t n[TR_CARD_SIZES] = { 0 };
		uint32_t mask = 0;
		int32_t mix;

		assert_true(own->n_slices > 0);
		money += fleet->kinds[own->kind].price;
		for (size_t k = 0; k < own->n_slices; k++) {
			const struct tr_fleet_slice *slice = &own->slices[k];
			const struct tr_gi_profile *p = card->sizes[slice->size];
			uint32_t bits = ((1u << p->size) - 1) << slice->start;

			assert_int_equal(mask & bits, 0);
			assert_non_null(memchr(p->starts, slice->start, p->n_starts));
			assert_true(slice->model < fleet->n_models);
			mask |= bits;
			n[slice->size]++;
			compute += p->slices;
			carried[slice->model] +=
				fleet->models[slice->model].carries[own->kind][slice->size];
		}
		mix = tr_card_mix_find(card, n);
		assert_true(mix > 0);
		stranded += card->mixes[mix].stranded;
	}
	for (size_t m = 0; m < fleet->n_models; m++)
		assert_true(carried[m] >= fleet->models[m].demand);
	free(carried);
	assert_int_equal(money, plan->money.value);
	assert_int_equal(compute, plan->compute.value);
	assert_int_equal(stranded, plan->stranded.value);
	assert_true(plan->money.bound <= plan->money.value);
	assert_true(plan->compute.bound <= plan->compute.value);
	assert_true(plan->stranded.bound <= plan->stranded.value);
}

static void card_of(const char *key, struct tr_card *ret)
{
	struct tr_err err = { 0 };

	assert_int_equal(tr_card_init(tr_facts_product(key)->model, ~0u, ret, &err), 0);
}

/* GPUs and compute slices as two other solvers proved them; 0: not known. */
static const struct published {
	size_t mix;
	double times;
	int64_t gpus, compute;
} published[] = {
	{ 0, 1, 2, 10 },
	{ 1, 1, 3, 20 },
	{ 2, 1, 5, 30 },
	{ 3, 1, 7, 44 },
	{ 4, 1, 12, 82 },
	{ 5, 1, 15, 105 },
	{ 5, 4, 59, 406 },
	{ 5, 16, 232, 0 },
	{ 2, 64, 228, 0 },
	{ 3, 64, 342, 0 },
	{ 4, 64, 715, 0 },
	{ 5, 64, 926, 0 },
};

static void the_published_mixes_are_planned_at_their_proven_least(void **state)
{
	TR_AUTO(tr_card_done) struct tr_card card = { 0 };

	(void)state;
	card_of("a100-80gb", &card);
	for (size_t i = 0; i < TR_COUNT(published); i++) {
		const struct published *p = &published[i];
		struct tr_fleet_model models[N_MODELS];
		struct tr_fleet fleet = {
			.n_kinds = 1, .kinds = { { &card, 1, -1 } }, .models = models
		};
		struct tr_fleet_plan *plan = NULL;
		struct tr_err err = { 0 };

		fleet.n_models = mix_models(p->mix, p->times, &card, models);
		assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), 0);
		check_plan(&fleet, plan);
		assert_int_equal(plan->money.value, p->gpus);
		assert_int_equal(plan->money.bound, p->gpus);
		assert_int_equal(plan->compute.bound, plan->compute.value);
		if (p->compute)
			assert_int_equal(plan->compute.value, p->compute);
		tr_fleet_plan_free(plan);
	}
}

/* ---- all that can be tried ---- */

struct trial {
	const struct tr_fleet *fleet;
	int64_t left[4];      /* by model */
	int n[TR_CARD_SIZES]; /* slices that are left to give */
	int64_t used, least;  /* compute */
};

/* Gives slices to models, one model after the other, each slice to it or on. */
static void give(struct trial *t, size_t model, size_t size)
{
	const struct tr_card *card = t->fleet->kinds[0].card;

	if (model == t->fleet->n_models) {
		if (t->used < t->least)
			t->least = t->used;
		return;
	}
	if (t->left[model] <= 0) {
		give(t, model + 1, 0);
		return;
	}
	for (; size < card->n_sizes; size++) {
		int64_t carries = t->fleet->models[model].carries[0][size];

		if (t->n[size] == 0 || carries == 0)
			continue;
		t->n[size]--;
		t->left[model] -= carries;
		t->used += card->sizes[size]->slices;
		give(t, model, size);
		t->used -= card->sizes[size]->slices;
		t->left[model] += carries;
		t->n[size]++;
	}
}

static void cut(struct trial *t, size_t first, int n_cards)
{
	const struct tr_card *card = t->fleet->kinds[0].card;

	if (n_cards == 0) {
		give(t, 0, 0);
		return;
	}
	for (size_t i = first; i < card->n_mixes; i++) {
		if (!card->mixes[i].is_full)
			continue;
		for (size_t s = 0; s < card->n_sizes; s++)
			t->n[s] += card->mixes[i].n[s];
		cut(t, i, n_cards - 1);
		for (size_t s = 0; s < card->n_sizes; s++)
			t->n[s] -= card->mixes[i].n[s];
	}
}

static void small_ones_are_the_least_of_all_that_can_be_tried(void **state)
{
	TR_AUTO(tr_card_done) struct tr_card card = { 0 };
	unsigned seed = 7;
	size_t n_tried = 0;

	(void)state;
	card_of("a30", &card);
	for (int round = 0; round < 300; round++) {
		struct tr_fleet_model models[4] = { 0 };
		struct tr_fleet fleet = {
			.n_kinds = 1, .kinds = { { &card, 1, -1 } }, .models = models
		};
		struct trial trial = { .fleet = &fleet, .least = INT64_MAX };
		struct tr_fleet_plan *plan = NULL;
		struct tr_err err = { 0 };
		int n_cards = 0;

		fleet.n_models = 1 + (size_t)rand_r(&seed) % 4;
		for (size_t m = 0; m < fleet.n_models; m++) {
			models[m].name = "m";
			models[m].demand = trial.left[m] = 1 + rand_r(&seed) % 400;
			for (size_t s = 0; s < card.n_sizes; s++)
				models[m].carries[0][s] =
					(int64_t)card.sizes[s]->slices * (20 + rand_r(&seed) % 60);
		}
		while (trial.least == INT64_MAX && n_cards < 4)
			cut(&trial, 0, ++n_cards);
		if (trial.least == INT64_MAX)
			continue;
		n_tried++;
		assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), 0);
		check_plan(&fleet, plan);
		assert_int_equal(plan->money.value, n_cards);
		assert_int_equal(plan->money.bound, n_cards);
		assert_int_equal(plan->compute.value, trial.least);
		assert_int_equal(plan->compute.bound, trial.least);
		tr_fleet_plan_free(plan);
	}
	assert_true(n_tried > 150);
}

/* ---- fleets ---- */

static void memory(const struct tr_card *card, uint32_t mib, int64_t ret[TR_CARD_SIZES])
{
	for (size_t s = 0; s < card->n_sizes; s++)
		ret[s] = card->sizes[s]->memory_mib >= mib;
}

static void of_two_kinds_the_cheaper_way_is_taken(void **state)
{
	static const struct {
		int64_t price, n[2]; /* of an H200, cards a plan has */
	} cases[] = { { 90, { 0, 1 } }, { 110, { 2, 0 } } };
	TR_AUTO(tr_card_done) struct tr_card a100 = { 0 };
	TR_AUTO(tr_card_done) struct tr_card h200 = { 0 };

	(void)state;
	card_of("a100-80gb", &a100);
	card_of("h200-141gb", &h200);
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		/* Four times 30 GiB: two cards of 80 GB in halves, or one of 141 GB in quarters. */
		struct tr_fleet_model model = { .name = "chat", .demand = 4 };
		struct tr_fleet fleet = { .n_kinds = 2,
			.n_models = 1,
			.models = &model,
			.kinds = { { &a100, 50, -1 }, { &h200, cases[i].price, -1 } } };
		struct tr_fleet_plan *plan = NULL;
		struct tr_err err = { 0 };
		int64_t n[2] = { 0 };

		memory(&a100, 30 * 1024, model.carries[0]);
		memory(&h200, 30 * 1024, model.carries[1]);
		assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), 0);
		check_plan(&fleet, plan);
		for (size_t c = 0; c < plan->n_cards; c++)
			n[plan->cards[c].kind]++;
		assert_int_equal(n[0], cases[i].n[0]);
		assert_int_equal(n[1], cases[i].n[1]);
		assert_int_equal(plan->money.bound, plan->money.value);
		tr_fleet_plan_free(plan);
	}
}

static void too_few_cards_are_told_and_so_is_a_model_that_fits_nowhere(void **state)
{
	TR_AUTO(tr_card_done) struct tr_card card = { 0 };
	struct tr_fleet_model model = { .name = "chat", .demand = 9 };
	struct tr_fleet fleet = {
		.n_kinds = 1, .n_models = 1, .models = &model, .kinds = { { &card, 1, 4 } }
	};
	struct tr_fleet_plan *plan = NULL;
	struct tr_err err = { 0 };

	(void)state;
	card_of("a100-80gb", &card);
	memory(&card, 30 * 1024, model.carries[0]);
	assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), -TR_E_NO_ROOM);
	assert_string_equal(err.msg, "the models need more cards than there are");
	fleet.kinds[0].most = 5;
	assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), 0);
	assert_int_equal(plan->money.value, 5);
	check_plan(&fleet, plan);
	tr_fleet_plan_free(plan);
	plan = NULL;
	memory(&card, 90 * 1024, model.carries[0]);
	assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "model 'chat': no slice of any card named carries it");
	assert_null(plan);
}

static void of_equal_ways_the_one_that_strands_least_memory_is_taken(void **state)
{
	TR_AUTO(tr_card_done) struct tr_card card = { 0 };
	/* Seven of 9 GiB: seven small slices would leave the eighth of the memory to nobody. */
	struct tr_fleet_model model = { .name = "chat", .demand = 7 };
	struct tr_fleet fleet = {
		.n_kinds = 1, .n_models = 1, .models = &model, .kinds = { { &card, 1, -1 } }
	};
	struct tr_fleet_plan *plan = NULL;
	struct tr_err err = { 0 };

	(void)state;
	card_of("a100-80gb", &card);
	memory(&card, 9 * 1024, model.carries[0]);
	assert_int_equal(tr_fleet_plan(&fleet, &plan, &err), 0);
	check_plan(&fleet, plan);
	assert_int_equal(plan->money.value, 1);
	assert_int_equal(plan->compute.value, 7);
	assert_int_equal(plan->stranded.value, 0);
	assert_string_equal(card.sizes[plan->cards[0].slices[6].size]->name, "1g.20gb");
	tr_fleet_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_mixes_are_planned_at_their_proven_least),
		cmocka_unit_test(small_ones_are_the_least_of_all_that_can_be_tried),
		cmocka_unit_test(of_two_kinds_the_cheaper_way_is_taken),
		cmocka_unit_test(too_few_cards_are_told_and_so_is_a_model_that_fits_nowhere),
		cmocka_unit_test(of_equal_ways_the_one_that_strands_least_memory_is_taken),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
