/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	const char *label;
	bool stock;
};

static const struct tr_opt opts[] = {
	{ "config-label", 'l', TR_OPT_STRING, offsetof(struct opts, label), "LABEL",
		"what to call it (default current)", 0 },
	{ "stock", 0, TR_OPT_FLAG, offsetof(struct opts, stock), NULL,
		"in nvidia-mig-parted's format, which cannot say places", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_FREE char *text = NULL;
	const struct opts *o = call->opts;

	if (tr_show_node_open(call, &node, err) < 0 ||
		tr_layout_export(node, o->label, o->stock, &text, err) < 0)
		return -(int)err->code;
	/* The result is a file: that it is of a virtual node is said beside it. */
	tr_show_node(node, stderr);
	fputs(text, stdout);
	return 0;
}

static const char *const example[] = {
	"tranche export > layouts.yaml",
	"tranche export --stock -l lab > mig-parted.yaml",
	NULL,
};

const struct tr_cmd tr_cmd_export = {
	.path = "export",
	.args = "",
	.help = "Print what stands as a layout file",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "dump save",
	.example = example,
	.run = run,
};
