/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "facts/facts.h"
#include "layout/layout.h"

#include <stdio.h>
#include <string.h>

#define STOCK(entry) "version: v1\nmig-configs:\n  a:\n    - " entry "\n"
#define OWN(entry)   "version: 1\nlayouts:\n  a:\n    - " entry "\n"

static const struct complaint {
	const char *text, *msg;
} complaints[] = {
	{ "", "f:1:1: an empty file; allowed: a mapping that starts with 'version: v1' or "
	      "'version: 1'" },
	{ "x", "f:1:1: no mapping where the whole file is one; allowed: 'version: v1' "
	       "(nvidia-mig-parted's format) or 'version: 1' (tranche's)" },
	{ "mig-configs: {}", "f:1:1: no 'version'; allowed: v1 (nvidia-mig-parted's format) or 1 "
			     "(tranche's)" },
	{ "version: v2", "f:1:10: unknown version 'v2'; allowed: v1 (nvidia-mig-parted's format) "
			 "or 1 (tranche's)" },
	{ "version: v1\nmig-config: {}\n",
		"f:2:1: unknown key 'mig-config', did you mean 'mig-configs'?; allowed: version, "
		"mig-configs" },
	{ "version: v1\n", "f:1:1: no 'mig-configs'; allowed: a mapping of labels, one at least" },
	{ "version: v1\nmig-configs: {}\n", "f:2:14: 'mig-configs' holds no label; allowed: a "
					    "mapping of labels, one at least" },
	{ "version: v1\nmig-configs:\n  a: []\n",
		"f:3:6: 'a' is no list with an entry; allowed: '- ' and the keys of an entry" },
	{ "version: v1\nmig-configs:\n  a: [x]\n",
		"f:3:7: no mapping in the list of 'a'; allowed: the keys of an entry" },
	{ STOCK("{mig-enabled: false}"),
		"f:4:7: no 'devices'; allowed: all, or a list of indexes, as [0, 1]" },
	{ STOCK("{devices: all}"), "f:4:7: no 'mig-enabled'; allowed: true or false" },
	{ STOCK("{devices: 0, mig-enabled: false}"),
		"f:4:17: 'devices' is '0'; allowed: all, or a list of indexes, as [0, 1]" },
	{ STOCK("{devices: some, mig-enabled: false}"),
		"f:4:17: 'devices' is 'some'; allowed: all, or a list of indexes, as [0, 1]" },
	{ STOCK("{devices: [0, \"1\"], mig-enabled: false}"),
		"f:4:21: '1' is no index; allowed: all, or a list of indexes, as [0, 1]" },
	{ STOCK("{devices: [-1], mig-enabled: false}"),
		"f:4:18: '-1' is no index; allowed: all, or a list of indexes, as [0, 1]" },
	{ STOCK("{devices: all, mig-enabled: \"true\"}"),
		"f:4:35: 'mig-enabled' is neither true nor false; allowed: true or false, without "
		"quotes" },
	{ STOCK("{devices: all, mig-enabled: tRue}"),
		"f:4:35: 'mig-enabled' is neither true nor false; allowed: true or false, without "
		"quotes" },
	{ STOCK("{devices: all, mig-enabled: true}"),
		"f:4:7: no 'mig-devices' where 'mig-enabled' is true; allowed: \"PROFILE\": COUNT, "
		"or {} for no slice" },
	{ STOCK("{devices: all, mig-enabled: false, mig-devices: {1g.5gb: 1}}"),
		"f:4:55: 'mig-devices' where 'mig-enabled' is false; allowed: no slices there" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0}}"),
		"f:4:54: every count of 'mig-devices' is 0; allowed: one above 0, or {} for no "
		"slice" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: -1}}"),
		"f:4:63: '-1' is no count of '1g.5gb'; allowed: 0 to 64, without quotes" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 1.5}}"),
		"f:4:63: '1.5' is no count of '1g.5gb'; allowed: 0 to 64, without quotes" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {1g5gb: 1}}"),
		"f:4:55: profile '1g5gb'; allowed: a profile is Gg.Mgb, as 2g.20gb, with Cc. in "
		"front and +ATTR or -ATTR behind" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {1g.5gb+me-me: 1}}"),
		"f:4:55: profile '1g.5gb+me-me'; allowed: an attribute is me, me.all or gfx" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {\"1g.5gb+me,me\": 1}}"),
		"f:4:55: profile '1g.5gb+me,me'; allowed: an attribute stands twice" },
	{ STOCK("{devices: all, mig-enabled: true, mig-devices: {4c.3g.20gb: 1}}"),
		"f:4:55: profile '4c.3g.20gb'; allowed: a compute instance has 1 to G of the "
		"slices of its GPU instance" },
	{ STOCK("{devices: all, mig-enabled: false, device-filter: 2335}"),
		"f:4:57: device filter '2335'; allowed: \"0xDDDDVVVV\", PCI device and vendor, as "
		"\"0x233510DE\", with \":0xSSSSSSSS\" for the subsystem" },
	{ STOCK("{devices: all, mig-enabled: false, colour: red}"),
		"f:4:42: unknown key 'colour'; allowed: device-filter, devices, mig-enabled, "
		"mig-devices" },
	{ OWN("{gpus: all, devices: all}"),
		"f:4:19: unknown key 'devices'; allowed: gpus, product, "
		"mig, slices" },
	{ OWN("{slices: []}"),
		"f:4:7: no 'gpus'; allowed: all, or a list of indexes and UUIDs, as [0, 1]" },
	{ OWN("{gpus: 0}"), "f:4:14: 'gpus' is '0'; allowed: all, or a list of indexes and UUIDs, "
			    "as [0, 1]" },
	{ OWN("{gpus: [x]}"),
		"f:4:15: 'x' is no card; allowed: an index, as 0, or a UUID, as GPU-..." },
	{ OWN("{gpus: all}"), "f:4:7: no 'slices'; allowed: PROFILE or PROFILE:START, as 2g.20gb, "
			      "2g.20gb:4, or an id, as 14, in [ ]" },
	{ OWN("{gpus: all, slices: [2g.20gb:x]}"),
		"f:4:28: slice '2g.20gb:x'; allowed: PROFILE or PROFILE:START, as 2g.20gb, "
		"2g.20gb:4, or an id, as 14" },
	{ OWN("{gpus: all, slices: [2g20gb]}"),
		"f:4:28: slice '2g20gb': a profile is Gg.Mgb, as 2g.20gb, with Cc. in front and "
		"+ATTR or -ATTR behind; allowed: PROFILE or PROFILE:START, as 2g.20gb, 2g.20gb:4, "
		"or an id, as 14" },
	{ OWN("{gpus: all, mig: off, slices: [14]}"),
		"f:4:37: slices where MIG is off; allowed: no slices there" },
	{ OWN("{gpus: all, mig: perhaps}"),
		"f:4:24: 'mig' is neither on nor off; allowed: on or off" },
};

