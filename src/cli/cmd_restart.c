/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_TALK talk = { 0 };
	struct tr_change change;

	if (tr_show_node_open(call, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0 ||
		tr_restart(node, call->args[0], &change, err) < 0)
		return -(int)err->code;
	return tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche restart chat             # all its replicas",
	"tranche restart demo/chat-1      # one of them",
	NULL,
};

const struct tr_cmd tr_cmd_restart = {
	.path = "restart",
	.args = "MODEL",
	.help = "Stop and start a model's servers on their slices",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_TIMEOUT | TR_USES_GRACE,
	.min_args = 1,
	.max_args = 1,
	.also = "reload rollout",
	.example = example,
	.run = run,
};
