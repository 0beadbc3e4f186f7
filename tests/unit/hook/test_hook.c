/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "hook/hook.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static char room_dir[64];
static struct tr_err err;
static char slices[2][41], card[41], other[41]; /* of node "one"; the card of node "two" */

static int cut(struct tr_sim_node *now, void *arg, struct tr_err *ret_err)
{
	(void)arg;
	(void)ret_err;
	now->gpus[0].mig_current = now->gpus[0].mig_pending = 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct tr_sim_gi *gi = &now->gpus[0].gis[3 + 2 * i];

		*gi = (struct tr_sim_gi){
			.exists = 1, .profile_id = 14, .start = (uint8_t)(4 * i), .size = 2
		};
		gi->cis[0] = (struct tr_sim_ci){ .exists = 1, .profile_id = 1, .size = 2 };
		tr_sim_mig_uuid(&now->gpus[0], 3 + 2 * i, 0, gi->cis[0].uuid);
		tr_sim_uuid_text("MIG-", gi->cis[0].uuid, slices[i]);
	}
	tr_sim_uuid_text("GPU-", now->gpus[1].uuid, card);
	return 0;
}

static int make(const char *name, uint32_t n)
{
	struct tr_sim_gpu_spec specs[2];

	for (int i = 0; i < 2; i++)
		specs[i] = (struct tr_sim_gpu_spec){ .product = tr_facts_product("a100-80gb") };
	return tr_sim_create(name, specs, n, 1, SIM_LIBRARY, &err);
}

