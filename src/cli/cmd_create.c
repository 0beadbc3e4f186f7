/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	bool quiet;
};

static const struct tr_opt opts[] = {
	{ "quiet", 'q', TR_OPT_FLAG, offsetof(struct opts, quiet), NULL, "print the new UUIDs only",
		0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_slices_freep) struct tr_slices *slices = NULL;
	TR_AUTO_TALK talk = { 0 };
	const struct tr_common *common = call->common;
	const struct opts *o = call->opts;
	struct tr_change change;

	if (tr_node_open(common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0 ||
		tr_slices_create(
			node, common->gpu, call->args, call->n_args, &change, &slices, err) < 0)
		return -(int)err->code;
	if (common->dry_run || !slices)
		return tr_talk_end(&talk, err);
	if (common->json)
		return tr_show_slices_json(node, slices, err);
	if (!o->quiet)
		return tr_show_slices(node, slices, err);
	tr_show_slice_ids(node, slices);
	return 0;
}

static const char *const example[] = {
	"tranche create 2g.20gb 3g.40gb   # two slices, where there is room",
	"tranche create 14                # by id, as nvidia-smi -cgi takes it",
	"tranche create 2g.20gb:4         # at memory slice 4 of the card",
	"S=$(tranche create -q 1g.10gb)   # its UUID, for a script",
	NULL,
};

const struct tr_cmd tr_cmd_create = {
	.path = "create",
	.args = "PROFILE[:START]...",
	.help = "Cut slices: all that are named, or none",
	.group = TR_GROUP_SLICES,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_GPU | TR_USES_DRY_RUN,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.min_args = 1,
	.max_args = SIZE_MAX,
	.also = "cut carve add new cgi",
	.example = example,
	.run = run,
};
