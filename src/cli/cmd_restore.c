/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/layout.h"
#include "cli/show.h"

struct opts {
	struct tr_layout_opts layout;
	bool last;
};

static const struct tr_opt opts[] = {
	{ "file", 'f', TR_OPT_STRING, offsetof(struct opts, layout.file), "FILE",
		"what 'tranche checkpoint' kept; - is standard input", 0 },
	{ "last", 0, TR_OPT_FLAG, offsetof(struct opts, last), NULL,
		"the layout that was last applied: after a reboot", 0 },
	TR_LAYOUT_OPT_EVICT,
	{ "wait", 0, TR_OPT_DURATION, offsetof(struct opts, layout.wait_ms), "TIME",
		"wait so long for busy slices in the way", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_STRV evict = { 0 };
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	struct tr_change change;
	struct tr_layout_ask ask;
	int r;

	if (!o->last == !o->layout.file) {
		tr_fail(err, TR_E_INVALID, "'tranche restore' needs --file or --last, one of them");
		return tr_hint(err, "tranche restore --last");
	}
	if (tr_layout_ask_of(call, &evict, &ask, err) < 0 ||
		tr_node_open(call->common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0)
		return -(int)err->code;
	r = o->last ? tr_layout_restore_last(node, &change, err)
		    : tr_layout_apply(node, &ask, &change, err);
	return r < 0 ? r : tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche restore -f before.yaml",
	"tranche restore --last            # at boot: packaging/tranche-layout.service",
	NULL,
};

const struct tr_cmd tr_cmd_restore = {
	.path = "restore",
	.args = "",
	.help = "Bring back a checkpoint, or the layout last applied",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_GRACE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "recover",
	.example = example,
	.run = run,
};
