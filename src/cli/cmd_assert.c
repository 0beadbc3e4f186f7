/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/layout.h"
#include "cli/show.h"

struct opts {
	struct tr_layout_opts layout;
	bool mode_only;
};

static const struct tr_opt opts[] = {
	TR_LAYOUT_OPT_FILE,
	TR_LAYOUT_OPT_LABEL,
	{ "mode-only", 'm', TR_OPT_FLAG, offsetof(struct opts, mode_only), NULL,
		"compare only whether MIG is on or off", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_STRV evict = { 0 };
	const struct opts *o = call->opts;
	struct tr_layout_ask ask;

	if (tr_layout_ask_of(call, &evict, &ask, err) < 0 ||
		tr_show_node_open(call, &node, err) < 0)
		return -(int)err->code;
	return o->mode_only ? tr_layout_assert_mode(node, &ask, err)
			    : tr_layout_assert(node, &ask, err);
}

static const char *const example[] = {
	"tranche assert all-balanced && echo as asked for",
	"tranche assert -f layouts.yaml -c day --mode-only",
	NULL,
};

const struct tr_cmd tr_cmd_assert = {
	.path = "assert",
	.args = "[LABEL]",
	.help = "Check that every card is as a layout has it (exit 0 or 14)",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 1,
	.also = "check verify",
	.example = example,
	.run = run,
};
