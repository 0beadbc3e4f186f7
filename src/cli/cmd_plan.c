/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/layout.h"
#include "cli/show.h"

TR_DEFINE_FREEP(struct tr_layout_plan, tr_layout_plan_free)

static const struct tr_opt opts[] = {
	TR_LAYOUT_OPT_FILE,
	TR_LAYOUT_OPT_LABEL,
	TR_LAYOUT_OPT_EVICT,
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_layout_plan_freep) struct tr_layout_plan *plan = NULL;
	TR_AUTO_STRV evict = { 0 };
	struct tr_layout_ask ask;

	if (tr_layout_ask_of(call, &evict, &ask, err) < 0 ||
		tr_show_node_open(call, &node, err) < 0 ||
		tr_layout_plan(node, &ask, &plan, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return tr_show_layout_plan_json(node, plan, err);
	return tr_show_layout_plan(node, plan, err);
}

static const char *const example[] = {
	"tranche plan all-balanced            # a label that nvidia-mig-parted ships",
	"tranche plan -f layouts.yaml -c day  # one of a file",
	"tranche plan all-1g.10gb --evict 0:4 # as if the slice at 0:4 might go",
	NULL,
};

const struct tr_cmd tr_cmd_plan = {
	.path = "plan",
	.args = "[LABEL]",
	.help = "Show what a layout would change, as a diff and a picture",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.opts = opts,
	.opts_size = sizeof(struct tr_layout_opts),
	.max_args = 1,
	.also = "diff preview what-if",
	.example = example,
	.run = run,
};
