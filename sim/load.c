/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/load.h"

#include <time.h>

/* As often as a card's own sampler looks; and the gap of a first answer. */
enum { WINDOW_MS = 166, FIRST_MS = 20, FULL = 1000 };

static struct {
	int64_t wall_ns; /* 0: never looked */
	uint64_t cpu_ns;
	uint32_t permille;
} looks[TR_SIM_MAX_GPUS];

int64_t tr_load_now_ns(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void add_cpu(const struct tr_sim_binding *row, const char *cgroup, void *arg)
{
	uint64_t ns;

	(void)row;
	if (tr_sim_cgroup_cpu(cgroup, &ns))
		*(uint64_t *)arg += ns;
}

uint64_t tr_load_cpu_ns(uint32_t gpu_idx, uint32_t gi_id)
{
	uint64_t ns = 0;

	tr_drv_each_binding(gpu_idx, gi_id, TR_SIM_WHOLE, add_cpu, &ns);
	return ns;
}

double tr_load_share_ns(const struct tr_drv_target *target, int64_t wall_ns)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	double ns = (double)wall_ns * (double)(online > 0 ? online : 1);
	uint32_t most = tr_sim_most_sm(target->model);

	return target->profile && most ? ns * target->profile->sm / most : ns;
}

static void count_binding(const struct tr_sim_binding *row, const char *cgroup, void *arg)
{
	(void)row;
	(void)cgroup;
	(*(uint32_t *)arg)++;
}

static uint32_t permille_of(const struct tr_drv_target *card, int64_t wall_ns, uint64_t cpu_ns)
{
	double part = (double)cpu_ns / tr_load_share_ns(card, wall_ns) * FULL;

	return part >= FULL ? FULL : (uint32_t)part;
}

static void look(const struct tr_drv_target *card, int64_t now)
{
	uint64_t cpu = tr_load_cpu_ns(card->gpu_idx, TR_SIM_WHOLE);

	/* Less than before: a server is gone, and with it what it had used. */
	if (looks[card->gpu_idx].wall_ns)
		looks[card->gpu_idx].permille =
			cpu < looks[card->gpu_idx].cpu_ns
				? 0
				: permille_of(card, now - looks[card->gpu_idx].wall_ns,
					  cpu - looks[card->gpu_idx].cpu_ns);
	looks[card->gpu_idx].wall_ns = now;
	looks[card->gpu_idx].cpu_ns = cpu;
}

uint32_t tr_load_permille(const struct tr_drv_target *target)
{
	struct tr_drv_target card = { .gpu_idx = target->gpu_idx,
		.gpu = target->gpu,
		.product = target->product,
		.model = target->model };
	int64_t now = tr_load_now_ns();
	struct timespec gap = { 0, FIRST_MS * 1000000L };
	uint32_t n = 0;

	tr_drv_each_binding(card.gpu_idx, TR_SIM_WHOLE, TR_SIM_WHOLE, count_binding, &n);
	if (n == 0) {
		looks[card.gpu_idx].wall_ns = 0;
		looks[card.gpu_idx].permille = 0;
		return 0;
	}
	if (!looks[card.gpu_idx].wall_ns) {
		look(&card, now);
		nanosleep(&gap, NULL);
		look(&card, tr_load_now_ns());
	} else if (now - looks[card.gpu_idx].wall_ns >= WINDOW_MS * 1000000LL) {
		look(&card, now);
	}
	return looks[card.gpu_idx].permille;
}

/* The real card draws 99 % of its limit when busy, and warms up to 26 degrees below its own. */
uint32_t tr_load_power(const struct tr_drv_target *target)
{
	const struct tr_gpu_board *board = target->product->board;
	uint32_t full;

	if (!board || !board->power_idle || !board->power_default)
		return 0;
	full = board->power_default / 100 * 99;
	return board->power_idle +
	       (uint32_t)((uint64_t)(full - board->power_idle) * tr_load_permille(target) / FULL);
}

uint32_t tr_load_temperature(const struct tr_drv_target *target, bool of_memory)
{
	enum { BELOW_LIMIT = 26, MEMORY_RISE = 5 };
	const struct tr_gpu_board *board = target->product->board;
	uint32_t idle, rise;

	if (!board || !board->temp_idle || !board->temp_limit)
		return 0;
	idle = of_memory ? board->temp_memory_idle : board->temp_idle;
	if (!idle)
		return 0;
	rise = of_memory ? MEMORY_RISE : board->temp_limit - BELOW_LIMIT - board->temp_idle;
	return idle + rise * tr_load_permille(target) / FULL;
}

uint64_t tr_load_energy(const struct tr_drv_target *target)
{
	const struct tr_gpu_board *board = target->product->board;
	double rest, work, share;

	if (!board || !board->power_idle || !board->power_default)
		return 0;
	share = tr_load_share_ns(target, 1000000000);
	rest = (double)tr_load_now_ns() / 1e9 * board->power_idle;
	work = (double)tr_load_cpu_ns(target->gpu_idx, TR_SIM_WHOLE) / share *
	       (board->power_default - board->power_idle);
	return (uint64_t)(rest + work);
}
