/* SPDX-License-Identifier: Apache-2.0 */
/* What a label says of each card of a node. */
#include "base/err.h"
#include "core/layout.h"

#include <stdio.h>
#include <string.h>

void tr_wishes_done(struct tr_wishes *wishes)
{
	free(wishes->v);
	*wishes = (struct tr_wishes){ 0 };
}

/* --- Which cards --- */

static bool passes_filter(const struct tr_layout_spec *spec, const struct tr_card *card)
{
	for (size_t i = 0; i < spec->n_filters; i++)
		if (spec->filters[i].id == card->pci_id &&
			(!spec->filters[i].has_subsystem ||
				spec->filters[i].subsystem == card->pci_subsystem))
			return true;
	return spec->n_filters == 0;
}

static bool names(const struct tr_layout_spec *spec, const struct tr_card *card)
{
	for (size_t i = 0; i < spec->n_gpus; i++)
		if (*spec->gpus[i].uuid ? strcmp(spec->gpus[i].uuid, card->uuid) == 0
					: spec->gpus[i].idx == card->idx)
			return true;
	return spec->is_all;
}

static int check_gpus(const struct tr_cards *cards, const struct tr_layout_file *file,
	const struct tr_layout_spec *spec, struct tr_err *err)
{
	for (size_t i = 0; i < spec->n_gpus; i++) {
		const struct tr_layout_gpu *gpu = &spec->gpus[i];

		if (*gpu->uuid && !tr_card_by_uuid(cards, gpu->uuid))
			return tr_layout_fail(file, gpu->at, err,
				"there is no GPU '%s' on this node; allowed: one that 'tranche "
				"gpus' shows",
				gpu->uuid);
		if (!*gpu->uuid && gpu->idx >= cards->n)
			return tr_layout_fail(file, gpu->at, err,
				"there is no GPU %u: the node has %zu; allowed: 0 to %zu", gpu->idx,
				cards->n, cards->n ? cards->n - 1 : 0);
	}
	return 0;
}

static int matches_nothing(const struct tr_cards *cards, const struct tr_layout_file *file,
	const struct tr_layout_label *label, struct tr_err *err)
{
	const struct tr_layout_spec *spec = &label->specs[0];
	TR_AUTO_BUF there = { 0 };

	for (size_t c = 0; c < cards->n && c < 8; c++)
		tr_buf_addf(&there, "%s%s (0x%08X)%s", c ? ", " : "", cards->v[c].name,
			cards->v[c].pci_id, cards->v[c].has_mig_mode ? "" : ", which has no MIG");
	return tr_layout_fail(file, spec->n_filters ? spec->at_filter : spec->at_gpus, err,
		"'%s' matches no GPU of this node; allowed: what is there: %s",
		TR_SHOWN(label->name), tr_buf_str(&there));
}

/* --- What slices --- */

static int no_profile(const struct tr_layout_file *file, const struct tr_layout_slice *slice,
	const struct tr_card *card, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	if (slice->profile[strspn(slice->profile, "0123456789")] == 'c')
		return tr_layout_fail(file, slice->at, err,
			"'%s' shares a GPU instance with others; allowed: '%s', one server a slice",
			slice->profile, strchr(slice->profile, '.') + 1);
	for (size_t i = 0; i < card->n_profiles; i++)
		tr_buf_addf(&list, "%s%s", i ? ", " : "", card->profiles[i].name);
	return tr_layout_fail(file, slice->at, err, "GPU %u (%s) has no profile '%s'; allowed: %s",
		card->idx, card->name, slice->profile, tr_buf_str(&list));
}

static int no_start(const struct tr_layout_file *file, const struct tr_layout_slice *slice,
	const struct tr_card *card, const struct tr_plan_profile *profile, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (uint32_t i = 0; i < profile->n_starts; i++)
		tr_buf_addf(&list, "%s%u", i ? ", " : "", profile->starts[i]);
	return tr_layout_fail(file, slice->at, err,
		"on GPU %u a %s does not start at %d; allowed: %s", card->idx, profile->name,
		slice->start, tr_buf_str(&list));
}

static int add_slice(const struct tr_layout_file *file, const struct tr_layout_slice *slice,
	struct tr_wish *wish, struct tr_err *err)
{
	const struct tr_card *card = wish->card;
	const struct tr_plan_profile *profile = NULL;
	bool has_start;

	for (size_t i = 0; i < card->n_profiles && !profile; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%u", card->profiles[i].id);
		if (strcmp(card->profiles[i].name, slice->profile) == 0 ||
			strcmp(id, slice->profile) == 0)
			profile = &card->profiles[i];
	}
	if (!profile)
		return no_profile(file, slice, card, err);
	has_start = slice->start < 0;
	for (uint32_t i = 0; i < profile->n_starts; i++)
		has_start = has_start || profile->starts[i] == slice->start;
	if (!has_start)
		return no_start(file, slice, card, profile, err);
	for (uint32_t i = 0; i < slice->count; i++) {
		if (wish->n == TR_LAYOUT_MAX_COUNT)
			return tr_layout_fail(file, slice->at_count, err,
				"too many slices for one card; allowed: %d", TR_LAYOUT_MAX_COUNT);
		wish->wants[wish->n] = (struct tr_recut_want){ profile, slice->start };
		wish->at[wish->n++] = slice->at_count;
	}
	return 0;
}

static int fill_wish(const struct tr_layout_file *file, const struct tr_layout_spec *spec,
	struct tr_wish *wish, struct tr_err *err)
{
	wish->spec = spec;
	wish->mig_on = spec->mig_on;
	wish->n = 0;
	for (size_t i = 0; i < spec->n_slices; i++)
		if (add_slice(file, &spec->slices[i], wish, err) < 0)
			return -(int)err->code;
	return 0;
}

static int apply_spec(const struct tr_cards *cards, const struct tr_layout_spec *spec,
	struct tr_wishes *wishes, bool *ret_any, struct tr_err *err)
{
	char why[256];

	if (check_gpus(cards, wishes->file, spec, err) < 0)
		return -(int)err->code;
	for (size_t c = 0; c < cards->n; c++) {
		const struct tr_card *card = &cards->v[c];

		if (!names(spec, card) || !passes_filter(spec, card))
			continue;
		/* All cards that can, or a card that is to be as it is anyway. */
		if (!card->has_mig_mode && (spec->is_all || !spec->mig_on)) {
			*ret_any = *ret_any || !spec->mig_on;
			continue;
		}
		if (!tr_card_can_slice(card, why))
			return tr_layout_fail(
				wishes->file, spec->at_gpus, err, "GPU %u: %s", card->idx, why);
		*ret_any = true;
		if (fill_wish(wishes->file, spec, &wishes->v[c], err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_wishes_make(const struct tr_cards *cards, const struct tr_layout_file *file,
	const struct tr_layout_label *label, struct tr_wishes *ret, struct tr_err *err)
{
	TR_AUTO(tr_wishes_done) struct tr_wishes wishes = { .n = cards->n, .file = file };
	bool any = false;

	wishes.v = calloc(cards->n + 1, sizeof(*wishes.v));
	if (!wishes.v)
		return tr_fail(err, TR_E_NO_MEMORY, "read the layout: out of memory");
	for (size_t c = 0; c < cards->n; c++)
		wishes.v[c].card = &cards->v[c];
	for (size_t s = 0; s < label->n_specs; s++)
		if (apply_spec(cards, &label->specs[s], &wishes, &any, err) < 0)
			return -(int)err->code;
	if (!any)
		return matches_nothing(cards, file, label, err);
	*ret = wishes;
	wishes = (struct tr_wishes){ 0 };
	return 0;
}
