/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

/* The node named; without a name the one that the library would choose. */
static int find(const struct tr_virtuals *nodes, const char *name, const struct tr_virtual **ret,
	struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;

	if (!name) {
		if (tr_node_open(NULL, &node, err) < 0)
			return -(int)err->code;
		name = tr_node_name(node);
		if (!tr_node_is_virtual(node))
			return tr_fail(err, TR_E_INVALID,
				"this machine has a driver: name the virtual node");
	}
	for (size_t i = 0; i < nodes->n; i++) {
		if (strcmp(nodes->v[i].name, name) == 0) {
			*ret = &nodes->v[i];
			return 0;
		}
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%.60s'", name);
	return tr_hint(err, "tranche virtual list");
}

static int show(const struct tr_virtual *node, struct tr_err *err)
{
	TR_AUTO_STRV folder = { 0 };
	TR_AUTO_BUF quoted = { 0 };

	tr_strv_add(&folder, node->library_dir);
	if (tr_strv_ok(&folder, err) < 0)
		return -(int)err->code;
	tr_strv_quote(&folder, &quoted);
	if (tr_buf_ok(&quoted, err) < 0)
		return -(int)err->code;
	printf("# virtual node '%s'; use it with: eval \"$(tranche virtual env %s)\"\n", node->name,
		node->name);
	printf("export TRANCHE_NODE=%s\n", node->name);
	printf("export LD_LIBRARY_PATH=%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n", quoted.s);
	return 0;
}

static int show_json(const struct tr_virtual *node, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *env;

	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "node", node->name);
	env = tr_js_object(&js, js.top, "env");
	tr_js_text(&js, env, "TRANCHE_NODE", node->name);
	tr_js_text(&js, env, "LD_LIBRARY_PATH", node->library_dir);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_virtuals_freep) struct tr_virtuals *nodes = NULL;
	const char *name = call->n_args ? call->args[0] : call->common->node;
	const struct tr_virtual *node = NULL;

	if (tr_virtuals_get(&nodes, err) < 0 || find(nodes, name, &node, err) < 0)
		return -(int)err->code;
	return call->common->json ? show_json(node, err) : show(node, err);
}

static const char *const example[] = {
	"eval \"$(tranche virtual env)\"   # this shell's programs see its GPUs",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_env = {
	.path = "virtual env",
	.args = "[NAME]",
	.help = "Print the environment in which programs see its GPUs",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON | TR_USES_NODE,
	.max_args = 1,
	.also = "export use activate",
	.example = example,
	.run = run,
};
