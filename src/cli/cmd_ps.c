/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_replicas_freep) struct tr_replicas *replicas = NULL;
	const char *stack = call->n_args ? call->args[0] : NULL;

	if (tr_node_open(call->common->node, &node, err) < 0 ||
		tr_replicas_get(node, stack, &replicas, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return tr_show_replicas_json(node, replicas, err);
	return tr_show_replicas(node, replicas, err);
}

const struct tr_cmd tr_cmd_ps = {
	.path = "ps",
	.args = "[STACK]",
	.help = "Show the models: slice, memory, state, port",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.max_args = 1,
	.also = "list ls get status top stats models pods",
	.run = run,
};
