/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/layout.h"
#include "cli/show.h"

struct opts {
	struct tr_layout_opts layout;
	bool resume, abort;
};

static const struct tr_opt opts[] = {
	TR_LAYOUT_OPT_FILE,
	TR_LAYOUT_OPT_LABEL,
	TR_LAYOUT_OPT_EVICT,
	{ "wait", 0, TR_OPT_DURATION, offsetof(struct opts, layout.wait_ms), "TIME",
		"wait so long for busy slices in the way", 0 },
	{ "resume", 0, TR_OPT_FLAG, offsetof(struct opts, resume), NULL,
		"go on with a change that was cut off", 0 },
	{ "abort", 0, TR_OPT_FLAG, offsetof(struct opts, abort), NULL,
		"go back to what stood before a change that was cut off", 0 },
	{ 0 },
};

static int check(const struct tr_call *call, const struct opts *o, struct tr_err *err)
{
	if (o->resume && o->abort)
		return tr_fail(err, TR_E_INVALID, "'--resume' and '--abort' do not go together");
	if ((o->resume || o->abort) &&
		(call->n_args || o->layout.file || o->layout.label || o->layout.evict))
		return tr_fail(err, TR_E_INVALID, "'--%s' takes no layout: it knows which",
			o->resume ? "resume" : "abort");
	return 0;
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_STRV evict = { 0 };
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	struct tr_change change;
	struct tr_layout_ask ask;
	int r;

	if (check(call, o, err) < 0 || tr_layout_ask_of(call, &evict, &ask, err) < 0 ||
		tr_node_open(call->common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &change, err) < 0)
		return -(int)err->code;
	if (o->resume || o->abort)
		r = tr_layout_resume(node, o->abort, &change, err);
	else
		r = tr_layout_apply(node, &ask, &change, err);
	return r < 0 ? r : tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche apply all-balanced            # busy slices are not touched",
	"tranche apply -f layouts.yaml night --wait 60s",
	"tranche apply all-3g.40gb --evict 0:2 # what is busy there is stopped for it",
	"tranche apply --abort                 # back from a change that was cut off",
	NULL,
};

const struct tr_cmd tr_cmd_apply = {
	.path = "apply",
	.args = "[LABEL]",
	.help = "Change the layout, with the least harm; all of it or nothing",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_GRACE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 1,
	.also = "reconfigure repartition",
	.example = example,
	.run = run,
};
