/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"
#include "cli/term.h"

static void print_stale(const char *file)
{
	TR_AUTO_BUF text = { 0 };

	tr_buf_addf(&text, "'%s' is stale: slices have changed without tranche, or it was changed",
		file);
	tr_term_wrap(stderr, tr_term_of(stderr), 0, 2, tr_buf_str(&text));
	fprintf(stderr, "\n  try: tranche cdi generate --output %s\n", file);
}

static void show(const struct tr_cdi *cdi)
{
	for (size_t i = 0; i < cdi->n; i++)
		puts(cdi->names[i]);
	if (!cdi->file)
		fputs("no file tells podman and docker of them\n"
		      "  try: tranche cdi generate --output /var/run/cdi/tranche.json\n",
			stderr);
	else if (cdi->is_fresh)
		fprintf(stderr, "as '%s' has them\n", cdi->file);
	else
		print_stale(cdi->file);
}

static int show_json(const struct tr_node *node, const struct tr_cdi *cdi, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	if (cdi->file) {
		tr_js_text(&js, js.top, "file", cdi->file);
		tr_js_bool(&js, js.top, "fresh", cdi->is_fresh);
	}
	list = tr_js_list(&js, js.top, "names");
	for (size_t i = 0; i < cdi->n; i++)
		if (list && json_array_append_new(list, json_string(cdi->names[i])) < 0)
			js.failed = true;
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	struct tr_cdi *cdi = NULL;
	int r = 0;

	if (tr_node_open(call->common->node, &node, err) < 0 || tr_cdi_get(node, &cdi, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		r = show_json(node, cdi, err);
	else
		show(cdi);
	tr_cdi_free(cdi);
	return r;
}

static const char *const example[] = {
	"tranche cdi list",
	"podman run --device nvidia.com/gpu=MIG-... IMAGE   # what the names are for",
	NULL,
};

const struct tr_cmd tr_cmd_cdi_list = {
	.path = "cdi list",
	.args = "",
	.help = "Show the names of slices for --device, and if the file fits",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.also = "ls",
	.example = example,
	.run = run,
};
