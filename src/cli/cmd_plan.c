/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/arrive.h"
#include "cli/layout.h"
#include "cli/models.h"
#include "cli/show.h"

TR_DEFINE_FREEP(struct tr_layout_plan, tr_layout_plan_free)

TR_DEFINE_FREEP(struct tr_models_plan, tr_models_plan_free)

TR_DEFINE_FREEP(struct tr_models_why, tr_models_why_free)

struct opts {
	struct tr_layout_opts layout; /* first: what the commands about layouts share */
	const char *models, *gpus, *write;
	bool running, explain;
	struct tr_arrive_opts arrive;
};

static const struct tr_opt opts[] = {
	{ "models", 0, TR_OPT_STRING, offsetof(struct opts, models), "FILE",
		"plan cards for the models of a file", 0 },
	{ "gpus", 0, TR_OPT_STRING, offsetof(struct opts, gpus), "CARDS",
		"for --models: a100-80gb=8,h200-141gb", 0 },
	{ "running", 0, TR_OPT_FLAG, offsetof(struct opts, running), NULL,
		"the node's slices are there, and stay", 0 },
	{ "explain", 0, TR_OPT_FLAG, offsetof(struct opts, explain), NULL,
		"why so many, and what would change it", 0 },
	{ "write", 0, TR_OPT_STRING, offsetof(struct opts, write), "DIR",
		"files for tranche apply and tranche up", 0 },
	TR_ARRIVE_OPTS(struct opts, arrive),
	TR_LAYOUT_OPT_FILE,
	TR_LAYOUT_OPT_LABEL,
	TR_LAYOUT_OPT_EVICT,
	{ 0 },
};

/* Cards for models; a node is asked only with --running. */
static int run_models(const struct tr_call *call, const struct opts *o, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_models_plan_freep) struct tr_models_plan *plan = NULL;
	TR_AUTO(tr_models_why_freep) struct tr_models_why *why = NULL;
	struct tr_models_ask ask = { .file = o->models, .gpus = o->gpus };

	if (call->n_args || o->layout.file || o->layout.label || o->layout.evict)
		return tr_fail(
			err, TR_E_INVALID, "'--models' plans cards for models, not a layout");
	if (call->common->node && !o->running) {
		tr_fail(err, TR_E_INVALID, "'--models' asks no node");
		tr_hint(err, "--running   the node's slices are there, and stay");
		return -TR_E_INVALID;
	}
	if (o->running && tr_show_node_open(call, &node, err) < 0)
		return -(int)err->code;
	ask.node = node;
	if (tr_models_plan(&ask, &plan, err) < 0 ||
		(o->write && tr_models_plan_write(plan, o->write, err) < 0))
		return -(int)err->code;
	if (o->explain && tr_models_explain(plan, &why, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return tr_show_models_plan_json(node, plan, why, err);
	return tr_show_models_plan(node, plan, why, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	const struct opts *o = call->opts;
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_layout_plan_freep) struct tr_layout_plan *plan = NULL;
	TR_AUTO_STRV evict = { 0 };
	struct tr_layout_ask ask;

	if (tr_arrive_is_meant(&o->arrive)) {
		if (o->models || o->gpus || o->write || o->running || o->explain ||
			o->layout.file || o->layout.label || o->layout.evict)
			return tr_fail(err, TR_E_INVALID,
				"'--fleet' places one slice on cards; layouts and models are "
				"planned without");
		return tr_arrive_run(call, &o->arrive, err);
	}
	if (o->models)
		return run_models(call, o, err);
	if (o->gpus || o->write || o->running || o->explain)
		return tr_fail(err, TR_E_INVALID, "'%s' goes with '--models'",
			o->gpus	     ? "--gpus"
			: o->write   ? "--write"
			: o->running ? "--running"
				     : "--explain");
	if (tr_layout_ask_of(call, &evict, &ask, err) < 0 ||
		tr_show_node_open(call, &node, err) < 0 ||
		tr_layout_plan(node, &ask, &plan, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return tr_show_layout_plan_json(node, plan, err);
	return tr_show_layout_plan(node, plan, err);
}

static const char *const example[] = {
	"tranche plan all-balanced            # a label that nvidia-mig-parted ships",
	"tranche plan -f layouts.yaml -c day  # one of a file",
	"tranche plan --models models.yaml    # how many cards, cut how",
	"tranche plan --arrive 3g.40gb --fleet fleet.yaml  # where the next slice goes",
	"tranche plan all-1g.10gb --evict 0:4 # as if the slice at 0:4 might go",
	NULL,
};

const struct tr_cmd tr_cmd_plan = {
	.path = "plan",
	.args = "[LABEL]",
	.help = "Show what a layout changes, or which cards models need",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 1,
	.also = "diff preview what-if",
	.example = example,
	.run = run,
};