static void every_mistake_is_told_with_its_place_and_what_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_COUNT(complaints); i++) {
		TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = NULL;
		struct tr_err err = { 0 };
		int r = tr_layout_parse(
			"f", complaints[i].text, strlen(complaints[i].text), &layout, &err);

		if (r != -TR_E_INVALID || strcmp(err.msg, complaints[i].msg) != 0)
			fail_msg("%s\n is: %s\nnot: %s", complaints[i].text, err.msg,
				complaints[i].msg);
	}
}

static struct tr_layout_file *parse(const char *text)
{
	struct tr_layout_file *layout = NULL;
	struct tr_err err = { 0 };

	if (tr_layout_parse("f", text, strlen(text), &layout, &err) < 0)
		fail_msg("%s", err.msg);
	return layout;
}

static void stock_format_is_read(void **state)
{
	TR_AUTO(tr_layout_freep)
	struct tr_layout_file *layout =
		parse("version: v1\n"
		      "mig-configs:\n"
		      "  off: [{devices: all, mig-enabled: false, mig-devices: }]\n"
		      "  mixed:\n"
		      "    - device-filter: [\"0x233510DE\", \"0x233B10de:0x18BE10DE\"]\n"
		      "      devices: [0, 3]\n"
		      "      mig-enabled: Yes\n"
		      "      mig-devices:\n"
		      "        \"3c.3g.71gb\": 1\n"
		      "        \"1c.3g.71gb\": 2\n"
		      "        1g.18gb+me: 0\n");
	const struct tr_layout_spec *spec;

	(void)state;
	assert_true(layout->is_stock);
	assert_int_equal(layout->n_labels, 2);
	assert_false(layout->labels[0].specs[0].mig_on);
	assert_true(layout->labels[0].specs[0].is_all);
	spec = &layout->labels[1].specs[0];
	assert_int_equal(spec->n_filters, 2);
	assert_int_equal(spec->filters[0].id, 0x233510de);
	assert_false(spec->filters[0].has_subsystem);
	assert_int_equal(spec->filters[1].subsystem, 0x18be10de);
	assert_int_equal(spec->n_gpus, 2);
	assert_int_equal(spec->gpus[1].idx, 3);
	assert_true(spec->mig_on);
	assert_int_equal(spec->n_slices, 3);
	assert_string_equal(spec->slices[0].profile, "3g.71gb");
	assert_string_equal(spec->slices[1].profile, "1c.3g.71gb");
	assert_int_equal(spec->slices[1].count, 2);
	assert_int_equal(spec->slices[1].at.line, 10);
	assert_int_equal(spec->slices[1].at_count.column, 23);
	assert_int_equal(spec->slices[2].count, 0);
}

