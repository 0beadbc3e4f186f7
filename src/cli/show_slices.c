/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "base/err.h"

static const struct tr_col cols[] = {
	{ .head = "GPU", .is_right = true },
	{ .head = "PROFILE" },
	{ .head = "ID", .is_right = true, .leave_at = 3 },
	{ .head = "PLACE", .leave_at = 2 },
	{ .head = "UUID", .least = 12, .is_prefix = true },
	{ .head = "MEMORY (MiB)", .is_right = true },
	{ .head = "OWNER", .least = 12 },
	{ .head = "PROCESSES", .least = 12, .leave_at = 4 },
};

/* A model of a stack, "tranche" for a slice cut by hand, "other" for one that somebody else cut. */
static void add_owner(struct tr_table *table, const struct tr_slice *s)
{
	TR_AUTO_BUF name = { 0 };

	if (s->model[0])
		tr_show_model_name(&name, s->stack, s->model, s->replica);
	else if (s->stack[0])
		tr_buf_puts(&name, s->stack);
	else
		tr_buf_puts(&name, s->is_ours ? "tranche" : "other");
	tr_table_add(table, tr_buf_str(&name));
}

static void add_processes(struct tr_table *table, const struct tr_slice *s)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < s->n_holders; i++)
		tr_buf_addf(
			&list, "%s%d %s", i ? ", " : "", s->holders[i].pid, s->holders[i].command);
	tr_table_add(table, tr_buf_str(&list));
}

static void add_row(struct tr_table *table, const struct tr_slice *s)
{
	tr_table_addf(table, "%u", s->gpu_idx);
	tr_table_add(table, s->profile);
	if (s->is_whole) {
		tr_table_add(table, NULL);
		tr_table_add(table, NULL);
	} else {
		tr_table_addf(table, "%u", s->profile_id);
		tr_show_place(table, s->start, s->size);
	}
	tr_table_add(table, s->uuid);
	tr_show_memory(table, s->has_memory, s->memory_used_bytes, s->memory_bytes);
	add_owner(table, s);
	add_processes(table, s);
}

int tr_show_slices(const struct tr_node *node, const struct tr_slices *slices, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };

	tr_show_node(node, stdout);
	if (slices->n == 0) {
		puts("no slices");
		return 0;
	}
	for (size_t i = 0; i < slices->n; i++)
		add_row(&table, &slices->v[i]);
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static void add_holders_json(struct tr_js *js, json_t *object, const struct tr_slice *s)
{
	json_t *list = tr_js_list(js, object, "processes");

	for (size_t i = 0; i < s->n_holders; i++) {
		json_t *o = tr_js_item(js, list);

		tr_js_number(js, o, "pid", (uint64_t)s->holders[i].pid);
		tr_js_text(js, o, "command", s->holders[i].command);
		if (s->holders[i].has_memory)
			tr_js_number(js, o, "memory_bytes", s->holders[i].memory_bytes);
	}
}

void tr_show_slice_fields(
	struct tr_js *js, json_t *object, const struct tr_slice *s, bool with_owner)
{
	tr_js_number(js, object, "gpu", s->gpu_idx);
	tr_js_text(js, object, "kind", s->is_whole ? "whole" : "mig");
	tr_js_text(js, object, "profile", s->profile);
	if (!s->is_whole) {
		tr_js_number(js, object, "profile_id", s->profile_id);
		tr_js_number(js, object, "start", s->start);
		tr_js_number(js, object, "size", s->size);
	}
	tr_js_text(js, object, "uuid", s->uuid);
	if (s->has_memory) {
		tr_js_number(js, object, "memory_bytes", s->memory_bytes);
		tr_js_number(js, object, "memory_used_bytes", s->memory_used_bytes);
	}
	if (s->compute_slices)
		tr_js_number(js, object, "compute_slices", s->compute_slices);
	if (s->sm)
		tr_js_number(js, object, "sm", s->sm);
	if (!with_owner)
		return;
	tr_js_bool(js, object, "ours", s->is_ours);
	tr_js_text(js, object, "stack", s->stack);
	tr_js_text(js, object, "model", s->model);
	if (s->model[0])
		tr_js_number(js, object, "replica", s->replica);
	add_holders_json(js, object, s);
}

int tr_show_slices_json(
	const struct tr_node *node, const struct tr_slices *slices, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	list = tr_js_list(&js, js.top, "slices");
	for (size_t i = 0; i < slices->n; i++)
		tr_show_slice_fields(&js, tr_js_item(&js, list), &slices->v[i], true);
	return tr_js_print(&js, err);
}

/* The result is for `$(...)`, so it says on stderr that it is virtual. */
void tr_show_slice_ids(const struct tr_node *node, const struct tr_slices *slices)
{
	tr_show_node(node, stderr);
	for (size_t i = 0; i < slices->n; i++)
		if (slices->v[i].uuid[0])
			puts(slices->v[i].uuid);
}
