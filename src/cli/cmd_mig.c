/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_TALK talk = { 0 };
	const char *mode = call->args[0];
	struct tr_change change;
	bool on = strcmp(mode, "on") == 0 || strcmp(mode, "1") == 0;

	if (!on && strcmp(mode, "off") != 0 && strcmp(mode, "0") != 0) {
		tr_fail(err, TR_E_INVALID, "MIG is turned on or off, not '%.60s'", mode);
		return tr_hint(err, "tranche mig on\ntranche mig off");
	}
	if (tr_node_open(call->common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0 ||
		tr_mig_set(node, call->common->gpu, on, &change, err) < 0)
		return -(int)err->code;
	return tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche mig on -i 0              # card 0; without -i: every card",
	"tranche mig off --dry-run        # the plan, as nvidia-smi commands",
	NULL,
};

const struct tr_cmd tr_cmd_mig = {
	.path = "mig",
	.args = "on|off",
	.help = "Turn MIG on or off, on cards that nobody uses",
	.group = TR_GROUP_SLICES,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_GPU | TR_USES_DRY_RUN,
	.min_args = 1,
	.max_args = 1,
	.also = "enable disable mode",
	.example = example,
	.run = run,
};