static void own_format_says_places(void **state)
{
	TR_AUTO(tr_layout_freep)
	struct tr_layout_file *layout =
		parse(OWN("{gpus: [1, GPU-8443519f-66f7-5962-8955-60dba0866f3a], product: "
			  "h200-141gb, slices: [3g.71gb:4, 14, 1g.18gb:0]}"));
	const struct tr_layout_spec *spec = &layout->labels[0].specs[0];

	(void)state;
	assert_false(layout->is_stock);
	assert_int_equal(spec->n_gpus, 2);
	assert_string_equal(spec->gpus[1].uuid, "GPU-8443519f-66f7-5962-8955-60dba0866f3a");
	assert_true(spec->n_filters >= 1);
	assert_int_equal(spec->filters[0].id, 0x233510de);
	assert_int_equal(spec->n_slices, 3);
	assert_int_equal(spec->slices[0].start, 4);
	assert_string_equal(spec->slices[1].profile, "14");
	assert_int_equal(spec->slices[1].start, -1);
}

static void either_format_is_written_as_it_is_read(void **state)
{
	static const char own[] = "version: 1\nlayouts:\n  lab:\n"
				  "    - gpus: [0, 1]\n      product: a30-24gb\n"
				  "      slices: [2g.12gb:0, 1g.6gb:2, 1g.6gb:3]\n"
				  "    - gpus: all\n      mig: off\n";
	static const char stock[] = "version: v1\nmig-configs:\n  lab:\n"
				    "    - device-filter: [\"0x20B710DE\"]\n"
				    "      devices: [0, 1]\n"
				    "      mig-enabled: true\n"
				    "      mig-devices:\n"
				    "        \"2g.12gb\": 1\n"
				    "        \"1g.6gb\": 2\n"
				    "    - devices: all\n      mig-enabled: false\n";
	TR_AUTO(tr_layout_freep) struct tr_layout_file *from_own = parse(own);
	TR_AUTO(tr_layout_freep) struct tr_layout_file *from_stock = parse(stock);
	TR_AUTO_BUF text = { 0 };

	(void)state;
	tr_layout_write(from_own, /* stock= */ false, &text);
	assert_string_equal(tr_buf_str(&text), own);
	tr_buf_clear(&text);
	tr_layout_write(from_own, /* stock= */ true, &text);
	assert_string_equal(tr_buf_str(&text), stock);
	tr_buf_clear(&text);
	tr_layout_write(from_stock, /* stock= */ true, &text);
	assert_string_equal(tr_buf_str(&text), stock);
}

/* What nvidia-mig-parted ships, for one card, as "label: PROFILE xN ...". */
static void say_label(const struct tr_layout_label *label, uint32_t id, struct tr_buf *ret)
{
	for (size_t s = 0; s < label->n_specs; s++) {
		const struct tr_layout_spec *spec = &label->specs[s];

		for (size_t f = 0; f < spec->n_filters; f++) {
			if (spec->filters[f].id != id)
				continue;
			tr_buf_addf(ret, "%s:", label->name);
			for (size_t i = 0; i < spec->n_slices; i++)
				tr_buf_addf(ret, " %s x%u", spec->slices[i].profile,
					spec->slices[i].count);
			tr_buf_puts(ret, "\n");
		}
	}
}

