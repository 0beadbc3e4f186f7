/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	bool quiet;
};

static const struct tr_opt opts[] = {
	{ "quiet", 'q', TR_OPT_FLAG, offsetof(struct opts, quiet), NULL, "print UUIDs only", 0 },
	{ 0 },
};

/* Leaves those of one card. The rows left out own their holders, so they go behind, not away:
 * tr_slices_free must still find them. */
static size_t keep_card(struct tr_slices *slices, int gpu)
{
	size_t kept = 0;

	for (size_t i = 0; i < slices->n; i++) {
		struct tr_slice s = slices->v[i];

		if (gpu >= 0 && s.gpu_idx != (uint32_t)gpu)
			continue;
		slices->v[i] = slices->v[kept];
		slices->v[kept++] = s;
	}
	return kept;
}

/* A card that is not there is no card without slices. */
static int check_card(struct tr_node *node, int gpu, struct tr_err *err)
{
	TR_AUTO(tr_gpus_freep) struct tr_gpus *gpus = NULL;

	if (tr_gpus_get(node, &gpus, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < gpus->n; i++)
		if (gpus->v[i].idx == (uint32_t)gpu)
			return 0;
	tr_fail(err, TR_E_NOT_FOUND, "there is no GPU %d: the node has %zu", gpu, gpus->n);
	return tr_hint(err, "tranche gpus   lists them");
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_slices_freep) struct tr_slices *slices = NULL;
	const struct opts *o = call->opts;
	struct tr_slices view;

	if (tr_show_node_open(call, &node, err) < 0 || tr_slices_get(node, &slices, err) < 0)
		return -(int)err->code;
	if (call->common->gpu >= 0 && check_card(node, call->common->gpu, err) < 0)
		return -(int)err->code;
	view = (struct tr_slices){ keep_card(slices, call->common->gpu), slices->v };
	if (call->common->json)
		return tr_show_slices_json(node, &view, err);
	if (!o->quiet)
		return tr_show_slices(node, &view, err);
	tr_show_slice_ids(node, &view);
	return 0;
}

static const char *const example[] = {
	"tranche slices                # every slice of the node",
	"tranche slices --gpu 1 -q     # UUIDs alone, to be used in other commands",
	NULL,
};

const struct tr_cmd tr_cmd_slices = {
	.path = "slices",
	.args = "",
	.help = "Show every slice: size, place, UUID, memory, who holds it",
	.group = TR_GROUP_SLICES,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_GPU,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "slice list ls instances lgi get",
	.example = example,
	.run = run,
};
