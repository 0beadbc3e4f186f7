/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvidia-mig-parted's format. Its reader goes through JSON, so that an unquoted 7 is a number and
 * "7" is not. Stricter than it in one thing: a device filter that is no number, which there matches
 * nothing in silence, is a mistake here.
 */
#include "base/err.h"
#include "layout/layout_priv.h"

#include <stdio.h>
#include <string.h>

/* "0x233510DE". */
static bool parse_id(const char *text, size_t len, uint32_t *ret)
{
	uint64_t id = 0;

	if (len < 3 || len > 10 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
		return false;
	for (size_t i = 2; i < len; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, text[i] | (text[i] >= 'A' ? 0x20 : 0));

		if (!text[i] || !digit)
			return false;
		id = id << 4 | (uint64_t)(digit - digits);
	}
	*ret = (uint32_t)id;
	return true;
}

static int read_filter(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	static const char allowed[] = "allowed: \"0xDDDDVVVV\", PCI device and vendor, as "
				      "\"0x233510DE\", with \":0xSSSSSSSS\" for the subsystem";
	struct tr_layout_filter filter = { 0 };
	struct tr_layout_filter *to;
	size_t len;

	if (value->kind != TR_YAML_TEXT)
		return tr_layout_fail(
			layout, value->at, err, "no text as a device filter; %s", allowed);
	len = strcspn(value->text, ":");
	filter.has_subsystem = value->text[len] == ':';
	if (!parse_id(value->text, len, &filter.id) ||
		(filter.has_subsystem && !parse_id(value->text + len + 1,
						 strlen(value->text + len + 1), &filter.subsystem)))
		return tr_layout_fail(layout, value->at, err, "device filter '%s'; %s",
			TR_SHOWN(value->text), allowed);
	to = tr_layout_add_filter(spec);
	if (!to)
		return tr_layout__no_memory(layout, err);
	*to = filter;
	return 0;
}

static int read_filters(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	if (!value || (value->kind == TR_YAML_TEXT && !*value->text))
		return 0;
	spec->at_filter = value->at;
	if (value->kind == TR_YAML_TEXT)
		return read_filter(layout, value, spec, err);
	if (value->kind != TR_YAML_LIST)
		return tr_layout_fail(layout, value->at, err,
			"'device-filter' is a mapping; allowed: a text or a list of them");
	for (const struct tr_yaml *item = value->first; item; item = item->next)
		if (read_filter(layout, item, spec, err) < 0)
			return -(int)err->code;
	return 0;
}

static int read_devices(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	static const char allowed[] = "allowed: all, or a list of indexes, as [0, 1]";

	spec->at_gpus = value->at;
	if (value->kind == TR_YAML_TEXT && strcmp(value->text, "all") == 0) {
		spec->is_all = true;
		return 0;
	}
	if (value->kind != TR_YAML_LIST)
		return tr_layout_fail(layout, value->at, err, "'devices' is '%s'; %s",
			TR_SHOWN(value->kind == TR_YAML_TEXT ? value->text : "a mapping"), allowed);
	for (const struct tr_yaml *item = value->first; item; item = item->next) {
		struct tr_layout_gpu *gpu;
		uint32_t idx;

		if (!tr_layout__number(item, 1023, &idx))
			return tr_layout_fail(layout, item->at, err, "'%s' is no index; %s",
				TR_SHOWN(item->kind == TR_YAML_TEXT ? item->text : "..."), allowed);
		gpu = tr_layout_add_gpu(spec);
		if (!gpu)
			return tr_layout__no_memory(layout, err);
		gpu->idx = idx;
		gpu->at = item->at;
	}
	return 0;
}

static int read_slice(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	struct tr_layout_slice slice = { .start = -1, .at = value->key_at, .at_count = value->at };
	struct tr_layout_slice *to;
	const char *why = NULL;

	if (!tr_layout_profile(value->key, slice.profile, &why))
		return tr_layout_fail(layout, value->key_at, err, "profile '%s'; allowed: %s",
			TR_SHOWN(value->key), why);
	if (!tr_layout__number(value, TR_LAYOUT_MAX_COUNT, &slice.count))
		return tr_layout_fail(layout, value->at, err,
			"'%s' is no count of '%s'; allowed: 0 to %d, without quotes",
			TR_SHOWN(value->kind == TR_YAML_TEXT ? value->text : "..."),
			TR_SHOWN(value->key), TR_LAYOUT_MAX_COUNT);
	to = tr_layout_add_slice(spec);
	if (!to)
		return tr_layout__no_memory(layout, err);
	*to = slice;
	return 0;
}

static int read_slices(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	uint32_t n = 0;

	spec->at_slices = value->at;
	if (value->kind != TR_YAML_MAPPING)
		return tr_layout_fail(layout, value->at, err,
			"'mig-devices' is no mapping; allowed: \"PROFILE\": COUNT, or {} for no "
			"slice");
	for (const struct tr_yaml *item = value->first; item; item = item->next) {
		if (read_slice(layout, item, spec, err) < 0)
			return -(int)err->code;
		n += spec->slices[spec->n_slices - 1].count;
	}
	if (value->n > 0 && n == 0)
		return tr_layout_fail(layout, value->at, err,
			"every count of 'mig-devices' is 0; allowed: one above 0, or {} for no "
			"slice");
	return 0;
}

static int read_spec(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	static const char *const keys[] = { "device-filter", "devices", "mig-enabled",
		"mig-devices" };
	const struct tr_yaml *devices = tr_yaml_child(value, "devices");
	const struct tr_yaml *enabled = tr_yaml_child(value, "mig-enabled");
	const struct tr_yaml *slices = tr_yaml_child(value, "mig-devices");

	if (tr_layout__check_keys(layout, value, "", keys, TR_COUNT(keys), err) < 0)
		return -(int)err->code;
	if (!devices || !enabled)
		return tr_layout_fail(layout, value->at, err, "no '%s'; allowed: %s",
			devices ? "mig-enabled" : "devices",
			devices ? "true or false" : "all, or a list of indexes, as [0, 1]");
	if (read_filters(layout, tr_yaml_child(value, "device-filter"), spec, err) < 0 ||
		read_devices(layout, devices, spec, err) < 0)
		return -(int)err->code;
	if (!tr_layout__truth(enabled, &spec->mig_on))
		return tr_layout_fail(layout, enabled->at, err,
			"'mig-enabled' is neither true nor false; allowed: true or false, without "
			"quotes");
	if (slices && slices->kind == TR_YAML_TEXT && slices->is_missing)
		slices = NULL;
	if (!slices && spec->mig_on)
		return tr_layout_fail(layout, value->at, err,
			"no 'mig-devices' where 'mig-enabled' is true; allowed: \"PROFILE\": "
			"COUNT, "
			"or {} for no slice");
	if (slices && read_slices(layout, slices, spec, err) < 0)
		return -(int)err->code;
	if (!spec->mig_on && spec->n_slices > 0)
		return tr_layout_fail(layout, spec->at_slices, err,
			"'mig-devices' where 'mig-enabled' is false; allowed: no slices there");
	return 0;
}

int tr_layout__read_stock(
	struct tr_layout_file *layout, const struct tr_yaml *root, struct tr_err *err)
{
	static const char *const keys[] = { "version", "mig-configs" };

	if (tr_layout__check_keys(layout, root, "", keys, TR_COUNT(keys), err) < 0)
		return -(int)err->code;
	return tr_layout__read_labels(layout, root, "mig-configs", read_spec, err);
}
