/* SPDX-License-Identifier: Apache-2.0 */
/* What a slice needs of an image, and what an image asks of the driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "run/image.h"
#include "run/needs.h"
#include "run/run.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static const struct tr_driver driver = { .version = "580.159.04", .cuda = "13.0" };

static char dir[] = "/tmp/tranche-image-XXXXXX";

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

static void what_is_asked_of_the_driver_is_understood(void **state)
{
	static const struct {
		const char *env;
		bool met;
	} cases[] = {
		{ "NVIDIA_REQUIRE_CUDA=cuda>=12.8", true },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=13.0", true },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=13", true },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=13.1", false },
		{ "NVIDIA_REQUIRE_CUDA=cuda>13.0", false },
		{ "NVIDIA_REQUIRE_CUDA=cuda<13.0", false },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=9.2", true },
		/* Blanks: one of them. Commas: all of them. */
		{ "NVIDIA_REQUIRE_CUDA=cuda>=99.0 brand=tesla,driver>=470,driver<471", false },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=99.0 brand=tesla,driver>=580,driver<581", true },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=12.0,driver<471", false },
		{ "NVIDIA_REQUIRE_DRIVER=driver>=580.159.05", false },
		{ "NVIDIA_REQUIRE_DRIVER=driver!=580.159.04", false },
		{ "NVIDIA_REQUIRE_JETPACK=csv-mounts=all", true },
		{ "NVIDIA_REQUIRE_CUDA=", true },
		{ "NVIDIA_REQUIRE_CUDA=cuda>=", true },
		{ "NVIDIA_REQUIRE_CUDA", true },
		{ "CUDA_VERSION=99.0", true },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		char *env[] = { (char *)(uintptr_t)cases[i].env };
		struct tr_err err = { 0 };
		int r = tr_needs_check(env, 1, &driver, &err);

		if (r != (cases[i].met ? 0 : -TR_E_UNSUPPORTED))
			fail_msg("'%s': %d (%s)", cases[i].env, r, err.msg);
	}
}

static void what_is_not_met_is_said(void **state)
{
	char *env[] = { (char *)(uintptr_t) "PATH=/bin",
		(char *)(uintptr_t) "NVIDIA_REQUIRE_CUDA=cuda>=99.0 brand=tesla,driver<2" };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_needs_check(env, 2, &driver, &err), -TR_E_UNSUPPORTED);
	assert_string_equal(err.msg, "it needs cuda>=99.0, and driver 580.159.04 has CUDA 13.0");
	assert_non_null(strstr(err.hint, "a newer driver"));
}

static void a_driver_that_is_not_known_meets_all(void **state)
{
	char *env[] = { (char *)(uintptr_t) "NVIDIA_REQUIRE_CUDA=cuda>=99.0" };
	const struct tr_driver none = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_needs_check(env, 1, &none, &err), 0);
}

static void the_vendors_switch_turns_it_off(void **state)
{
	char *env[] = { (char *)(uintptr_t) "NVIDIA_REQUIRE_CUDA=cuda>=99.0",
		(char *)(uintptr_t) "NVIDIA_DISABLE_REQUIRE=1" };
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_needs_check(env, 2, &driver, &err), 0);
	env[1] = (char *)(uintptr_t) "NVIDIA_DISABLE_REQUIRE=0";
	assert_int_equal(tr_needs_check(env, 2, &driver, &err), -TR_E_UNSUPPORTED);
}

/* --- Images --- */

static const char *our_arch(void)
{
	static struct utsname us;

	assert_int_equal(uname(&us), 0);
	return strcmp(us.machine, "aarch64") == 0  ? "arm64"
	       : strcmp(us.machine, "x86_64") == 0 ? "amd64"
						   : NULL;
}

static int check(const char *json, bool is_job, const char *program, struct tr_err *err,
	const char *const *argv)
{
	TR_AUTO(tr_image_done) struct tr_image image = { 0 };
	struct tr_server_spec spec = {
		.image = "lab/engine:1", .driver = &driver, .is_job = is_job
	};
	int r;

	*err = (struct tr_err){ 0 };
	for (; argv && *argv; argv++)
		tr_strv_add(&spec.argv, *argv);
	r = tr_image_read(json, strlen(json), &image, err);
	if (r == 0)
		r = tr_image_check(&image, &spec, program, err);
	tr_strv_done(&spec.argv);
	return r;
}

static void an_image_for_another_machine_is_refused(void **state)
{
	bool is_arm = our_arch() && strcmp(our_arch(), "arm64") == 0;
	const char *json = is_arm ? "[{\"Os\": \"linux\", \"Architecture\": \"amd64\"}]"
				  : "[{\"Os\": \"linux\", \"Architecture\": \"arm64\"}]";
	static const char *const argv[] = { "serve", NULL };
	struct tr_err err;

	(void)state;
	if (!our_arch())
		skip();
	assert_int_equal(check(json, false, "docker", &err, argv), -TR_E_UNSUPPORTED);
	assert_non_null(
		strstr(err.msg, is_arm ? "is for linux/amd64, and this machine is linux/arm64"
				       : "is for linux/arm64, and this machine is linux/amd64"));
	assert_non_null(strstr(err.hint, "docker pull --platform linux/"));
	assert_int_equal(check(json, false, "podman", &err, argv), -TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "podman pull --arch "));
	assert_int_equal(check("[{\"Os\": \"windows\", \"Architecture\": \"amd64\"}]", false,
				 "docker", &err, argv),
		-TR_E_UNSUPPORTED);
	/* Not said: nothing to refuse. */
	assert_int_equal(check("[{}]", false, "docker", &err, argv), 0);
}

