/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * A slice that is in use: how long it is waited for, by a clock that is turned by hand, on a driver
 * that says IN_USE as long as it is told to.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/own.h"
#include "core/cut.h"

#include <string.h>

enum { FOR_EVER = 1 << 30, NEVER = 1 << 30 };

static struct {
	int64_t now_ms;
	int64_t free_at_ms;	/* IN_USE until then */
	int64_t listed_from_ms; /* from then on the driver lists a process on it */
	bool of_compute;	/* the compute instance is what is in use, not the GPU instance */
	nvmlReturn_t otherwise; /* what is answered in place of IN_USE */
	unsigned n_compute_destroyed, n_destroyed;
} world;

static int64_t now_ms(void *arg)
{
	(void)arg;
	return world.now_ms;
}

static void sleep_ms(void *arg, int64_t ms)
{
	(void)arg;
	world.now_ms += ms;
}

/* --- The driver: one GPU instance of profile 19 at 4, with one compute instance --- */

static nvmlReturn_t get_instances(
	nvmlDevice_t device, unsigned profile_id, nvmlGpuInstance_t *ret, unsigned *n)
{
	(void)device;
	*n = profile_id == 19 && world.n_destroyed == 0;
	if (*n)
		ret[0] = (nvmlGpuInstance_t)&world;
	return NVML_SUCCESS;
}

static nvmlReturn_t get_info(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *ret)
{
	(void)instance;
	*ret = (nvmlGpuInstanceInfo_t){ .placement = { .start = 4, .size = 1 } };
	return NVML_SUCCESS;
}

static nvmlReturn_t get_compute_profile(nvmlGpuInstance_t instance, unsigned profile,
	unsigned engine, nvmlComputeInstanceProfileInfo_t *ret)
{
	(void)instance;
	(void)engine;
	if (profile > 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	*ret = (nvmlComputeInstanceProfileInfo_t){ .id = 0, .sliceCount = 1 };
	return NVML_SUCCESS;
}

static nvmlReturn_t get_computes(
	nvmlGpuInstance_t instance, unsigned profile_id, nvmlComputeInstance_t *ret, unsigned *n)
{
	(void)instance;
	(void)profile_id;
	*n = world.n_compute_destroyed == 0;
	if (*n)
		ret[0] = (nvmlComputeInstance_t)&world;
	return NVML_SUCCESS;
}

static nvmlReturn_t answer(bool is_asked, unsigned *n_destroyed)
{
	if (is_asked && world.now_ms < world.free_at_ms)
		return world.otherwise ? world.otherwise : NVML_ERROR_IN_USE;
	++*n_destroyed;
	return NVML_SUCCESS;
}

static nvmlReturn_t destroy_compute(nvmlComputeInstance_t compute)
{
	(void)compute;
	return answer(world.of_compute, &world.n_compute_destroyed);
}

static nvmlReturn_t destroy(nvmlGpuInstance_t instance)
{
	(void)instance;
	return answer(!world.of_compute, &world.n_destroyed);
}

static nvmlReturn_t list(nvmlDevice_t device, unsigned *n, nvmlProcessInfo_t *ret)
{
	(void)device;
	if (world.now_ms < world.listed_from_ms) {
		*n = 0;
		return NVML_SUCCESS;
	}
	*n = 1;
	ret[0] = (nvmlProcessInfo_t){ .pid = 1 };
	return NVML_SUCCESS;
}

static nvmlReturn_t list_none(nvmlDevice_t device, unsigned *n, nvmlProcessInfo_t *ret)
{
	(void)device;
	(void)ret;
	*n = 0;
	return NVML_SUCCESS;
}

static const char *error_string(nvmlReturn_t r)
{
	return r == NVML_ERROR_IN_USE ? "In use by another client" : "Other";
}

static int destroy_slice(struct tr_err *err)
{
	const struct tr_clock clock = { .now_ms = now_ms, .sleep_ms = sleep_ms };
	struct tr_nvml api = { .nvmlDeviceGetGpuInstances = get_instances,
		.nvmlGpuInstanceGetInfo = get_info,
		.nvmlGpuInstanceGetComputeInstanceProfileInfo = get_compute_profile,
		.nvmlGpuInstanceGetComputeInstances = get_computes,
		.nvmlComputeInstanceDestroy = destroy_compute,
		.nvmlGpuInstanceDestroy = destroy,
		.nvmlDeviceGetComputeRunningProcesses_v3 = list,
		.nvmlDeviceGetGraphicsRunningProcesses_v3 = list_none,
		.nvmlErrorString = error_string };
	const struct tr_node node = { .name = "x", .api = &api, .clock = &clock };
	const struct tr_card card = { .n_profiles = 1,
		.profiles = { { .name = "1g.10gb", .id = 19, .size = 1 } },
		.n_slices = 1,
		.slices = { { .start = 4, .size = 1, .profile_id = 19, .has_device = true } } };

	return tr_cut_destroy(&node, &card, 4, err);
}

static const struct {
	const char *title;
	int64_t free_at_ms, listed_from_ms;
	int wanted;
	int64_t least_ms, most_ms; /* that it took */
} rows[] = {
	{ "free at once", 0, NEVER, 0, 0, 0 },
	{ "free within 2 s of its process's end", 1900, 0, 0, 1900, 1940 },
	{ "somebody is on it: told after 2 s", FOR_EVER, 0, -TR_E_BUSY, 2000, 2040 },
	{ "nobody is on it: still waited for after 2 s", 7000, NEVER, 0, 7000, 7060 },
	{ "nobody is on it: told after 10 s", FOR_EVER, NEVER, -TR_E_BUSY, 10000, 10200 },
	{ "somebody comes meanwhile", FOR_EVER, 3000, -TR_E_BUSY, 4000, 4080 },
};

static void in_use_is_asked_again_for_as_long_as_it_may_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows) * 2; i++) {
		struct tr_err err = { 0 };
		const char *title = rows[i / 2].title;
		int r;

		memset(&world, 0, sizeof(world));
		world.free_at_ms = rows[i / 2].free_at_ms;
		world.listed_from_ms = rows[i / 2].listed_from_ms;
		world.of_compute = i % 2;
		r = destroy_slice(&err);
		if (r != rows[i / 2].wanted)
			fail_msg("%s: %d '%s'", title, r, err.msg);
		if (world.now_ms < rows[i / 2].least_ms || world.now_ms > rows[i / 2].most_ms)
			fail_msg("%s: after %lld ms", title, (long long)world.now_ms);
		assert_int_equal(world.n_destroyed, r == 0);
		if (r < 0 && !strstr(err.msg, "free 1g.10gb at 0:4"))
			fail_msg("%s: '%s'", title, err.msg);
	}
}

static void another_refusal_is_not_asked_again(void **state)
{
	struct tr_err err = { 0 };

	(void)state;
	memset(&world, 0, sizeof(world));
	world.free_at_ms = FOR_EVER;
	world.otherwise = NVML_ERROR_UNKNOWN;
	assert_int_equal(destroy_slice(&err), -TR_E_DRIVER);
	assert_int_equal(world.now_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_use_is_asked_again_for_as_long_as_it_may_end),
		cmocka_unit_test(another_refusal_is_not_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
