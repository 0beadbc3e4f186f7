/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "nvml/nvml.h"
#include "unit/sim/room.h"

#include <string.h>

static struct tr_err err;
static char library[PATH_MAX];

static int make_node(void **state)
{
	struct tr_sim_gpu_spec specs[2] = { { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL },
		{ tr_facts_product("geforce-rtx-4090"), TR_CHIP_NORMAL } };

	if (room_open(state) < 0)
		return -1;
	return tr_sim_create("nvml", specs, 2, 1, SIM_LIBRARY, &err) < 0 ||
	       tr_sim_node_path("nvml", "lib/libnvidia-ml.so.1", library, &err) < 0;
}

static void missing_library_is_named(void **state)
{
	struct tr_nvml *api = NULL;

	(void)state;
	assert_int_equal(tr_nvml_open("/no/such/libnvidia-ml.so.1", &api, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "/no/such/libnvidia-ml.so.1"));
	assert_null(api);
	tr_nvml_close(api);
}

/* fake_nvml.c has all that is needed but nvmlDeviceGetMemoryInfo. */
static void missing_call_is_named(void **state)
{
	struct tr_nvml *api = NULL;

	(void)state;
	assert_int_equal(tr_nvml_open(FAKE_LACKING, &api, &err), -TR_E_DRIVER);
	assert_non_null(strstr(err.msg, "nvmlDeviceGetMemoryInfo"));
	assert_non_null(strstr(err.msg, FAKE_LACKING));
	assert_null(api);
}

/* An old driver: what we merely want may be absent, and a call of it says which it was. */
static void missing_wish_fails_only_when_called(void **state)
{
	struct tr_nvml *api = NULL;
	nvmlReturn_t activation;

	(void)state;
	assert_int_equal(tr_nvml_open(FAKE_OLD, &api, &err), 0);
	assert_null(api->nvmlDeviceSetMigMode);
	assert_int_equal(
		TR_NVML(&err, api, nvmlDeviceSetMigMode, (NULL, 1, &activation)), -TR_E_DRIVER);
	assert_non_null(strstr(err.msg, "nvmlDeviceSetMigMode"));
	assert_non_null(strstr(err.msg, "fake 13"));
	tr_nvml_close(api);
}

static void refused_start_says_why(void **state)
{
	struct tr_nvml *api = NULL;

	(void)state;
	/* Where it was built there is no node beside it. */
	assert_int_equal(tr_nvml_open(SIM_LIBRARY, &api, &err), -TR_E_DRIVER);
	assert_non_null(strstr(err.msg, SIM_LIBRARY));
	assert_non_null(strstr(err.msg, "Driver Not Loaded"));
	assert_null(api);
}

static void answers_become_codes(void **state)
{
	static const struct {
		nvmlReturn_t result;
		int r;
	} rows[] = { { NVML_SUCCESS, 0 }, { NVML_ERROR_NO_PERMISSION, -TR_E_PERMISSION },
		{ NVML_ERROR_IN_USE, -TR_E_BUSY }, { NVML_ERROR_NOT_SUPPORTED, -TR_E_UNSUPPORTED },
		{ NVML_ERROR_NOT_FOUND, -TR_E_NOT_FOUND },
		{ NVML_ERROR_INSUFFICIENT_RESOURCES, -TR_E_NO_ROOM },
		{ NVML_ERROR_UNKNOWN, -TR_E_DRIVER }, { NVML_ERROR_GPU_IS_LOST, -TR_E_DRIVER } };
	struct tr_nvml *api = NULL;

	(void)state;
	assert_int_equal(tr_nvml_open(library, &api, &err), 0);
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		err = (struct tr_err){ 0 };
		assert_int_equal(tr_nvml_check(&err, api, rows[i].result, "nvmlX"), rows[i].r);
		assert_int_equal(err.code, -rows[i].r);
		if (rows[i].r)
			assert_int_equal(strncmp(err.msg, "nvmlX: ", 7), 0);
	}
	assert_string_equal(err.msg, "nvmlX: GPU is lost");
	tr_nvml_close(api);
}

static void calls_go_through_to_the_library(void **state)
{
	struct tr_nvml *api = NULL;
	unsigned n = 0, current, pending;
	nvmlDevice_t device;
	char name[96];

	(void)state;
	assert_int_equal(tr_nvml_open(library, &api, &err), 0);
	assert_int_equal(TR_NVML(&err, api, nvmlDeviceGetCount_v2, (&n)), 0);
	assert_int_equal(n, 2);
	assert_int_equal(TR_NVML(&err, api, nvmlDeviceGetHandleByIndex_v2, (1, &device)), 0);
	assert_int_equal(TR_NVML(&err, api, nvmlDeviceGetName, (device, name, sizeof(name))), 0);
	assert_string_equal(name, "NVIDIA GeForce RTX 4090");
	assert_int_equal(TR_NVML(&err, api, nvmlDeviceGetMigMode, (device, &current, &pending)),
		-TR_E_UNSUPPORTED);
	assert_string_equal(err.msg, "nvmlDeviceGetMigMode: Not Supported");
	tr_nvml_close(api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_library_is_named),
		cmocka_unit_test(missing_call_is_named),
		cmocka_unit_test(missing_wish_fails_only_when_called),
		cmocka_unit_test(refused_start_says_why),
		cmocka_unit_test(answers_become_codes),
		cmocka_unit_test(calls_go_through_to_the_library),
	};

	return cmocka_run_group_tests(tests, make_node, room_close);
}
