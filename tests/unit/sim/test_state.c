/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "room.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static struct tr_err err;
static struct tr_sim_node node;

static int make(const char *name, uint32_t n_gpus)
{
	struct tr_sim_gpu_spec specs[TR_SIM_MAX_GPUS];

	for (int i = 0; i < TR_SIM_MAX_GPUS; i++)
		specs[i] =
			(struct tr_sim_gpu_spec){ tr_facts_product("a100-80gb"), TR_CHIP_NORMAL };
	return tr_sim_create(name, specs, n_gpus, 1, SIM_LIBRARY, &err);
}

static void created_node_is_read_back(void **state)
{
	char path[PATH_MAX], link[PATH_MAX];
	TR_AUTO_STRV names = { 0 };
	uint8_t uuid[16];

	(void)state;
	assert_int_equal(make("beta", 2), 0);
	assert_int_equal(make("alpha", 1), 0);
	assert_int_equal(tr_sim_read("beta", &node, &err), 0);
	assert_string_equal(node.name, "beta");
	assert_int_equal(node.n_gpus, 2);
	assert_string_equal(node.gpus[1].product_key, "a100-sxm4-80gb");
	assert_true(memcmp(node.gpus[0].uuid, node.gpus[1].uuid, 16) != 0);
	assert_int_equal(node.gpus[0].uuid[6] >> 4, 5);
	assert_int_equal(tr_sim_node_path("beta", "lib/libnvidia-ml.so.1", path, &err), 0);
	assert_true(tr_is_file(path));
	assert_int_equal(tr_sim_node_path("beta", "lib/libnvidia-ml.so", link, &err), 0);
	assert_true(tr_is_file(link));
	assert_int_equal(tr_sim_list(&names, &err), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "alpha");
	memcpy(uuid, node.gpus[1].uuid, 16);
	assert_int_equal(make("beta", 2), -TR_E_EXISTS);
	assert_int_equal(tr_sim_destroy("beta", false, &err), 0);
	assert_int_equal(tr_sim_read("beta", &node, &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_destroy("beta", false, &err), -TR_E_NOT_FOUND);
	assert_int_equal(make("beta", 2), 0);
	assert_int_equal(tr_sim_read("beta", &node, &err), 0);
	assert_memory_equal(uuid, node.gpus[1].uuid, 16);
	assert_int_equal(tr_sim_destroy("beta", false, &err), 0);
	assert_int_equal(tr_sim_destroy("alpha", false, &err), 0);
}

static void bad_wishes_are_refused(void **state)
{
	static const char *const names[] = { "", "-a", "A", "a/b", "..", ".new-a", "a b",
		"a2345678901234567890123456789012" };
	struct tr_sim_gpu_spec spec = { tr_facts_product("a30"), TR_CHIP_SWAPPED };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(names); i++)
		assert_int_equal(make(names[i], 1), -TR_E_INVALID);
	assert_int_equal(make("a", 0), -TR_E_INVALID);
	assert_int_equal(make("a", TR_SIM_MAX_GPUS + 1), -TR_E_INVALID);
	assert_int_equal(tr_sim_create("a", &spec, 1, 1, SIM_LIBRARY, &err), -TR_E_INVALID);
	spec.chip = TR_CHIP_NORMAL;
	assert_int_equal(tr_sim_create("a", &spec, 1, 0, SIM_LIBRARY, &err), -TR_E_INVALID);
	assert_int_equal(
		tr_sim_create("a", &spec, 1, 1, "/no/such/library", &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_read("a", &node, &err), -TR_E_NOT_FOUND);
}

/* Each side has a lock: in one folder they would be the same, and be waited for for ever. */
static void both_sides_in_one_folder_are_refused(void **state)
{
	TR_AUTO_FREE char *var = strdup(getenv("TRANCHE_STATE_DIR"));

	(void)state;
	assert_non_null(var);
	setenv("TRANCHE_STATE_DIR", getenv("TRANCHE_RUN_DIR"), 1);
	assert_int_equal(make("a", 1), -TR_E_INVALID);
	assert_non_null(strstr(err.hint, "TRANCHE_STATE_DIR"));
	setenv("TRANCHE_STATE_DIR", var, 1);
	assert_int_equal(make("a", 1), 0);
	assert_int_equal(tr_sim_destroy("a", false, &err), 0);
}

static void half_made_nodes_are_swept(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX + 32];
	TR_AUTO_STRV names = { 0 };

	(void)state;
	assert_int_equal(make("whole", 1), 0);
	assert_int_equal(tr_run_dir(dir, &err), 0);
	snprintf(path, sizeof(path), "%s/virtual/.new-half", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(tr_sim_list(&names, &err), 0);
	assert_int_equal(names.n, 1);
	assert_false(tr_is_dir(path));
	assert_int_equal(tr_sim_destroy("whole", false, &err), 0);
}

/* Every card's serial is the same number, in each state that is ever published. */
static int count_up(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	for (uint32_t g = 0; g < now->n_gpus; g++)
		now->gpus[g].serial = now->gpus[0].serial + (g == 0);
	return 0;
}

static int zero(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	for (uint32_t g = 0; g < now->n_gpus; g++)
		now->gpus[g].serial = 0;
	return 0;
}

static void assert_whole(void)
{
	for (uint32_t g = 1; g < node.n_gpus; g++)
		assert_int_equal(node.gpus[g].serial, node.gpus[0].serial);
}

static pid_t start_writer(const char *dir, int n)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct tr_err child_err;

		for (int i = 0; i < n; i++)
			if (tr_sim_change(dir, count_up, NULL, &child_err) < 0)
				_exit(1);
		_exit(0);
	}
	return pid;
}

