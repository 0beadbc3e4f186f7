/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged states: each field that is used as an index, a size or a text is doubted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "room.h"

#include <fcntl.h>
#include <string.h>

static struct tr_err err;
static struct tr_sim_node node;

/* A node with one slice on its first card, and a binding to it. */
static void make_sound(void)
{
	struct tr_sim_gi *gi = &node.gpus[0].gis[5];

	memset(&node, 0, sizeof(node));
	strcpy(node.name, "check");
	node.scale = 1;
	node.n_gpus = 2;
	strcpy(node.gpus[0].product_key, "a100-sxm4-80gb");
	strcpy(node.gpus[1].product_key, "geforce-rtx-4090");
	node.gpus[0].mig_current = node.gpus[0].mig_pending = 1;
	*gi = (struct tr_sim_gi){ .exists = 1, .profile_id = 14, .start = 4, .size = 2 };
	gi->cis[0] = (struct tr_sim_ci){ .exists = 1, .profile_id = 1, .size = 2 };
	node.bindings[3] =
		(struct tr_sim_binding){ .in_use = 1, .gi_id = 5, .cgroup = "/machine/x" };
}

#define FIELD(what, field, value)                                          \
	{                                                                  \
		what, offsetof(struct tr_sim_node, field),                 \
			sizeof(((struct tr_sim_node *)NULL)->field), value \
	}

static const struct {
	const char *what;
	size_t offset, size;
	int value; /* of each byte */
} damages[] = {
	FIELD("a name without an end", name, 'x'),
	FIELD("scale 0", scale, 0),
	FIELD("more GPUs than there can be", n_gpus, 0x7f),
	FIELD("a product without an end", gpus[0].product_key, 'x'),
	FIELD("an unknown product", gpus[0].product_key[0], 'z'),
	FIELD("a chip of no kind", gpus[0].chip_kind, 2),
	FIELD("a mode of no kind", gpus[0].mig_current, 2),
	FIELD("a pending mode of no kind", gpus[1].mig_pending, 7),
	FIELD("a slice on a card without MIG", gpus[1].gis[0].exists, 1),
	FIELD("an unknown profile", gpus[0].gis[5].profile_id, 99),
	FIELD("a slice behind the card's end", gpus[0].gis[5].start, 7),
	FIELD("a slice larger than the card", gpus[0].gis[5].size, 200),
	FIELD("a slice at no start of its profile", gpus[0].gis[5].start, 3),
	FIELD("a slice over another", gpus[0].gis[4].exists, 1),
	FIELD("an unknown compute profile", gpus[0].gis[5].cis[0].profile_id, 7),
	FIELD("a compute instance behind the end", gpus[0].gis[5].cis[0].start, 7),
	FIELD("a compute instance of no size", gpus[0].gis[5].cis[0].size, 0),
	FIELD("a compute instance too large", gpus[0].gis[5].cis[0].size, 99),
	FIELD("a binding to no card", bindings[3].gpu_idx, 2),
	FIELD("a binding to no slice", bindings[3].gi_id, 15),
	FIELD("a binding to no compute instance", bindings[3].ci_id, 8),
	FIELD("a cgroup without an end", bindings[3].cgroup, '/'),
	FIELD("a cgroup that is no path", bindings[3].cgroup[0], 'x'),
	FIELD("a binding half in use", bindings[3].in_use, 2),
};

static void each_damage_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(damages); i++) {
		make_sound();
		assert_int_equal(tr_sim_check(&node, &err), 0);
		memset((char *)&node + damages[i].offset, damages[i].value, damages[i].size);
		if (strcmp(damages[i].what, "a slice over another") == 0) {
			node.gpus[0].gis[4].profile_id = 9;
			node.gpus[0].gis[4].start = 4;
			node.gpus[0].gis[4].size = 4;
		}
		if (tr_sim_check(&node, &err) != -TR_E_INVALID)
			fail_msg("taken for sound: %s", damages[i].what);
	}
}

static void destroyed_node_is_sound(void **state)
{
	(void)state;
	make_sound();
	node.n_gpus = 0;
	assert_int_equal(tr_sim_check(&node, &err), 0);
}

static void damaged_file_is_refused_by_readers_and_writers(void **state)
{
	struct tr_sim_gpu_spec spec = { tr_facts_product("a30"), TR_CHIP_NORMAL };
	uint32_t scale = 0;
	char path[PATH_MAX];
	int fd;

	(void)state;
	assert_int_equal(tr_sim_create("bad", &spec, 1, 1, SIM_LIBRARY, &err), 0);
	assert_int_equal(tr_sim_node_path("bad", "state/node", path, &err), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* the first copy lies behind the header of 64 bytes */
	assert_int_equal(pwrite(fd, &scale, sizeof(scale),
				 (off_t)(64 + offsetof(struct tr_sim_node, scale))),
		sizeof(scale));
	close(fd);
	assert_int_equal(tr_sim_read("bad", &node, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "damaged"));
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(tr_sim_reset("bad", 0, &err), -TR_E_INVALID);
	assert_int_equal(tr_sim_destroy("bad", false, &err), -TR_E_INVALID);
	assert_int_equal(tr_sim_destroy("bad", true, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_damage_is_refused),
		cmocka_unit_test(destroyed_node_is_sound),
		cmocka_unit_test(damaged_file_is_refused_by_readers_and_writers),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