static void an_image_with_nothing_to_start_is_refused(void **state)
{
	static const char *const program[] = { "serve", "--port", "1", NULL };
	static const char *const flags[] = { "--port", "1", NULL };
	static const char bare[] = "[{\"Config\": {\"Entrypoint\": null, \"Cmd\": []}}]";
	static const char cmd[] = "[{\"Config\": {\"Cmd\": [\"sh\"]}}]";
	static const char entry[] = "[{\"Config\": {\"Entrypoint\": [\"/serve\"]}}]";
	static const char text[] = "[{\"Config\": {\"Entrypoint\": \"/serve\"}}]";
	struct tr_err err;

	(void)state;
	assert_int_equal(check(bare, false, "podman", &err, NULL), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "names no program to start"));
	assert_non_null(strstr(err.hint, "args: [PROGRAM"));
	assert_int_equal(check(bare, true, "podman", &err, NULL), -TR_E_INVALID);
	assert_non_null(strstr(err.hint, "tranche run ... -- PROGRAM"));
	assert_int_equal(check(bare, false, "podman", &err, program), 0);
	assert_int_equal(check(cmd, false, "podman", &err, NULL), 0);
	assert_int_equal(check(entry, false, "podman", &err, NULL), 0);
	assert_int_equal(check(entry, false, "podman", &err, flags), 0);
	assert_int_equal(check(text, false, "podman", &err, flags), 0);
	assert_int_equal(check(cmd, false, "podman", &err, flags), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "'--port', the first word"));
}

static void put(const char *path)
{
	char full[PATH_MAX], *slash;
	struct tr_err err;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(tr_mkdir_p(full, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(tr_write_file(full, 0644, "x", 1, &err), 0);
}

static void an_image_on_musl_is_refused_one_with_no_loader_is_not(void **state)
{
	bool is_arm = our_arch() && strcmp(our_arch(), "arm64") == 0;
	const char *musl =
		is_arm ? "lower/lib/ld-musl-aarch64.so.1" : "lower/lib/ld-musl-x86_64.so.1";
	const char *glibc = is_arm ? "upper/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"
				   : "upper/usr/lib64/ld-linux-x86-64.so.2";
	static const char *const argv[] = { "serve", NULL };
	struct tr_err err;
	char json[1024];

	(void)state;
	if (!our_arch())
		skip();
	snprintf(json, sizeof(json),
		"[{\"GraphDriver\": {\"Name\": \"overlay2\", \"Data\": {\"UpperDir\": "
		"\"%s/upper\", \"LowerDir\": \"%s/none:%s/lower\"}}}]",
		dir, dir, dir);
	assert_int_equal(check(json, false, "docker", &err, argv), 0);
	put(musl);
	assert_int_equal(check(json, false, "docker", &err, argv), -TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "is built on musl (Alpine)"));
	assert_non_null(strstr(err.hint, "Debian"));
	put(glibc);
	assert_int_equal(check(json, false, "docker", &err, argv), 0);
}

static void an_image_that_asks_for_a_newer_cuda_is_refused(void **state)
{
	static const char json[] = "[{\"Config\": {\"Entrypoint\": [\"/serve\"], \"Env\": "
				   "[\"NVIDIA_REQUIRE_CUDA=cuda>=99.0\"]}}]";
	struct tr_err err;

	(void)state;
	assert_int_equal(check(json, false, "podman", &err, NULL), -TR_E_UNSUPPORTED);
	assert_string_equal(err.msg, "image 'lab/engine:1': it needs cuda>=99.0, and driver "
				     "580.159.04 has CUDA 13.0");
}

static void an_answer_that_is_no_image_is_an_error(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "[3]", "no json" };
	struct tr_err err;

	(void)state;
	for (size_t i = 0; i < TR_COUNT(bad); i++)
		assert_int_equal(check(bad[i], false, "podman", &err, NULL), -TR_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_of_the_driver_is_understood),
		cmocka_unit_test(what_is_not_met_is_said),
		cmocka_unit_test(a_driver_that_is_not_known_meets_all),
		cmocka_unit_test(the_vendors_switch_turns_it_off),
		cmocka_unit_test(an_image_for_another_machine_is_refused),
		cmocka_unit_test(an_image_with_nothing_to_start_is_refused),
		cmocka_unit_test(an_image_on_musl_is_refused_one_with_no_loader_is_not),
		cmocka_unit_test(an_image_that_asks_for_a_newer_cuda_is_refused),
		cmocka_unit_test(an_answer_that_is_no_image_is_an_error),
	};

	return cmocka_run_group_tests_name("run image", tests, open_dir, close_dir);
}
