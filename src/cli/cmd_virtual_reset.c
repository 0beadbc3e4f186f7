/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

static int run(const struct tr_call *call, struct tr_err *err)
{
	if (tr_virtual_reset(call->args[0], call->common->gpu, err) < 0)
		return -(int)err->code;
	return tr_show_virtual_done(call, call->args[0], "was reset", err);
}

static const char *const example[] = {
	"tranche virtual reset lab -i 0   # one card: its slices go",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_reset = {
	.path = "virtual reset",
	.args = "NODE",
	.help = "Reset its cards, as nvidia-smi --gpu-reset does",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON | TR_USES_GPU,
	.min_args = 1,
	.max_args = 1,
	.also = "gpu-reset",
	.example = example,
	.run = run,
};
