/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

static const struct tr_col cols[] = {
	{ .head = "GPU", .is_right = true },
	{ .head = "PROFILE" },
	{ .head = "ID", .is_right = true },
	{ .head = "MEMORY (MiB)", .is_right = true },
	{ .head = "SM", .is_right = true, .leave_at = 2 },
	{ .head = "FREE", .is_right = true },
	{ .head = "FREE AT", .least = 8, .leave_at = 3 },
	{ .head = "PLACES", .least = 12, .leave_at = 1 },
};

/* "0,2,4": where it may start; free_only: where it could start now. */
static void list_starts(const struct tr_profile *p, bool free_only, struct tr_buf *ret)
{
	for (uint32_t i = 0; i < p->n_starts; i++)
		if (!free_only || p->start_is_free[i])
			tr_buf_addf(ret, "%s%u", ret->len ? "," : "", p->starts[i]);
}

/* Cards of one kind that hold the same show the same rows: once is enough. */
static bool same_row(const struct tr_profile *a, const struct tr_profile *b)
{
	return strcmp(a->name, b->name) == 0 && a->id == b->id && a->memory_mib == b->memory_mib &&
	       a->sm == b->sm && a->max == b->max && a->has_free == b->has_free &&
	       a->free == b->free && a->n_starts == b->n_starts &&
	       memcmp(a->starts, b->starts, a->n_starts) == 0 &&
	       memcmp(a->start_is_free, b->start_is_free, a->n_starts * sizeof(bool)) == 0;
}

/* The rows of one card: [*ret_from, *ret_to). */
static size_t card_end(const struct tr_profiles *profiles, size_t from)
{
	size_t to = from;

	while (to < profiles->n && profiles->v[to].gpu_idx == profiles->v[from].gpu_idx)
		to++;
	return to;
}

static bool same_card(const struct tr_profiles *profiles, size_t a, size_t b)
{
	size_t n = card_end(profiles, a) - a;

	if (card_end(profiles, b) - b != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!same_row(&profiles->v[a + i], &profiles->v[b + i]))
			return false;
	return profiles->v[b].gpu_idx == profiles->v[b - 1].gpu_idx + 1;
}

static void add_row(struct tr_table *table, const struct tr_profile *p, uint32_t last_gpu_idx)
{
	TR_AUTO_BUF starts = { 0 }, free_at = { 0 };

	list_starts(p, false, &starts);
	list_starts(p, true, &free_at);
	if (last_gpu_idx > p->gpu_idx)
		tr_table_addf(table, "%u-%u", p->gpu_idx, last_gpu_idx);
	else
		tr_table_addf(table, "%u", p->gpu_idx);
	tr_table_add(table, p->name);
	tr_table_addf(table, "%u", p->id);
	tr_table_addf(table, "%llu", (unsigned long long)p->memory_mib);
	if (p->sm)
		tr_table_addf(table, "%u", p->sm);
	else
		tr_table_add(table, NULL);
	if (p->has_free)
		tr_table_addf(table, "%u/%u", p->free, p->max);
	else
		tr_table_addf(table, "-/%u", p->max);
	tr_table_add(table, p->has_free ? tr_buf_str(&free_at) : NULL);
	tr_table_addf(table, "{%s}:%u", tr_buf_str(&starts), p->memory_slices);
}

static int show(const struct tr_node *node, const struct tr_profiles *profiles, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = cols, .n_cols = TR_COUNT(cols) };
	size_t to;

	for (size_t from = 0; from < profiles->n; from = to) {
		size_t end = card_end(profiles, from);

		to = end;
		while (to < profiles->n && same_card(profiles, from, to))
			to = card_end(profiles, to);
		for (size_t i = from; i < end; i++)
			add_row(&table, &profiles->v[i], profiles->v[to - 1].gpu_idx);
	}
	tr_show_node(node, stdout);
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

static void add_json(struct tr_js *js, json_t *o, const struct tr_profile *p)
{
	json_t *places;

	tr_js_number(js, o, "gpu", p->gpu_idx);
	tr_js_text(js, o, "name", p->name);
	tr_js_number(js, o, "id", p->id);
	tr_js_number(js, o, "memory_mib", p->memory_mib);
	tr_js_number(js, o, "compute_slices", p->compute_slices);
	tr_js_number(js, o, "memory_slices", p->memory_slices);
	if (p->sm)
		tr_js_number(js, o, "sm", p->sm);
	tr_js_number(js, o, "max", p->max);
	if (p->has_free)
		tr_js_number(js, o, "free", p->free);
	places = tr_js_list(js, o, "starts");
	for (uint32_t i = 0; i < p->n_starts; i++)
		tr_js_push_number(js, places, p->starts[i]);
	if (!p->has_free)
		return;
	places = tr_js_list(js, o, "free_starts");
	for (uint32_t i = 0; i < p->n_starts; i++)
		if (p->start_is_free[i])
			tr_js_push_number(js, places, p->starts[i]);
}

static int show_json(
	const struct tr_node *node, const struct tr_profiles *profiles, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	list = tr_js_list(&js, js.top, "profiles");
	for (size_t i = 0; i < profiles->n; i++)
		add_json(&js, tr_js_item(&js, list), &profiles->v[i]);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_profiles_freep) struct tr_profiles *profiles = NULL;

	if (tr_show_node_open(call, &node, err) < 0 ||
		tr_profiles_get(node, call->common->gpu, &profiles, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(node, profiles, err) : show(node, profiles, err);
}

static const char *const example[] = {
	"tranche profiles -i 0            # the sizes of card 0",
	NULL,
};

const struct tr_cmd tr_cmd_profiles = {
	.path = "profiles",
	.args = "",
	.help = "Show the sizes on offer, their places, how many are free",
	.group = TR_GROUP_LOOK,
	.uses = TR_USES_NODE | TR_USES_JSON | TR_USES_GPU,
	.also = "sizes lgip lgipp",
	.example = example,
	.run = run,
};
