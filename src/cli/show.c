/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "cli/cmd.h"

#include <string.h>

int tr_show_node_open(const struct tr_call *call, struct tr_node **ret, struct tr_err *err)
{
	char words[256];

	if (tr_node_open(call->common->node, ret, err) < 0)
		return -(int)err->code;
	if (tr_layout_is_open(*ret, words))
		fprintf(stderr,
			"tranche: %s\n  try: tranche apply --resume\n  try: tranche apply "
			"--abort\n",
			words);
	return 0;
}

void tr_show_node(const struct tr_node *node, FILE *out)
{
	uint32_t scale = tr_node_scale(node);

	if (!tr_node_is_virtual(node))
		return;
	fprintf(out, "virtual node '%s', driver %s", tr_node_name(node), tr_node_driver(node));
	if (scale > 1)
		fprintf(out, ", scale %u: limits / %u, memory x %u", scale, scale, scale);
	fputc('\n', out);
}

void tr_show_node_json(struct tr_js *js, const struct tr_node *node)
{
	tr_js_bool(js, js->top, "virtual", !node || tr_node_is_virtual(node));
	if (!node)
		return;
	tr_js_text(js, js->top, "node", tr_node_name(node));
	tr_js_text(js, js->top, "driver", tr_node_driver(node));
	tr_js_number(js, js->top, "scale", tr_node_scale(node));
}

int tr_show_virtual_done(
	const struct tr_call *call, const char *node, const char *what, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };

	if (!call->common->json) {
		printf("virtual node '%s' %s\n", node, what);
		return 0;
	}
	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "node", node);
	return tr_js_print(&js, err);
}

void tr_show_memory(struct tr_table *table, bool has_memory, uint64_t used, uint64_t total)
{
	if (has_memory)
		tr_table_addf(table, "%llu / %llu", (unsigned long long)(used >> 20),
			(unsigned long long)(total >> 20));
	else
		tr_table_add(table, NULL);
}

void tr_show_age(struct tr_table *table, int64_t since_unix_ms, int64_t now_unix_ms)
{
	long long s = (now_unix_ms - since_unix_ms) / 1000;

	if (since_unix_ms <= 0)
		tr_table_add(table, NULL);
	else if (s < 60)
		tr_table_addf(table, "%llds", s < 0 ? 0 : s);
	else if (s < 3600)
		tr_table_addf(table, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		tr_table_addf(table, "%lldh%02lldm", s / 3600, s % 3600 / 60);
	else
		tr_table_addf(table, "%lldd%02lldh", s / 86400, s % 86400 / 3600);
}

void tr_show_model_name(struct tr_buf *ret, const char *stack, const char *model, uint32_t replica)
{
	tr_buf_addf(ret, "%s/%s-%u", stack, model, replica);
}

void tr_show_stack_names(struct tr_buf *ret, const char *command, const char *names)
{
	while (*names) {
		size_t len = strcspn(names, "\n");

		tr_buf_addf(ret, "%s %.*s\n", command, (int)len, names);
		names += len + (names[len] == '\n');
	}
}

void tr_show_place(struct tr_table *table, uint32_t start, uint32_t size)
{
	if (size > 1)
		tr_table_addf(table, "%u-%u", start, start + size - 1);
	else
		tr_table_addf(table, "%u", start);
}
