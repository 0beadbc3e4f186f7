/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	const char *output;
};

static const struct tr_opt opts[] = {
	{ "output", 'o', TR_OPT_STRING, offsetof(struct opts, output), "FILE",
		"write it there, and keep it in step", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_FREE char *text = NULL;
	const struct opts *o = call->opts;

	if (tr_node_open(call->common->node, &node, err) < 0)
		return -(int)err->code;
	if (!o->output) {
		if (tr_cdi_spec(node, &text, err) < 0)
			return -(int)err->code;
		puts(text);
		return 0;
	}
	if (tr_cdi_generate(node, o->output, &text, err) < 0)
		return -(int)err->code;
	if (text)
		fprintf(stderr, "tranche: removed '%s', which was kept until now\n", text);
	fprintf(stderr, "virtual node '%s': '%s' is written, and again at each change of slices\n",
		tr_node_name(node), o->output);
	return 0;
}

static const char *const example[] = {
	"tranche cdi generate --output /var/run/cdi/tranche.json",
	"podman run --device nvidia.com/gpu=MIG-... IMAGE",
	NULL,
};

const struct tr_cmd tr_cmd_cdi_generate = {
	.path = "cdi generate",
	.args = "",
	.help = "Describe a virtual node's slices to podman and docker",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "nvidia-ctk spec",
	.example = example,
	.run = run,
};