static void shipped_labels_are_those_of_mig_parted(void **state)
{
	static const struct {
		uint32_t id;
		const char *labels;
	} rows[] = {
		{ 0x20b210de, "all-balanced: 1g.10gb x2 2g.20gb x1 3g.40gb x1\n"
			      "all-1g.10gb: 1g.10gb x7\nall-1g.20gb: 1g.20gb x4\n"
			      "all-2g.20gb: 2g.20gb x3\nall-3g.40gb: 3g.40gb x2\n"
			      "all-1g.10gb.me: 1g.10gb+me x1\nall-4g.40gb: 4g.40gb x1\n"
			      "all-7g.80gb: 7g.80gb x1\n" },
		{ 0x20b710de, "all-balanced: 1g.6gb x2 2g.12gb x1\nall-1g.6gb: 1g.6gb x4\n"
			      "all-1g.6gb.me: 1g.6gb+me x1\nall-2g.12gb: 2g.12gb x2\n"
			      "all-2g.12gb.me: 2g.12gb+me x1\nall-4g.24gb: 4g.24gb x1\n" },
		{ 0x233510de, "all-balanced: 1g.18gb x2 2g.35gb x1 3g.71gb x1\n"
			      "all-1g.18gb: 1g.18gb x7\nall-1g.18gb.me: 1g.18gb+me x1\n"
			      "all-1g.35gb: 1g.35gb x4\nall-2g.35gb: 2g.35gb x3\n"
			      "all-3g.71gb: 3g.71gb x2\nall-4g.71gb: 4g.71gb x1\n"
			      "all-7g.141gb: 7g.141gb x1\n" },
		{ 0x20b010de, "all-1g.10gb: 1g.10gb x4\n" },
		{ 0x2bb510de, "all-balanced: 1g.24gb x2 2g.48gb x1\nall-1g.24gb-me: 1g.24gb-me x4\n"
			      "all-1g.24gb.me.all: 1g.24gb+me.all x1\n"
			      "all-4g.96gb.gfx: 4g.96gb+gfx x1\n" },
	};
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = NULL;
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_layout_shipped(&layout, &err), 0);
	assert_string_equal(layout->labels[0].name, "all-disabled");
	assert_string_equal(layout->labels[1].name, "all-enabled");
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO_BUF text = { 0 };
		char line[128];

		for (size_t l = 0; l < layout->n_labels; l++)
			say_label(&layout->labels[l], rows[i].id, &text);
		for (const char *at = rows[i].labels; *at; at += strlen(line)) {
			snprintf(line, sizeof(line), "%.*s", (int)(strchr(at, '\n') + 1 - at), at);
			if (!strstr(tr_buf_str(&text), line))
				fail_msg("%08x: no '%s' in\n%s", rows[i].id, line,
					tr_buf_str(&text));
		}
	}
}

static void unknown_label_lists_the_labels_and_the_nearest(void **state)
{
	TR_AUTO(tr_layout_freep)
	struct tr_layout_file *layout =
		parse("version: 1\nlayouts:\n  day: [{gpus: all, slices: []}]\n"
		      "  night: [{gpus: all, mig: off}]\n");
	const struct tr_layout_label *label = NULL;
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_layout_find(layout, "nigth", &label, &err), -TR_E_NOT_FOUND);
	assert_string_equal(err.msg,
		"f:4:3: there is no label 'nigth', did you mean 'night'?; there is day, night");
	assert_int_equal(tr_layout_find(layout, NULL, &label, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "f:3:3: the file holds several labels: day, night");
	assert_int_equal(tr_layout_find(layout, "night", &label, &err), 0);
	assert_string_equal(label->name, "night");
	layout->n_labels--;
	assert_int_equal(tr_layout_find(layout, NULL, &label, &err), 0);
	assert_string_equal(label->name, "day");
	layout->n_labels++;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_told_with_its_place_and_what_is_allowed),
		cmocka_unit_test(stock_format_is_read),
		cmocka_unit_test(own_format_says_places),
		cmocka_unit_test(either_format_is_written_as_it_is_read),
		cmocka_unit_test(shipped_labels_are_those_of_mig_parted),
		cmocka_unit_test(unknown_label_lists_the_labels_and_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
