/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	bool all;
};

static const struct tr_opt opts[] = {
	{ "all", 'a', TR_OPT_FLAG, offsetof(struct opts, all), NULL,
		"all that 'tranche create' cut (with -i: on that card)", 0 },
	{ 0 },
};

/* "GPU:START" of each slice that was cut by hand: a slice of a stack goes with its stack, and one
 * that somebody else cut is not ours to sweep away unnamed. */
static void name_all(const struct tr_slices *slices, int gpu, struct tr_strv *ret)
{
	for (size_t i = 0; i < slices->n; i++) {
		const struct tr_slice *s = &slices->v[i];

		if (!s->is_ours || s->is_whole || s->stack[0])
			continue;
		if (gpu < 0 || s->gpu_idx == (uint32_t)gpu)
			tr_strv_addf(ret, "%u:%u", s->gpu_idx, s->start);
	}
}

static int name_slices(
	const struct tr_call *call, struct tr_node *node, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO(tr_slices_freep) struct tr_slices *slices = NULL;
	const struct opts *o = call->opts;

	if (o->all && call->n_args)
		return tr_fail(
			err, TR_E_INVALID, "'--all' and '%s' do not go together", call->args[0]);
	if (!o->all && call->common->gpu >= 0)
		return tr_fail(err, TR_E_INVALID,
			"'--gpu' is for '--all'; a single slice is named GPU:START, or by UUID");
	if (!o->all && !call->n_args) {
		tr_fail(err, TR_E_INVALID, "'tranche destroy' needs SLICE..., or --all");
		return tr_hint(err, "tranche slices    shows their UUIDs");
	}
	for (size_t i = 0; i < call->n_args; i++)
		tr_strv_add(ret, call->args[i]);
	if (o->all) {
		if (tr_slices_get(node, &slices, err) < 0)
			return -(int)err->code;
		name_all(slices, call->common->gpu, ret);
	}
	return tr_strv_ok(ret, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_STRV which = { 0 };
	TR_AUTO_TALK talk = { 0 };
	struct tr_change change;

	if (tr_node_open(call->common->node, &node, err) < 0 ||
		name_slices(call, node, &which, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0)
		return -(int)err->code;
	if (which.n &&
		tr_slices_destroy(node, (const char *const *)which.v, which.n, &change, err) < 0)
		return -(int)err->code;
	return tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche destroy MIG-1c2d3e4f     # by the beginning of its UUID",
	"tranche destroy 0:4              # on card 0, the one at memory slice 4",
	"tranche destroy --all --dry-run  # what would go",
	NULL,
};

const struct tr_cmd tr_cmd_destroy = {
	.path = "destroy",
	.args = "SLICE...",
	.help = "Free slices, named by UUID or GPU:START",
	.group = TR_GROUP_SLICES,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_GPU | TR_USES_DRY_RUN,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = SIZE_MAX,
	.also = "delete rm remove free dgi dci",
	.example = example,
	.run = run,
};
