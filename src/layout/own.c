/* SPDX-License-Identifier: Apache-2.0 */
/* Our own format, which also says where slices start. */
#include "base/err.h"
#include "facts/facts.h"
#include "layout/layout_priv.h"

#include <stdio.h>
#include <string.h>

static const char slices_allowed[] =
	"allowed: PROFILE or PROFILE:START, as 2g.20gb, 2g.20gb:4, or an id, as 14";

static int read_slice(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	struct tr_layout_slice slice = {
		.count = 1, .start = -1, .at = value->at, .at_count = value->at
	};
	struct tr_layout_slice *to;
	const char *why = NULL, *colon;
	char name[64];

	if (value->kind != TR_YAML_TEXT)
		return tr_layout_fail(
			layout, value->at, err, "no text as a slice; %s", slices_allowed);
	colon = strrchr(value->text, ':');
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - value->text) : 63, value->text);
	if (colon) {
		size_t len = strspn(colon + 1, "0123456789");

		if (len == 0 || len > 2 || colon[1 + len])
			return tr_layout_fail(layout, value->at, err, "slice '%s'; %s",
				TR_SHOWN(value->text), slices_allowed);
		slice.start = atoi(colon + 1);
	}
	if (*name && strlen(name) < 10 && strspn(name, "0123456789") == strlen(name))
		snprintf(slice.profile, sizeof(slice.profile), "%s", name);
	else if (!tr_layout_profile(name, slice.profile, &why))
		return tr_layout_fail(layout, value->at, err, "slice '%s': %s; %s",
			TR_SHOWN(value->text), why, slices_allowed);
	to = tr_layout_add_slice(spec);
	if (!to)
		return tr_layout__no_memory(layout, err);
	*to = slice;
	return 0;
}

static int read_slices(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	spec->at_slices = value->at;
	if (value->kind != TR_YAML_LIST)
		return tr_layout_fail(
			layout, value->at, err, "'slices' is no list; %s, in [ ]", slices_allowed);
	for (const struct tr_yaml *item = value->first; item; item = item->next)
		if (read_slice(layout, item, spec, err) < 0)
			return -(int)err->code;
	return 0;
}

static int read_gpu(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	struct tr_layout_gpu gpu = { .at = value->at };
	struct tr_layout_gpu *to;
	bool is_uuid = value->kind == TR_YAML_TEXT && strncmp(value->text, "GPU-", 4) == 0 &&
		       strlen(value->text) < sizeof(gpu.uuid) &&
		       strspn(value->text + 4, "0123456789abcdef-") == strlen(value->text) - 4;

	if (is_uuid)
		snprintf(gpu.uuid, sizeof(gpu.uuid), "%s", value->text);
	else if (!tr_layout__number(value, 1023, &gpu.idx))
		return tr_layout_fail(layout, value->at, err,
			"'%s' is no card; allowed: an index, as 0, or a UUID, as GPU-...",
			TR_SHOWN(value->kind == TR_YAML_TEXT ? value->text : "..."));
	to = tr_layout_add_gpu(spec);
	if (!to)
		return tr_layout__no_memory(layout, err);
	*to = gpu;
	return 0;
}

static int read_gpus(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	spec->at_gpus = value->at;
	if (value->kind == TR_YAML_TEXT && strcmp(value->text, "all") == 0) {
		spec->is_all = true;
		return 0;
	}
	if (value->kind != TR_YAML_LIST)
		return tr_layout_fail(layout, value->at, err,
			"'gpus' is '%s'; allowed: all, or a list of indexes and UUIDs, as [0, 1]",
			TR_SHOWN(value->kind == TR_YAML_TEXT ? value->text : "a mapping"));
	for (const struct tr_yaml *item = value->first; item; item = item->next)
		if (read_gpu(layout, item, spec, err) < 0)
			return -(int)err->code;
	return 0;
}

static int read_product(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	size_t n_products;
	const struct tr_gpu_product *products = tr_facts_products(&n_products);
	TR_AUTO_BUF keys = { 0 };

	spec->at_filter = value->at;
	for (size_t i = 0; i < n_products; i++) {
		const struct tr_gpu_product *p = &products[i];
		struct tr_layout_filter *filter;

		if (!p->model->has_mig)
			continue;
		if (i == 0 || strcmp(p->model->key, products[i - 1].model->key) != 0)
			tr_buf_addf(&keys, "%s%s", keys.len ? ", " : "", p->model->key);
		if (value->kind != TR_YAML_TEXT || (strcmp(value->text, p->key) != 0 &&
							   strcmp(value->text, p->model->key) != 0))
			continue;
		filter = tr_layout_add_filter(spec);
		if (!filter)
			return tr_layout__no_memory(layout, err);
		filter->id = p->pci_device_id << 16 | 0x10de;
	}
	if (spec->n_filters == 0)
		return tr_layout_fail(layout, value->at, err, "product '%s'; allowed: %s",
			TR_SHOWN(value->kind == TR_YAML_TEXT ? value->text : "..."),
			tr_buf_str(&keys));
	snprintf(spec->product, sizeof(spec->product), "%s", value->text);
	return 0;
}

static int read_spec(const struct tr_layout_file *layout, const struct tr_yaml *value,
	struct tr_layout_spec *spec, struct tr_err *err)
{
	static const char *const keys[] = { "gpus", "product", "mig", "slices" };
	const struct tr_yaml *gpus = tr_yaml_child(value, "gpus");
	const struct tr_yaml *product = tr_yaml_child(value, "product");
	const struct tr_yaml *mig = tr_yaml_child(value, "mig");
	const struct tr_yaml *slices = tr_yaml_child(value, "slices");

	spec->mig_on = true;
	if (tr_layout__check_keys(layout, value, "", keys, TR_COUNT(keys), err) < 0)
		return -(int)err->code;
	if (!gpus)
		return tr_layout_fail(layout, value->at, err,
			"no 'gpus'; allowed: all, or a list of indexes and UUIDs, as [0, 1]");
	if (read_gpus(layout, gpus, spec, err) < 0 ||
		(product && read_product(layout, product, spec, err) < 0))
		return -(int)err->code;
	if (mig && !tr_layout__truth(mig, &spec->mig_on))
		return tr_layout_fail(
			layout, mig->at, err, "'mig' is neither on nor off; allowed: on or off");
	if (!slices && spec->mig_on)
		return tr_layout_fail(
			layout, value->at, err, "no 'slices'; %s, in [ ]", slices_allowed);
	if (slices && read_slices(layout, slices, spec, err) < 0)
		return -(int)err->code;
	if (!spec->mig_on && spec->n_slices > 0)
		return tr_layout_fail(layout, spec->at_slices, err,
			"slices where MIG is off; allowed: no slices there");
	return 0;
}

int tr_layout__read_own(
	struct tr_layout_file *layout, const struct tr_yaml *root, struct tr_err *err)
{
	static const char *const keys[] = { "version", "layouts" };

	if (tr_layout__check_keys(layout, root, "", keys, TR_COUNT(keys), err) < 0)
		return -(int)err->code;
	return tr_layout__read_labels(layout, root, "layouts", read_spec, err);
}
