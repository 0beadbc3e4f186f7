/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor finds on a machine, in folders made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/own.h"
#include "run/machine.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char dir[] = "/tmp/tranche-machine-XXXXXX";

static int open_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int close_dir(void **state)
{
	struct tr_err err;

	(void)state;
	return tr_rm_tree(dir, &err);
}

/* DIR/PATH, with its folder. */
static void put(const char *path, const char *text)
{
	char full[PATH_MAX], *slash;
	struct tr_err err;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(tr_mkdir_p(full, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(tr_write_file(full, 0644, text, strlen(text), &err), 0);
}

static const struct tr_finding *find(const struct tr_findings *all, const char *what)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].what, what) == 0)
			return &all->v[i];
	return NULL;
}

static void services_that_clash_are_named_with_their_pid(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char proc[PATH_MAX];

	(void)state;
	put("proc/12/comm", "bash\n");
	put("proc/13/comm", "nv-hostengine\n");
	put("proc/14/comm", "nvidia-device-p\n");
	put("proc/self/comm", "nv-hostengine\n");
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	tr_machine_services(proc, /* matters= */ true, &all);
	assert_int_equal(all.n, 2);
	for (size_t i = 0; i < all.n; i++) {
		assert_int_equal(all.v[i].kind, TR_FINDING_NOTE);
		assert_true(strncmp(all.v[i].text, "pid 13: DCGM", 12) == 0 ||
			    strncmp(all.v[i].text, "pid 14: the Kubernetes", 22) == 0);
		assert_string_not_equal(all.v[i].fix, "");
	}
}

static void no_service_is_fine(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char proc[PATH_MAX];

	(void)state;
	put("quiet/12/comm", "bash\n");
	snprintf(proc, sizeof(proc), "%s/quiet", dir);
	tr_machine_services(proc, /* matters= */ true, &all);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].kind, TR_FINDING_OK);
}

static const char *const uuids[] = { "MIG-11111111-0000-5000-8000-000000000000",
	"MIG-22222222-0000-5000-8000-000000000000" };

static void a_spec_that_lacks_a_slice_is_stale(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char etc[PATH_MAX];
	const char *const dirs[] = { "/nonexistent", etc };
	const struct tr_finding *cdi;

	(void)state;
	put("etc/nvidia.yaml", "kind: nvidia.com/gpu\ndevices: [{name: "
			       "MIG-11111111-0000-5000-8000-000000000000}]\n");
	put("etc/notes.txt", "MIG-22222222-0000-5000-8000-000000000000\n");
	snprintf(etc, sizeof(etc), "%s/etc", dir);
	tr_machine_cdi(dirs, 2, uuids, 2, &all);
	cdi = find(&all, "CDI");
	assert_non_null(cdi);
	assert_int_equal(cdi->kind, TR_FINDING_PROBLEM);
	assert_string_equal(cdi->text, "1 of 2 slices are in no CDI spec "
				       "(MIG-22222222-0000-5000-8000-000000000000): podman and "
				       "docker 29 cannot bind them");
	assert_non_null(strstr(cdi->fix, "nvidia-ctk cdi generate"));
}

static void a_spec_that_has_every_slice_is_fresh(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char fresh[PATH_MAX];
	const char *const dirs[] = { fresh };

	(void)state;
	put("fresh/a.json", "{\"name\": \"MIG-11111111-0000-5000-8000-000000000000\"}");
	put("fresh/b.yml", "name: MIG-22222222-0000-5000-8000-000000000000\n");
	snprintf(fresh, sizeof(fresh), "%s/fresh", dir);
	tr_machine_cdi(dirs, 1, uuids, 2, &all);
	assert_int_equal(find(&all, "CDI")->kind, TR_FINDING_OK);
	assert_string_equal(find(&all, "CDI")->text, "2 specs, every slice is in one");
}

static void the_hook_on_a_daemons_path_is_found_or_missed(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char proc[256], bin[256], hook[512], environment[1024];
	struct tr_err err;
	int len;

	(void)state;
	snprintf(proc, sizeof(proc), "%s/docks", dir);
	snprintf(bin, sizeof(bin), "%s/hooks", dir);
	snprintf(hook, sizeof(hook), "%s/nvidia-container-runtime-hook", bin);
	put("docks/12/comm", "dockerd\n");
	put("docks/13/comm", "dockerd-rootless\n");
	put("docks/13/environ", "PATH=/nonexistent");
	/* What cannot be read is not told. */
	tr_machine_hook(proc, &all);
	assert_int_equal(all.n, 0);
	len = snprintf(
		environment, sizeof(environment), "HOME=/%cPATH=/nonexistent::%s%cA=B", 0, bin, 0);
	snprintf(proc, sizeof(proc), "%s/docks/12/environ", dir);
	assert_int_equal(tr_write_file(proc, 0644, environment, (size_t)len, &err), 0);
	snprintf(proc, sizeof(proc), "%s/docks", dir);
	tr_machine_hook(proc, &all);
	assert_int_equal(all.n, 1);
	assert_int_equal(all.v[0].kind, TR_FINDING_NOTE);
	assert_non_null(strstr(all.v[0].text, "(pid 12) has no nvidia-container-runtime-hook"));
	assert_non_null(strstr(all.v[0].fix, "tranche virtual install-hook DIR"));
	put("hooks/nvidia-container-runtime-hook", "#!/bin/sh\n");
	assert_int_equal(chmod(hook, 0755), 0);
	tr_machine_hook(proc, &all);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.v[1].kind, TR_FINDING_OK);
	assert_non_null(strstr(all.v[1].text, hook));
}

static void no_spec_and_no_slice_is_worth_a_note(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	const char *const dirs[] = { "/nonexistent" };

	(void)state;
	tr_machine_cdi(dirs, 1, NULL, 0, &all);
	assert_int_equal(find(&all, "CDI")->kind, TR_FINDING_NOTE);
}

static void control_groups_are_left_as_they_were(void **state)
{
	TR_AUTO(tr_findings_done) struct tr_findings all = { 0 };
	char name[64], path[PATH_MAX];

	(void)state;
	tr_machine_cgroups(&all);
	assert_int_equal(all.n, 1);
	assert_int_not_equal(all.v[0].kind, TR_FINDING_PROBLEM);
	snprintf(name, sizeof(name), "tranche/doctor-%d", (int)getpid());
	snprintf(path, sizeof(path), "/sys/fs/cgroup/memory/%s", name);
	assert_false(tr_is_dir(path));
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
	assert_false(tr_is_dir(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_that_clash_are_named_with_their_pid),
		cmocka_unit_test(no_service_is_fine),
		cmocka_unit_test(a_spec_that_lacks_a_slice_is_stale),
		cmocka_unit_test(a_spec_that_has_every_slice_is_fresh),
		cmocka_unit_test(the_hook_on_a_daemons_path_is_found_or_missed),
		cmocka_unit_test(no_spec_and_no_slice_is_worth_a_note),
		cmocka_unit_test(control_groups_are_left_as_they_were),
	};

	return cmocka_run_group_tests_name("run machine", tests, open_dir, close_dir);
}
