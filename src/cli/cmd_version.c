/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "cli/json.h"

#include <tranche/tranche.h>

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };

	if (!call->common->json) {
		printf("tranche %s\n", tr_version());
		return 0;
	}
	tr_js_init(&js);
	tr_js_text(&js, js.top, "version", tr_version());
	return tr_js_print(&js, err);
}

static const char *const example[] = {
	"tranche version",
	"tranche version --json",
	NULL,
};

const struct tr_cmd tr_cmd_version = {
	.path = "version",
	.args = "",
	.help = "Print the version",
	.group = TR_GROUP_OTHER,
	.uses = TR_USES_JSON,
	.example = example,
	.run = run,
};