/* Node "one": card 0 cut in two, card 1 whole. */
static int room_open(void **state)
{
	char path[PATH_MAX];

	(void)state;
	snprintf(room_dir, sizeof(room_dir), "/tmp/tranche-test-XXXXXX");
	if (!mkdtemp(room_dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run", room_dir);
	setenv("TRANCHE_RUN_DIR", path, 1);
	snprintf(path, sizeof(path), "%s/var", room_dir);
	setenv("TRANCHE_STATE_DIR", path, 1);
	if (make("one", 2) < 0 || tr_sim_node_path("one", "", path, &err) < 0)
		return -1;
	return tr_sim_change(path, cut, NULL, &err);
}

static int room_close(void **state)
{
	(void)state;
	return tr_rm_tree(room_dir, &err);
}

/* What a value comes to: UUIDs with blanks between, or the error's code. */
static void chosen(const char *visible, const char *node, struct tr_buf *ret)
{
	TR_AUTO(tr_hook_choice_done) struct tr_hook_choice choice = { 0 };
	int r;

	err = (struct tr_err){ 0 };
	r = tr_hook_choose(visible, node, &choice, &err);
	tr_buf_clear(ret);
	tr_buf_puts(ret, "");
	if (r < 0)
		tr_buf_addf(ret, "%d", -r);
	for (size_t i = 0; i < choice.uuids.n; i++)
		tr_buf_addf(ret, "%s%s", i ? " " : "", choice.uuids.v[i]);
}

static void words_name_slices_as_the_vendors_do(void **state)
{
	TR_AUTO_BUF both = { 0 }, all = { 0 }, got = { 0 }, list = { 0 };

	(void)state;
	tr_buf_addf(&both, "%s %s", slices[0], slices[1]);
	tr_buf_addf(&all, "%s %s", both.s, card);
	tr_buf_addf(&list, "%s,0:1,,%s,0", slices[1], card);
	const struct {
		const char *visible, *wanted;
	} cases[] = {
		{ "", "" },
		{ "void", "" },
		{ "none", "" },
		{ "all", all.s },
		{ "0", both.s },
		{ "1", card },
		{ card, card },
		{ "0:0", slices[0] },
		{ "0:1", slices[1] },
		{ slices[1], slices[1] },
	};

	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		chosen(cases[i].visible, NULL, &got);
		assert_string_equal(got.s, cases[i].wanted);
	}
	/* Each once, in the order of the list. */
	chosen(list.s, NULL, &got);
	tr_buf_clear(&list);
	tr_buf_addf(&list, "%s %s %s", slices[1], card, slices[0]);
	assert_string_equal(got.s, list.s);
}

static void what_is_not_there_is_refused_with_what_is(void **state)
{
	static const char *const absent[] = { "MIG-00000000-0000-0000-0000-000000000000", "0:2",
		"2", "1:0", "0:", "0:1x", "-1", "MIG-GPU-1/2/3", "all2" };
	TR_AUTO_BUF got = { 0 };

	(void)state;
	for (size_t i = 0; i < TR_COUNT(absent); i++) {
		chosen(absent[i], NULL, &got);
		assert_int_equal(atoi(got.s), TR_E_NOT_FOUND);
		assert_true(err.hint[0] != '\0');
	}
	chosen("MIG-x", NULL, &got);
	assert_non_null(strstr(err.msg, slices[0]));
	assert_non_null(strstr(err.msg, card));
}

static void an_index_needs_one_node_and_a_uuid_none(void **state)
{
	TR_AUTO(tr_hook_choice_done) struct tr_hook_choice choice = { 0 };
	TR_AUTO_BUF got = { 0 }, mixed = { 0 };
	static struct tr_sim_node two;

	(void)state;
	assert_int_equal(make("two", 1), 0);
	assert_int_equal(tr_sim_read("two", &two, &err), 0);
	tr_sim_uuid_text("GPU-", two.gpus[0].uuid, other);
	chosen("0:0", NULL, &got);
	assert_int_equal(atoi(got.s), TR_E_INVALID);
	assert_non_null(strstr(err.msg, "one, two"));
	chosen("0:0", "one", &got);
	assert_string_equal(got.s, slices[0]);
	chosen("all", "two", &got);
	assert_string_equal(got.s, other);
	assert_int_equal(tr_hook_choose(other, NULL, &choice, &err), 0);
	assert_string_equal(choice.node, "two");
	/* A container has one driver library, and that serves one node. */
	tr_buf_addf(&mixed, "%s,%s", slices[0], other);
	chosen(mixed.s, NULL, &got);
	assert_int_equal(atoi(got.s), TR_E_INVALID);
	assert_non_null(strstr(err.msg, "'one' and of 'two'"));
	assert_int_equal(tr_sim_destroy("two", true, &err), 0);
}

/* Reads a container whose state and config are these; 0 or -code. */
static int read_container(
	const char *state_text, const char *config, bool by_mounts, struct tr_hook_container *ret)
{
	TR_AUTO_BUF text = { 0 };
	TR_AUTO_CLOSE int fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/config.json", room_dir);
	if (!config)
		unlink(path);
	else if (tr_write_file(path, 0600, config, strlen(config), &err) < 0)
		return -1;
	if (state_text)
		tr_buf_puts(&text, state_text);
	else
		tr_buf_addf(&text, "{\"pid\": 7, \"bundle\": \"%s\"}", room_dir);
	snprintf(path, sizeof(path), "%s/state", room_dir);
	if (tr_write_file(path, 0600, text.s, text.len, &err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return tr_hook_read(fd, by_mounts, ret, &err);
}

static void the_last_word_of_the_environment_counts(void **state)
{
	TR_AUTO(tr_hook_container_done) struct tr_hook_container c = { 0 };
	static const char config[] =
		"{\"root\": {\"path\": \"rootfs\"}, \"process\": {\"env\": "
		"[\"NVIDIA_VISIBLE_DEVICES=all\", 3, \"NVIDIA_VISIBLE_DEVICES=MIG-1\", "
		"\"NVIDIA_VISIBLE_DEVICES_2=x\", \"NVIDIA_DRIVER_CAPABILITIES=utility\"]}}";
	char root[128];

	(void)state;
	assert_int_equal(read_container(NULL, config, false, &c), 0);
	snprintf(root, sizeof(root), "%s/rootfs", room_dir);
	assert_string_equal(c.root, root);
	assert_string_equal(c.visible, "MIG-1");
	assert_true(c.looks_only);
	assert_int_equal(c.pid, 7);
}

static void with_cdi_what_is_mounted_counts(void **state)
{
	TR_AUTO(tr_hook_container_done) struct tr_hook_container c = { 0 };
	static const char config[] =
		"{\"root\": {\"path\": \"/r\"}, \"process\": {\"env\": "
		"[\"NVIDIA_VISIBLE_DEVICES=void\"]}, \"mounts\": [{\"destination\": \"/proc\"}, "
		"{\"destination\": \"" TR_SIM_GUEST_DIR "/view/MIG-1\"}, "
		"{\"destination\": \"" TR_SIM_GUEST_DIR "/state\"}, "
		"{\"destination\": \"" TR_SIM_GUEST_DIR "/view/MIG-2\"}]}";

	(void)state;
	assert_int_equal(read_container(NULL, config, true, &c), 0);
	assert_string_equal(c.root, "/r");
	assert_string_equal(c.visible, "MIG-1,MIG-2");
	assert_false(c.looks_only);
}

static void files_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *state, *config;
	} cases[] = {
		{ "", "{}" },
		{ "[]", "{}" },
		{ "{\"pid\": 7}", "{}" },
		{ "{\"pid\": -1, \"bundle\": \"/tmp\"}", "{}" },
		{ "{\"pid\": \"7\", \"bundle\": \"/tmp\"}", "{}" },
		{ NULL, NULL },
		{ NULL, "{" },
		{ NULL, "[]" },
		{ NULL, "{}" },
		{ NULL, "{\"root\": {\"path\": \"\"}}" },
		{ NULL, "{\"root\": {\"path\": 1}}" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(cases); i++) {
		struct tr_hook_container c = { 0 };

		assert_int_equal(
			read_container(cases[i].state, cases[i].config, false, &c), -TR_E_INVALID);
		assert_null(c.root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_name_slices_as_the_vendors_do),
		cmocka_unit_test(what_is_not_there_is_refused_with_what_is),
		cmocka_unit_test(an_index_needs_one_node_and_a_uuid_none),
		cmocka_unit_test(the_last_word_of_the_environment_counts),
		cmocka_unit_test(with_cdi_what_is_mounted_counts),
		cmocka_unit_test(files_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
