/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/fs.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

struct opts {
	bool all;
	const char *file, *name;
};

static const struct tr_opt opts[] = {
	{ "all", 'a', TR_OPT_FLAG, offsetof(struct opts, all), NULL,
		"every stack, then MIG off on the empty cards", 0 },
	{ "file", 'f', TR_OPT_STRING, offsetof(struct opts, file), "FILE",
		"the stack that this file names (default tranche.yaml)", 0 },
	{ "name", 0, TR_OPT_STRING, offsetof(struct opts, name), "STACK",
		"the same as the argument", 0 },
	{ 0 },
};

/* Without a name and a file there is nothing to guess from; the stacks that run are the hint. */
static int fail_no_name(struct tr_node *node, struct tr_err *err)
{
	TR_AUTO_FREE char *names = NULL;
	TR_AUTO_BUF hint = { 0 };

	if (tr_stack_names(node, &names, err) < 0)
		return -(int)err->code;
	tr_show_stack_names(&hint, "tranche down", names);
	tr_fail(err, TR_E_INVALID, "which stack? There is no 'tranche.yaml' in this folder%s",
		hint.len ? "" : ", and no stack is up");
	return tr_hint(err, "%s", tr_buf_str(&hint));
}

static int find_name(
	const struct tr_call *call, struct tr_node *node, char **ret, struct tr_err *err)
{
	const struct opts *o = call->opts;
	const char *named = call->n_args ? call->args[0] : o->name;

	if ((call->n_args && (o->name || o->file)) || (o->name && o->file))
		return tr_fail(
			err, TR_E_INVALID, "name the stack once: by STACK, --name or --file");
	if (named) {
		*ret = strdup(named);
		return *ret ? 0 : tr_fail(err, TR_E_NO_MEMORY, "copy a name: out of memory");
	}
	if (!o->file && !tr_is_file("tranche.yaml"))
		return fail_no_name(node, err);
	return tr_stack_file_name(o->file ? o->file : "tranche.yaml", ret, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_FREE char *name = NULL;
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	struct tr_change change;
	int r;

	if (o->all && (call->n_args || o->name || o->file))
		return tr_fail(err, TR_E_INVALID, "'--all' takes every stack: name none with it");
	if (tr_show_node_open(call, &node, err) < 0 ||
		(!o->all && find_name(call, node, &name, err) < 0) ||
		tr_talk_begin(&talk, call, node, &change, err) < 0)
		return -(int)err->code;
	r = o->all ? tr_down_all(node, &change, err) : tr_down(node, name, &change, err);
	return r < 0 ? r : tr_talk_end(&talk, err);
}

static const char *const example[] = {
	"tranche down                     # the stack of ./tranche.yaml",
	"tranche down demo --grace 30s    # by name; 30 s to stop gently",
	"tranche down --all               # everything, then MIG off",
	NULL,
};

const struct tr_cmd tr_cmd_down = {
	.path = "down",
	.args = "[STACK]",
	.help = "Stop a stack's models and free its slices",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_DRY_RUN | TR_USES_GRACE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 1,
	.also = "stop kill delete rm uninstall",
	.example = example,
	.run = run,
};
