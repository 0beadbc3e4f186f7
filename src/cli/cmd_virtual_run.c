/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

/* Becomes the program: what follows is its own output and exit status. */
static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO_FREE char *node = NULL;
	TR_AUTO_STRV argv = { 0 };

	for (size_t i = 0; i < call->n_args; i++)
		tr_strv_add(&argv, call->args[i]);
	if (tr_strv_ok(&argv, err) < 0 || tr_virtual_pick(call->common->node, &node, err) < 0)
		return -(int)err->code;
	return tr_virtual_run(node, argv.v, err);
}

static const char *const example[] = {
	"tranche virtual run -- ls -l /dev/nvidia-caps",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_run = {
	.path = "virtual run",
	.args = "[--] PROGRAM [ARGUMENT...]",
	.help = "Run a program that sees its devices and /proc files",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_NODE,
	.min_args = 1,
	.max_args = SIZE_MAX,
	.also = "exec chroot",
	.example = example,
	.run = run,
};
