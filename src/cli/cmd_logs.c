/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"
#include "cli/stop.h"

struct opts {
	bool follow;
	uint32_t n_lines;
};

static const struct tr_opt opts[] = {
	{ "follow", 'f', TR_OPT_FLAG, offsetof(struct opts, follow), NULL,
		"go on as lines come, until the server ends", 0 },
	{ "tail", 'n', TR_OPT_LINES, offsetof(struct opts, n_lines), "N",
		"the last N lines (default: all)", 0 },
	{ 0 },
};

static const struct opts defaults = { .n_lines = UINT32_MAX };

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	const struct opts *o = call->opts;

	if (tr_show_node_open(call, &node, err) < 0)
		return -(int)err->code;
	/* The log goes to the descriptor itself, behind whatever stdio still holds. */
	fflush(stdout);
	tr_show_node(node, stderr);
	if (o->follow)
		tr_stop_catch("");
	return tr_logs(node, call->args[0], o->n_lines, o->follow, tr_stop_flag(), err);
}

static const char *const example[] = {
	"tranche logs chat                # all of it",
	"tranche logs -f -n 20 demo/chat-1   # one replica: 20 lines, then what comes",
	NULL,
};

const struct tr_cmd tr_cmd_logs = {
	.path = "logs",
	.args = "MODEL",
	.help = "Print a model server's log",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.also = "tail log journal attach",
	.example = example,
	.run = run,
};
