/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

static int show_json(const char *path, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };

	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "hook", path);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO_FREE char *path = NULL;

	if (tr_virtual_hook_install(call->args[0], &path, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return show_json(path, err);
	printf("%s\n", path);
	/* The folder, from here on. */
	*strrchr(path, '/') = '\0';
	fprintf(stderr,
		"docker's daemon finds it when its PATH begins with that folder:\n"
		"  by hand:  PATH=%s:$PATH dockerd\n"
		"  systemd:  systemctl edit docker, with these two lines, then systemctl restart "
		"docker\n"
		"            [Service]\n"
		"            "
		"Environment=PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
		"/bin\n",
		path, path);
	return 0;
}

static const char *const example[] = {
	"tranche virtual install-hook /opt/tranche/hook # then docker --gpus works",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_install_hook = {
	.path = "virtual install-hook",
	.args = "DIR",
	.help = "Let docker run --gpus reach virtual nodes",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON,
	.min_args = 1,
	.max_args = 1,
	.also = "docker gpus hook",
	.example = example,
	.run = run,
};
