/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"

struct opts {
	bool force;
};

static const struct tr_opt opts[] = {
	{ "force", 0, TR_OPT_FLAG, offsetof(struct opts, force), NULL,
		"stop the servers that are on it first", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	struct tr_change change;

	if (tr_talk_begin(&talk, call, NULL, &change, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < call->n_args; i++) {
		if (tr_virtual_destroy(call->args[i], o->force, &change, err) < 0)
			return -(int)err->code;
		if (!call->common->json && !call->common->dry_run)
			printf("virtual node '%s' is gone\n", call->args[i]);
	}
	return call->common->json || call->common->dry_run ? tr_talk_end(&talk, err) : 0;
}

static const char *const example[] = {
	"tranche virtual destroy a100-80gb",
	"tranche virtual destroy --force lab    # stops what runs there, too",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_destroy = {
	.path = "virtual destroy",
	.args = "NAME...",
	.help = "Remove virtual nodes",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_GRACE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.min_args = 1,
	.max_args = SIZE_MAX,
	.also = "rm delete remove",
	.example = example,
	.run = run,
};
