/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/help.h"

struct opts {
	bool list;
};

/* No help text: for checks and completion, not shown. */
static const struct tr_opt opts[] = {
	{ "list", 0, TR_OPT_FLAG, offsetof(struct opts, list), NULL, NULL, 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	const struct opts *o = call->opts;
	const struct tr_cmd *cmd;
	size_t used;

	if (o->list) {
		tr_help_list(call->cmds, stdout);
		return 0;
	}
	if (call->n_args == 0) {
		tr_help_all(call->cmds, stdout);
		return 0;
	}
	cmd = tr_cmd_find(call->cmds, call->args, call->n_args, &used);
	if (cmd && used == call->n_args) {
		tr_help_cmd(cmd, stdout);
		return 0;
	}
	if (cmd) {
		tr_fail(err, TR_E_INVALID,
			"'tranche help' takes one command, and '%.60s' is too much",
			call->args[used]);
		return tr_hint(err, "tranche help %s", cmd->path);
	}
	if (call->n_args == 1 && tr_cmd_is_family(call->cmds, call->args[0])) {
		tr_help_family(call->cmds, call->args[0], stdout);
		return 0;
	}
	return tr_cmd_unknown(call->cmds, call->args, call->n_args, err);
}

static const char *const example[] = {
	"tranche help create",
	"tranche help virtual      # the commands that begin so",
	NULL,
};

const struct tr_cmd tr_cmd_help = {
	.path = "help",
	.args = "[COMMAND]",
	.help = "Print help on a command",
	.group = TR_GROUP_OTHER,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 2,
	.also = "man usage",
	.example = example,
	.run = run,
};
