/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

/* A stack has a model at least, so one with none is not there. */
static int fail_no_stack(struct tr_node *node, const char *stack, struct tr_err *err)
{
	TR_AUTO_FREE char *names = NULL;
	TR_AUTO_BUF hint = { 0 };

	if (tr_stack_names(node, &names, err) < 0)
		return -(int)err->code;
	tr_show_stack_names(&hint, "tranche ps", names);
	if (!hint.len)
		tr_buf_puts(&hint, "tranche up   starts what a stack file asks for");
	tr_fail(err, TR_E_NOT_FOUND, "there is no stack '%.60s'", stack);
	return tr_hint(err, "%s", tr_buf_str(&hint));
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_replicas_freep) struct tr_replicas *replicas = NULL;
	const char *stack = call->n_args ? call->args[0] : NULL;

	if (tr_show_node_open(call, &node, err) < 0 ||
		tr_replicas_get(node, stack, &replicas, err) < 0)
		return -(int)err->code;
	if (stack && replicas->n == 0)
		return fail_no_stack(node, stack, err);
	if (call->common->json)
		return tr_show_replicas_json(node, replicas, err);
	return tr_show_replicas(node, replicas, err);
}

static const char *const example[] = {
	"tranche ps                # every model of the node",
	"tranche ps demo           # one stack",
	NULL,
};

const struct tr_cmd tr_cmd_ps = {
	.path = "ps",
	.args = "[STACK]",
	.help = "Show the models: slice, memory, state, port",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.max_args = 1,
	.also = "list ls get top stats models pods",
	.example = example,
	.run = run,
};
