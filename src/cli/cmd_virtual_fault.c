/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

struct opts {
	bool clear;
};

static const struct tr_opt opts[] = {
	{ "clear", 0, TR_OPT_FLAG, offsetof(struct opts, clear), NULL,
		"take back those that are set, before any are added", 0 },
	{ 0 },
};

static const struct tr_col cols[] = {
	{ .head = "FAULT", .least = 24 },
	{ .head = "CALLS", .is_right = true },
};

static int show_table(const struct tr_virtual_faults *faults, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	if (faults->n == 0) {
		puts("no faults");
		return 0;
	}
	for (size_t i = 0; i < faults->n; i++) {
		tr_table_add(&table, faults->v[i].text);
		if (faults->v[i].has_calls)
			tr_table_addf(&table, "%u", faults->v[i].n_calls);
		else
			tr_table_add(&table, "-");
	}
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static int show_json(const char *node, const struct tr_virtual_faults *faults, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "node", node);
	list = tr_js_list(&js, js.top, "faults");
	for (size_t i = 0; i < faults->n; i++) {
		json_t *o = tr_js_item(&js, list);

		tr_js_text(&js, o, "fault", faults->v[i].text);
		if (faults->v[i].has_calls)
			tr_js_number(&js, o, "n_calls", faults->v[i].n_calls);
	}
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_virtual_faults_freep) struct tr_virtual_faults *faults = NULL;
	TR_AUTO_FREE char *node = NULL;
	const struct opts *o = call->opts;

	if (tr_virtual_pick(call->common->node, &node, err) < 0 ||
		(o->clear && tr_virtual_faults_clear(node, err) < 0))
		return -(int)err->code;
	for (size_t i = 0; i < call->n_args; i++)
		if (tr_virtual_fault_set(node, call->args[i], err) < 0)
			return -(int)err->code;
	if (tr_virtual_faults_get(node, &faults, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(node, faults, err) : show_table(faults, err);
}

static const char *const example[] = {
	"tranche virtual fault 'nvmlDeviceCreateGpuInstance:3=INSUFFICIENT_RESOURCES'",
	"tranche virtual fault 'xid 79:1' slow",
	"tranche virtual fault --clear",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_fault = {
	.path = "virtual fault",
	.args = "[FAULT...]",
	.help = "Let the driver's calls fail on order; show what is set",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON | TR_USES_NODE,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = SIZE_MAX,
	.also = "inject error fail",
	.example = example,
	.run = run,
};
