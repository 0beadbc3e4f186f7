/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans for ParvaGPU's mixes, or for random ones of its models, on A100-80GB; fleet.py puts glpsol
 * beside each.
 *
 *	bench_fleet FIXTURE [N [SEED]]
 *
 *	model DEMAND CARRIES-1 -2 -3 -4 -7		for each model, in millionths of a request
 *	plan TITLE CARDS BOUND COMPUTE BOUND STRANDED BOUND MS
 *
 * Rates and latencies are scaled as the paper's code has them: a row serves where its latency is
 * below 0.45 of the target, at most 5 processes. MS is CPU time, the least of 5 runs.
 */
#include "plan/fleet.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/own.h"
#include "plan/profile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { N_MODELS = 11, N_MIXES = 6, RUNS = 5 };

static const char *const names[N_MODELS] = { "bert", "densenet121", "densenet169", "densenet201",
	"inceptionv3", "mobilenetv2", "resnet101", "resnet152", "resnet50", "vgg16", "vgg19" };

static struct tr_profile profiles[N_MODELS];
static double rates[N_MIXES][N_MODELS], latencies[N_MIXES][N_MODELS]; /* 0: not in the mix */
static struct tr_card card;
static unsigned seed = 1;

static int read_fixture(const char *dir, const char *name, char **ret, struct tr_err *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return tr_read_file(path, 1 << 20, ret, NULL, err);
}

static int read_grid(
	const char *dir, const char *name, double ret[N_MIXES][N_MODELS], struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	char *at;

	if (read_fixture(dir, name, &text, err) < 0)
		return -(int)err->code;
	at = text;
	for (size_t i = 0; i < N_MIXES; i++)
		for (size_t m = 0; m < N_MODELS; m++) {
			ret[i][m] = strncmp(at, "N/A", 3) == 0 ? 0 : strtod(at, NULL);
			at += strcspn(at, ",\n");
			at += *at != '\0';
		}
	return 0;
}

static int load(const char *dir, struct tr_err *err)
{
	for (size_t m = 0; m < N_MODELS; m++) {
		TR_AUTO_FREE char *text = NULL;
		char name[64];

		snprintf(name, sizeof(name), "prof_data/%s.csv", names[m]);
		if (read_fixture(dir, name, &text, err) < 0 ||
			tr_profile_parse(text, strlen(text), name, &profiles[m], err) < 0)
			return -(int)err->code;
	}
	if (read_grid(dir, "SLO/SLO_req_rate.csv", rates, err) < 0 ||
		read_grid(dir, "SLO/SLO_latency.csv", latencies, err) < 0)
		return -(int)err->code;
	return tr_card_init(tr_facts_product("a100-80gb")->model, ~0u, &card, err);
}

static void set_model(size_t m, double rate, double latency_ms, struct tr_fleet_model *ret)
{
	struct tr_profile_ask ask = { (int64_t)(latency_ms * 1000), 5, 0 };

	*ret = (struct tr_fleet_model){ .name = names[m], .demand = (int64_t)(rate * 1e6) };
	printf("model %lld", (long long)ret->demand);
	for (size_t s = 0; s < card.n_sizes; s++) {
		const struct tr_profile_row *row =
			tr_profile_best(&profiles[m], card.sizes[s]->slices, &ask);

		ret->carries[0][s] = row ? tr_profile_carries(row) : 0;
		/* The larger memory of profile 15 carries what the other size of one slice does. */
		if (s == 0 || card.sizes[s]->slices != card.sizes[s - 1]->slices)
			printf(" %lld", (long long)ret->carries[0][s]);
	}
	putchar('\n');
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int plan(
	const char *title, const struct tr_fleet_model *models, size_t n, struct tr_err *err)
{
	struct tr_fleet fleet = {
		.n_kinds = 1, .kinds = { { &card, 1, -1 } }, .n_models = n, .models = models
	};
	double least = INFINITY;

	for (int i = 0; i < RUNS; i++) {
		struct tr_fleet_plan *plan = NULL;
		double start = now_ms();

		if (tr_fleet_plan(&fleet, &plan, err) < 0)
			return -(int)err->code;
		least = fmin(least, now_ms() - start);
		if (i == RUNS - 1)
			printf("plan %s %lld %lld %lld %lld %lld %lld %.2f\n", title,
				(long long)plan->money.value, (long long)plan->money.bound,
				(long long)plan->compute.value, (long long)plan->compute.bound,
				(long long)plan->stranded.value, (long long)plan->stranded.bound,
				least);
		tr_fleet_plan_free(plan);
	}
	return 0;
}

static int plan_published(struct tr_err *err)
{
	static const int times[] = { 1, 4, 16, 64 };

	for (size_t t = 0; t < TR_COUNT(times); t++)
		for (size_t i = 0; i < N_MIXES; i++) {
			struct tr_fleet_model models[N_MODELS];
			size_t n = 0;
			char title[16];

			for (size_t m = 0; m < N_MODELS; m++)
				if (rates[i][m] > 0)
					set_model(m, rates[i][m] * times[t], latencies[i][m],
						&models[n++]);
			snprintf(title, sizeof(title), "S%zux%d", i + 1, times[t]);
			if (plan(title, models, n, err) < 0)
				return -(int)err->code;
		}
	return 0;
}

/* 3 to 11 of the models, 20 to 30,000 requests a second, a target of one of the mixes. */
static int plan_random(int n_plans, struct tr_err *err)
{
	for (int i = 0; i < n_plans; i++) {
		struct tr_fleet_model models[N_MODELS];
		size_t n = 3 + (size_t)rand_r(&seed) % (N_MODELS - 2), left = n, k = 0;
		char title[32];

		for (size_t m = 0; m < N_MODELS; m++) {
			double rate = 20 * pow(1500, rand_r(&seed) / (double)RAND_MAX);
			size_t mix = (size_t)rand_r(&seed) % N_MIXES;

			if ((size_t)rand_r(&seed) % (N_MODELS - m) >= left)
				continue;
			left--;
			while (latencies[mix][m] == 0)
				mix = (mix + 1) % N_MIXES;
			set_model(m, round(rate * 10) / 10, latencies[mix][m], &models[k++]);
		}
		snprintf(title, sizeof(title), "random-%d", i);
		if (plan(title, models, n, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct tr_err err = { 0 };
	int r;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_fleet FIXTURE [N [SEED]]\n");
		return 2;
	}
	if (argc > 3)
		seed = (unsigned)strtoul(argv[3], NULL, 10);
	r = load(argv[1], &err);
	if (r == 0)
		r = argc > 2 ? plan_random((int)strtol(argv[2], NULL, 10), &err)
			     : plan_published(&err);
	if (r < 0)
		fprintf(stderr, "bench_fleet: %s\n", err.msg);
	for (size_t m = 0; m < N_MODELS; m++)
		tr_profile_done(&profiles[m]);
	tr_card_done(&card);
	return r < 0;
}
