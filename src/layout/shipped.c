/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels that nvidia-mig-parted ships, made from the facts: for each profile of each card as
 * many as it holds, and a balanced mix. Each entry names its cards by PCI id, so that a label does
 * on a mixed node what it says and leaves cards alone that have no such profile.
 */
#include "base/err.h"
#include "facts/facts.h"
#include "layout/layout_priv.h"

#include <stdio.h>
#include <string.h>

static struct tr_layout_label *label_of(struct tr_layout_file *layout, const char *name)
{
	struct tr_layout_label *more;

	for (size_t i = 0; i < layout->n_labels; i++)
		if (strcmp(layout->labels[i].name, name) == 0)
			return &layout->labels[i];
	more = reallocarray(layout->labels, layout->n_labels + 1, sizeof(*more));
	if (!more)
		return NULL;
	layout->labels = more;
	more = &layout->labels[layout->n_labels];
	*more = (struct tr_layout_label){ .name = strdup(name) };
	if (!more->name)
		return NULL;
	layout->n_labels++;
	return more;
}

static struct tr_layout_spec *add_spec(
	struct tr_layout_file *layout, const char *name, const struct tr_gpu_model *model)
{
	struct tr_layout_label *label = label_of(layout, name);
	struct tr_layout_spec *spec;
	size_t n;
	const struct tr_gpu_product *products = tr_facts_products(&n);

	if (!label)
		return NULL;
	spec = tr_layout_add_spec(label);
	if (!spec)
		return NULL;
	spec->is_all = spec->mig_on = true;
	for (size_t i = 0; model && i < n; i++) {
		struct tr_layout_filter *filter;

		if (products[i].model != model)
			continue;
		filter = tr_layout_add_filter(spec);
		if (!filter)
			return NULL;
		filter->id = products[i].pci_device_id << 16 | 0x10de;
	}
	return spec;
}

static bool add_slices(struct tr_layout_spec *spec, const char *profile, uint32_t count)
{
	struct tr_layout_slice *slice = tr_layout_add_slice(spec);

	if (!slice)
		return false;
	slice->count = count;
	slice->start = -1;
	snprintf(slice->profile, sizeof(slice->profile), "%s", profile);
	return true;
}

/* "1g.18gb+me" is all-1g.18gb.me. */
static bool add_uniform(struct tr_layout_file *layout, const struct tr_gpu_model *model,
	const struct tr_gi_profile *profile)
{
	struct tr_layout_spec *spec;
	char name[80];

	snprintf(name, sizeof(name), "all-%s", profile->name);
	for (char *c = name; *c; c++)
		if (*c == '+')
			*c = '.';
	spec = add_spec(layout, name, model);
	return spec && add_slices(spec, profile->name, profile->max_instances);
}

/* The plain profile with so many compute slices; the smaller of two. */
static const struct tr_gi_profile *plain(const struct tr_gpu_model *model, uint32_t slices)
{
	const struct tr_gi_profile *best = NULL;

	for (uint32_t i = 0; i < model->n_profiles; i++) {
		const struct tr_gi_profile *p = &model->profiles[i];

		if (p->slices == slices && !strpbrk(p->name, "+-") &&
			(!best || p->size < best->size))
			best = p;
	}
	return best;
}

static bool add_balanced(struct tr_layout_file *layout, const struct tr_gpu_model *model)
{
	const struct tr_gi_profile *one = plain(model, 1), *two = plain(model, 2),
				   *three = plain(model, 3);
	struct tr_layout_spec *spec = add_spec(layout, "all-balanced", model);

	return spec && (!one || add_slices(spec, one->name, 2)) &&
	       (!two || add_slices(spec, two->name, 1)) &&
	       (!three || add_slices(spec, three->name, 1));
}

static bool fill(struct tr_layout_file *layout)
{
	size_t n;
	const struct tr_gpu_model *models = tr_facts_models(&n);
	struct tr_layout_spec *off = add_spec(layout, "all-disabled", NULL);

	if (!off)
		return false;
	off->mig_on = false;
	if (!add_spec(layout, "all-enabled", NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		if (models[i].has_mig && !add_balanced(layout, &models[i]))
			return false;
	for (size_t i = 0; i < n; i++)
		for (uint32_t p = 0; models[i].has_mig && p < models[i].n_profiles; p++)
			if (!add_uniform(layout, &models[i], &models[i].profiles[p]))
				return false;
	return true;
}

int tr_layout_shipped(struct tr_layout_file **ret, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = calloc(1, sizeof(*layout));

	if (!layout || !(layout->file = strdup(TR_LAYOUT_SHIPPED)) || !fill(layout))
		return tr_fail(err, TR_E_NO_MEMORY, "make the shipped labels: out of memory");
	*ret = TR_TAKE(layout);
	return 0;
}
