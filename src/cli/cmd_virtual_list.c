/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

static const struct tr_col cols[] = {
	{ .head = "VIRTUAL NODE" },
	{ .head = "SCALE", .is_right = true },
	{ .head = "GPUS", .least = 40 },
	{ .head = "LIBRARY FOLDER", .leave_at = 1 },
};

static int show(const struct tr_virtuals *nodes, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	if (nodes->n == 0) {
		puts("no virtual nodes");
		return 0;
	}
	for (size_t i = 0; i < nodes->n; i++) {
		const struct tr_virtual *v = &nodes->v[i];

		tr_table_add(&table, v->name);
		tr_table_addf(&table, "%u", v->scale);
		tr_table_add(&table, v->gpus);
		tr_table_add(&table, v->library_dir);
	}
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static int show_json(const struct tr_virtuals *nodes, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	list = tr_js_list(&js, js.top, "nodes");
	for (size_t i = 0; i < nodes->n; i++) {
		const struct tr_virtual *v = &nodes->v[i];
		json_t *o = tr_js_item(&js, list);

		tr_js_text(&js, o, "node", v->name);
		tr_js_number(&js, o, "scale", v->scale);
		tr_js_number(&js, o, "n_gpus", v->n_gpus);
		tr_js_text(&js, o, "gpus", v->gpus);
		tr_js_text(&js, o, "library_dir", v->library_dir);
	}
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_virtuals_freep) struct tr_virtuals *nodes = NULL;

	if (tr_virtuals_get(&nodes, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(nodes, err) : show(nodes, err);
}

static const char *const example[] = {
	"tranche virtual list",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_list = {
	.path = "virtual list",
	.args = "",
	.help = "Show the virtual nodes",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON,
	.also = "node ls nodes",
	.example = example,
	.run = run,
};
