/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

static int run(const struct tr_call *call, struct tr_err *err)
{
	if (tr_virtual_reload(call->args[0], err) < 0)
		return -(int)err->code;
	return tr_show_virtual_done(call, call->args[0], "was loaded anew", err);
}

static const char *const example[] = {
	"tranche virtual reload a100-80gb",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_reload = {
	.path = "virtual reload",
	.args = "NODE",
	.help = "Lose what loading the driver anew loses",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON,
	.min_args = 1,
	.max_args = 1,
	.also = "rmmod modprobe unload",
	.example = example,
	.run = run,
};
