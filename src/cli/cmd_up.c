/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	const char *file, *name;
};

static const struct tr_opt opts[] = {
	{ "file", 'f', TR_OPT_STRING, offsetof(struct opts, file), "FILE",
		"the stack file (default tranche.yaml)", 0 },
	{ "name", 0, TR_OPT_STRING, offsetof(struct opts, name), "STACK",
		"the stack's name, instead of the file's", 0 },
	{ 0 },
};

static int show(
	struct tr_node *node, const char *stack, const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_replicas_freep) struct tr_replicas *replicas = NULL;

	if (tr_replicas_get(node, stack, &replicas, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return tr_show_replicas_json(node, replicas, err);
	return tr_show_endpoints(node, replicas, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_FREE char *stack = NULL;
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	const char *file = o->file ? o->file : "tranche.yaml";
	struct tr_change change;

	/* The file first: a slip in it is told even where there is no GPU. */
	if (tr_stack_file_name(file, &stack, err) < 0)
		return -(int)err->code;
	if (tr_node_open(call->common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0 ||
		tr_up(node, file, o->name, &change, err) < 0)
		return -(int)err->code;
	if (call->common->dry_run)
		return tr_talk_end(&talk, err);
	return show(node, o->name ? o->name : stack, call, err);
}

static const char *const example[] = {
	"tranche up                       # what ./tranche.yaml asks for",
	"tranche up -f lab.yaml --dry-run # the plan, as commands; nothing is done",
	"tranche up --name second         # the same file once more, as another stack",
	NULL,
};

const struct tr_cmd tr_cmd_up = {
	.path = "up",
	.args = "",
	.help = "Cut the slices and start the models of a stack file",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_RUNTIME | TR_USES_TIMEOUT |
		TR_USES_GRACE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "pull serve scale start apply deploy install",
	.example = example,
	.run = run,
};