static void killed_writers_leave_whole_states(void **state)
{
	unsigned seed = 1;
	char dir[PATH_MAX];
	uint64_t last = 0;

	(void)state;
	assert_int_equal(make("kill", TR_SIM_MAX_GPUS), 0);
	assert_int_equal(tr_sim_node_path("kill", "", dir, &err), 0);
	assert_int_equal(tr_sim_change(dir, zero, NULL, &err), 0);
	for (int round = 0; round < 200; round++) {
		pid_t pid = start_writer(dir, 1 << 30);

		usleep((useconds_t)((unsigned)rand_r(&seed) % (500u + 80u * (unsigned)round)));
		assert_int_equal(tr_sim_read("kill", &node, &err), 0);
		assert_whole();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_int_equal(tr_sim_read("kill", &node, &err), 0);
		assert_whole();
		assert_true(node.gpus[0].serial >= last);
		last = node.gpus[0].serial;
	}
	assert_true(last > 0);
	assert_int_equal(tr_sim_destroy("kill", false, &err), 0);
}

static void writers_take_turns(void **state)
{
	char dir[PATH_MAX];
	pid_t pids[2];
	int status;

	(void)state;
	assert_int_equal(make("two", TR_SIM_MAX_GPUS), 0);
	assert_int_equal(tr_sim_node_path("two", "", dir, &err), 0);
	assert_int_equal(tr_sim_change(dir, zero, NULL, &err), 0);
	for (int i = 0; i < 2; i++)
		pids[i] = start_writer(dir, 500);
	for (int i = 0; i < 2; i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(tr_sim_read("two", &node, &err), 0);
	assert_int_equal(node.gpus[0].serial, 1000);
	assert_whole();
	assert_int_equal(tr_sim_destroy("two", false, &err), 0);
}

static int refuse(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	now->scale = 99;
	return tr_fail(ret_err, TR_E_BUSY, "no");
}

static void refused_change_changes_nothing(void **state)
{
	char dir[PATH_MAX];

	(void)state;
	assert_int_equal(make("no", 1), 0);
	assert_int_equal(tr_sim_node_path("no", "", dir, &err), 0);
	assert_int_equal(tr_sim_change(dir, refuse, NULL, &err), -TR_E_BUSY);
	assert_int_equal(tr_sim_read("no", &node, &err), 0);
	assert_int_equal(node.scale, 1);
	assert_int_equal(tr_sim_destroy("no", false, &err), 0);
	assert_int_equal(tr_sim_change(dir, refuse, NULL, &err), -TR_E_NOT_FOUND);
}

static int add_slice(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	struct tr_sim_gi *gi = &now->gpus[0].gis[5];

	(void)arg;
	(void)ret_err;
	now->gpus[0].mig_current = now->gpus[0].mig_pending = 1;
	*gi = (struct tr_sim_gi){ .exists = 1, .profile_id = 14, .start = 4, .size = 2 };
	gi->cis[0] = (struct tr_sim_ci){ .exists = 1, .profile_id = 1, .size = 2 };
	tr_sim_mig_uuid(&now->gpus[0], 5, 0, gi->cis[0].uuid);
	return 0;
}

static int drop_slice(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	memset(&now->gpus[0].gis[5], 0, sizeof(now->gpus[0].gis[5]));
	return 0;
}

static void views_follow_the_slices(void **state)
{
	struct tr_sim_guest_mounts mounts;
	struct tr_sim_limits limits;
	char dir[PATH_MAX], uuid[41];
	struct stat st;
	uint64_t ino;

	(void)state;
	assert_int_equal(make("views", 1), 0);
	assert_int_equal(tr_sim_node_path("views", "", dir, &err), 0);
	assert_int_equal(tr_sim_change(dir, add_slice, NULL, &err), 0);
	assert_int_equal(tr_sim_read("views", &node, &err), 0);
	tr_sim_uuid_text("MIG-", node.gpus[0].gis[5].cis[0].uuid, uuid);
	assert_int_equal(tr_sim_guest_mounts("views", uuid, &mounts, &err), 0);
	assert_int_equal(stat(mounts.view, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_ino, node.gpus[0].gis[5].cis[0].view_ino);
	assert_int_equal(st.st_dev, node.gpus[0].gis[5].cis[0].view_dev);
	assert_int_equal(tr_sim_slice_limits("views", uuid, &limits, &err), 0);
	assert_int_equal(limits.memory_bytes, 19968ULL << 20);
	assert_int_equal(limits.cpu_millis, sysconf(_SC_NPROCESSORS_ONLN) * 1000 * 28 / 98);
	ino = st.st_ino;
	/* Held open, as a container's mount holds it, so that the number is not used again. */
	TR_AUTO_CLOSE int held = open(mounts.view, O_RDONLY | O_CLOEXEC);

	assert_true(held >= 0);
	assert_int_equal(tr_sim_change(dir, drop_slice, NULL, &err), 0);
	assert_false(tr_is_file(mounts.view));
	assert_int_equal(tr_sim_guest_mounts("views", uuid, &mounts, &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_change(dir, add_slice, NULL, &err), 0);
	assert_int_equal(stat(mounts.view, &st), 0);
	assert_int_not_equal(st.st_ino, ino);
	tr_sim_uuid_text("GPU-", node.gpus[0].uuid, uuid);
	assert_int_equal(tr_sim_guest_mounts("views", uuid, &mounts, &err), 0);
	assert_true(tr_is_file(mounts.view));
	assert_int_equal(tr_sim_destroy("views", false, &err), 0);
}

static void reboot_keeps_only_what_cards_keep(void **state)
{
	struct tr_sim_gpu_spec specs[2] = { { tr_facts_product("a100-80gb"), TR_CHIP_NORMAL },
		{ tr_facts_product("h100-sxm5-80gb"), TR_CHIP_NORMAL } };
	char dir[PATH_MAX];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tr_sim_create("boot", &specs[i], 1, 4, SIM_LIBRARY, &err), 0);
		assert_int_equal(tr_sim_node_path("boot", "", dir, &err), 0);
		assert_int_equal(tr_sim_change(dir, add_slice, NULL, &err), 0);
		assert_int_equal(tr_sim_restore("boot", SIM_LIBRARY, &err), -TR_E_EXISTS);
		assert_int_equal(tr_rm_tree(dir, &err), 0); /* /run is empty after a boot */
		assert_int_equal(tr_sim_restore("boot", SIM_LIBRARY, &err), 0);
		assert_int_equal(tr_sim_read("boot", &node, &err), 0);
		assert_int_equal(node.scale, 4);
		assert_int_equal(node.gpus[0].mig_current, i == 0);
		assert_int_equal(node.gpus[0].gis[5].exists, 0);
		assert_int_equal(tr_sim_reset("boot", 0, &err), 0);
		assert_int_equal(tr_sim_reset("boot", 1, &err), -TR_E_NOT_FOUND);
		assert_int_equal(tr_sim_destroy("boot", false, &err), 0);
	}
	assert_int_equal(tr_sim_restore("boot", SIM_LIBRARY, &err), -TR_E_NOT_FOUND);
}

static void bindings_live_as_long_as_their_cgroup(void **state)
{
	char dir[PATH_MAX], uuid[41], card[41], cgroup[64], cgroup_dir[128];
	int32_t pids[8];
	uint64_t bytes;
	pid_t pid;

	(void)state;
	if (!room_cgroup_make(cgroup, cgroup_dir))
		skip();
	assert_int_equal(make("bind", 1), 0);
	assert_int_equal(tr_sim_node_path("bind", "", dir, &err), 0);
	assert_int_equal(tr_sim_change(dir, add_slice, NULL, &err), 0);
	assert_int_equal(tr_sim_read("bind", &node, &err), 0);
	tr_sim_uuid_text("MIG-", node.gpus[0].gis[5].cis[0].uuid, uuid);
	assert_int_equal(tr_sim_bind("bind", "MIG-x", cgroup, &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_bind("bind", uuid, "/no/such", &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_bind("bind", uuid, "/../../etc", &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_sim_bind("bind", uuid, "relative", &err), -TR_E_INVALID);
	assert_int_equal(tr_sim_bind("bind", uuid, cgroup, &err), 0);
	assert_int_equal(tr_sim_bind("bind", uuid, cgroup, &err), 0);
	assert_int_equal(tr_sim_read("bind", &node, &err), 0);
	assert_int_equal(node.bindings[0].in_use, 1);
	assert_int_equal(node.bindings[1].in_use, 0);
	assert_true(tr_sim_is_bound(&node, 0, 5, 0));
	assert_false(tr_sim_is_bound(&node, 0, 4, 0));
	/* Who is on it may claim it; nobody else, nor the card that it is a part of. */
	assert_int_equal(tr_sim_claim("bind", uuid, cgroup, &err), 0);
	assert_int_equal(tr_sim_claim("bind", uuid, "/", &err), -TR_E_BUSY);
	assert_non_null(strstr(err.msg, cgroup));
	tr_sim_uuid_text("GPU-", node.gpus[0].uuid, card);
	assert_int_equal(tr_sim_claim("bind", card, "/", &err), -TR_E_BUSY);
	assert_int_equal(tr_sim_destroy("bind", false, &err), -TR_E_BUSY);
	assert_non_null(strstr(err.msg, cgroup));
	assert_int_equal(tr_sim_reset("bind", 0, &err), -TR_E_BUSY);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(tr_sim_cgroup_pids(cgroup, pids, 8), 0);
	assert_true(room_cgroup_join(cgroup_dir, pid));
	assert_int_equal(tr_sim_cgroup_pids(cgroup, pids, 8), 1);
	assert_int_equal(pids[0], pid);
	assert_true(tr_sim_cgroup_memory(cgroup, &bytes));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(rmdir(cgroup_dir), 0);
	assert_false(tr_sim_is_bound(&node, 0, 5, 0));
	assert_false(tr_sim_cgroup_memory(cgroup, &bytes));
	assert_int_equal(tr_sim_cgroup_pids(cgroup, pids, 8), -1);
	assert_int_equal(tr_sim_unbind("bind", "/other", &err), 0);
	assert_int_equal(tr_sim_read("bind", &node, &err), 0);
	assert_int_equal(node.bindings[0].in_use, 0);
	assert_int_equal(tr_sim_destroy("bind", false, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(created_node_is_read_back),
		cmocka_unit_test(bad_wishes_are_refused),
		cmocka_unit_test(both_sides_in_one_folder_are_refused),
		cmocka_unit_test(half_made_nodes_are_swept),
		cmocka_unit_test(killed_writers_leave_whole_states),
		cmocka_unit_test(writers_take_turns),
		cmocka_unit_test(refused_change_changes_nothing),
		cmocka_unit_test(views_follow_the_slices),
		cmocka_unit_test(reboot_keeps_only_what_cards_keep),
		cmocka_unit_test(bindings_live_as_long_as_their_cgroup),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
