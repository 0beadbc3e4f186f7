/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

static const struct tr_col cols[] = {
	{ .head = "PID", .is_right = true },
	{ .head = "FUNCTION", .least = 24 },
	{ .head = "CALLS", .is_right = true },
};

static int show_table(const struct tr_virtual_trace *trace, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	if (trace->n_untraced)
		fprintf(stderr, "tranche: warning: %u calls of further processes are not shown\n",
			trace->n_untraced);
	if (trace->n == 0) {
		puts(trace->on ? "no calls yet" : "no calls were counted");
		return 0;
	}
	for (size_t i = 0; i < trace->n; i++) {
		tr_table_addf(&table, "%d", trace->v[i].pid);
		tr_table_add(&table, trace->v[i].function);
		tr_table_addf(&table, "%u", trace->v[i].n_calls);
	}
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static int show_json(const char *node, const struct tr_virtual_trace *trace, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "node", node);
	tr_js_bool(&js, js.top, "on", trace->on);
	tr_js_number(&js, js.top, "n_untraced", trace->n_untraced);
	list = tr_js_list(&js, js.top, "calls");
	for (size_t i = 0; i < trace->n; i++) {
		json_t *o = tr_js_item(&js, list);

		tr_js_number(&js, o, "pid", (uint64_t)trace->v[i].pid);
		tr_js_text(&js, o, "function", trace->v[i].function);
		tr_js_number(&js, o, "n_calls", trace->v[i].n_calls);
	}
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_virtual_trace_freep) struct tr_virtual_trace *trace = NULL;
	const char *mode = call->n_args ? call->args[0] : NULL;
	TR_AUTO_FREE char *node = NULL;
	bool on = mode && strcmp(mode, "on") == 0;

	if (mode && !on && strcmp(mode, "off") != 0) {
		tr_fail(err, TR_E_INVALID, "the count is turned on or off, not '%.60s'", mode);
		return tr_hint(err, "tranche virtual trace on");
	}
	if (tr_virtual_pick(call->common->node, &node, err) < 0 ||
		(mode && tr_virtual_trace_set(node, on, err) < 0) ||
		tr_virtual_trace_get(node, &trace, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(node, trace, err) : show_table(trace, err);
}

static const char *const example[] = {
	"tranche virtual trace on; nvtop -s; tranche virtual trace off",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_trace = {
	.path = "virtual trace",
	.args = "[on|off]",
	.help = "Count the driver's calls, by process and function",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON | TR_USES_NODE,
	.max_args = 1,
	.also = "strace ltrace calls",
	.example = example,
	.run = run,
};
