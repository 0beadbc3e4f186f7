/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/own.h"
#include "core/where.h"

#include <string.h>

#define ID "3f1c2d4e5a6b7c8d9e0f3f1c2d4e5a6b7c8d9e0f3f1c2d4e5a6b7c8d9e0f0123"

static const struct {
	const char *cgroup, *where;
} rows[] = {
	{ "", "" },
	{ "0::/user.slice/user-0.slice/session-1.scope\n", "" },
	{ "0::/system.slice/app.service\n", "unit app.service" },
	{ "0::/system.slice/docker-" ID ".scope\n", "container 3f1c2d4e5a6b" },
	{ "12:memory:/docker/" ID "\n11:cpu:/docker/" ID "\n", "container 3f1c2d4e5a6b" },
	{ "0::/machine.slice/libpod-" ID ".scope/container\n", "container 3f1c2d4e5a6b" },
	{ "0::/system.slice/web.service/libpod-payload-" ID "\n",
		"container 3f1c2d4e5a6b, unit web.service" },
	{ "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n",
		"container 3f1c2d4e5a6b" },
	{ "0::/system.slice/a.services/x\n", "" },
	{ "0::/user.slice/user@1000.service/app.slice/llama.service\n", "unit llama.service" },
};

static void container_and_unit_are_read_off_the_cgroup(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		char where[128];

		tr_where_of_cgroup(rows[i].cgroup, where, sizeof(where));
		assert_string_equal(where, rows[i].where);
	}
}

static void a_group_holds_what_is_below_it_and_no_other(void **state)
{
	static const char text[] =
		"12:memory:/tranche/lab_a_0/inner\n11:cpu,cpuacct:/other\n0::/\n";

	(void)state;
	assert_true(tr_where_cgroup_is_in(text, "/tranche/lab_a_0"));
	assert_true(tr_where_cgroup_is_in(text, "/tranche/lab_a_0/inner"));
	assert_true(tr_where_cgroup_is_in(text, "/other"));
	assert_false(tr_where_cgroup_is_in(text, "/tranche/lab_a"));
	assert_false(tr_where_cgroup_is_in(text, "/lab_a_0"));
	assert_false(tr_where_cgroup_is_in(text, "/inner"));
	assert_false(tr_where_cgroup_is_in(text, ""));
	assert_false(tr_where_cgroup_is_in(text, NULL));
	assert_false(tr_where_cgroup_is_in("", "/"));
	assert_false(tr_where_is_in(INT32_MAX, "/"));
}

static void a_process_that_is_gone_is_nowhere(void **state)
{
	char where[128] = "x";

	(void)state;
	tr_where_of_pid(INT32_MAX, where, sizeof(where));
	assert_string_equal(where, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_and_unit_are_read_off_the_cgroup),
		cmocka_unit_test(a_group_holds_what_is_below_it_and_no_other),
		cmocka_unit_test(a_process_that_is_gone_is_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
