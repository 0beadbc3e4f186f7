/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"
#include "cli/term.h"

static const struct tr_col cols[] = {
	{ .head = "GPU", .is_right = true },
	{ .head = "NAME", .least = 24 },
	{ .head = "MIG" },
	{ .head = "SLICES", .is_right = true },
	{ .head = "MEMORY (MiB)", .is_right = true },
	{ .head = "PCI", .leave_at = 2 },
	{ .head = "UUID", .least = 12, .is_prefix = true, .leave_at = 1 },
};

static const char *mig_text(const struct tr_gpu *g)
{
	if (!g->has_mig_mode)
		return NULL;
	if (g->mig_on != g->mig_pending)
		return g->mig_on ? "on, pending off" : "off, pending on";
	return g->mig_on ? "on" : "off";
}

static void add_row(struct tr_table *table, const struct tr_gpu *g)
{
	tr_table_addf(table, "%u", g->idx);
	tr_table_add(table, g->name);
	tr_table_add_styled(table, g->mig_on ? TR_STYLE_GOOD : TR_STYLE_NONE, mig_text(g));
	tr_table_addf(table, "%u", g->n_slices);
	tr_show_memory(table, g->has_memory, g->memory_used_bytes, g->memory_bytes);
	tr_table_add(table, g->pci);
	tr_table_add(table, g->uuid);
}

/* What has no end that a column could hold: the room that is left, or why there is none. */
static void print_room(const struct tr_gpus *gpus)
{
	for (size_t i = 0; i < gpus->n; i++) {
		const struct tr_gpu *g = &gpus->v[i];
		TR_AUTO_BUF text = { 0 };

		if (!g->can_slice)
			tr_buf_addf(&text, "GPU %u cannot be sliced: %s", g->idx,
				g->why[0] ? g->why : "the driver does not say why");
		else if (g->why[0])
			tr_buf_addf(&text, "GPU %u can be sliced; %s", g->idx, g->why);
		else if (g->free_slices[0])
			tr_buf_addf(&text, "GPU %u has room for %s", g->idx, g->free_slices);
		else if (g->mig_on)
			tr_buf_addf(&text, "GPU %u has no room left", g->idx);
		else
			continue;
		tr_term_wrap(stdout, tr_term_of(stdout), 0, 2, tr_buf_str(&text));
		putchar('\n');
	}
}

static int show(const struct tr_node *node, const struct tr_gpus *gpus, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	tr_show_node(node, stdout);
	for (size_t i = 0; i < gpus->n; i++)
		add_row(&table, &gpus->v[i]);
	if (tr_table_print(&table, stdout, tr_term_of(stdout), err) < 0)
		return -(int)err->code;
	print_room(gpus);
	return 0;
}

static void add_json(struct tr_js *js, json_t *o, const struct tr_gpu *g)
{
	tr_js_number(js, o, "index", g->idx);
	tr_js_text(js, o, "name", g->name);
	tr_js_text(js, o, "uuid", g->uuid);
	tr_js_text(js, o, "pci", g->pci);
	tr_js_bool(js, o, "can_slice", g->can_slice);
	tr_js_text(js, o, "why", g->why);
	if (g->has_mig_mode) {
		tr_js_bool(js, o, "mig_on", g->mig_on);
		tr_js_bool(js, o, "mig_pending", g->mig_pending);
	}
	if (g->has_memory) {
		tr_js_number(js, o, "memory_bytes", g->memory_bytes);
		tr_js_number(js, o, "memory_used_bytes", g->memory_used_bytes);
	}
	tr_js_number(js, o, "n_slices", g->n_slices);
	tr_js_text(js, o, "free_slices", g->free_slices);
}

static int show_json(const struct tr_node *node, const struct tr_gpus *gpus, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	list = tr_js_list(&js, js.top, "gpus");
	for (size_t i = 0; i < gpus->n; i++)
		add_json(&js, tr_js_item(&js, list), &gpus->v[i]);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_gpus_freep) struct tr_gpus *gpus = NULL;

	if (tr_show_node_open(call, &node, err) < 0 || tr_gpus_get(node, &gpus, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(node, gpus, err) : show(node, gpus, err);
}

static const char *const example[] = {
	"tranche gpus",
	"tranche gpus --json | jq \".gpus[0].mig_on\"",
	NULL,
};

const struct tr_cmd tr_cmd_gpus = {
	.path = "gpus",
	.args = "",
	.help = "Show the GPUs: can they be sliced, is MIG on, why not",
	.group = TR_GROUP_LOOK,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.also = "gpu info devices list ls get",
	.example = example,
	.run = run,
};
