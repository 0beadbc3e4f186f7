/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/fs.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

struct opts {
	const char *file;
};

static const struct tr_opt opts[] = {
	{ "file", 'f', TR_OPT_STRING, offsetof(struct opts, file), "FILE",
		"where to (default: standard output)", 0 },
	{ 0 },
};

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_FREE char *text = NULL;
	const struct opts *o = call->opts;

	if (tr_show_node_open(call, &node, err) < 0 || tr_layout_checkpoint(node, &text, err) < 0)
		return -(int)err->code;
	tr_show_node(node, stderr);
	if (o->file && strcmp(o->file, "-") != 0)
		return tr_write_file(o->file, 0644, text, strlen(text), err);
	fputs(text, stdout);
	return 0;
}

static const char *const example[] = {
	"tranche checkpoint -f before.yaml",
	"tranche restore -f before.yaml",
	NULL,
};

const struct tr_cmd tr_cmd_checkpoint = {
	.path = "checkpoint",
	.args = "",
	.help = "Keep what stands, for 'tranche restore'",
	.group = TR_GROUP_LAYOUTS,
	.uses = TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.also = "snapshot backup",
	.example = example,
	.run = run,
};
