/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/layout.h"

#include "base/err.h"

#include <string.h>

static void split(const char *list, struct tr_strv *ret)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");

		if (len)
			tr_strv_addf(ret, "%.*s", (int)len, list);
		list += len + (list[len] == ',');
	}
}

int tr_layout_ask_of(const struct tr_call *call, struct tr_strv *evict, struct tr_layout_ask *ret,
	struct tr_err *err)
{
	const struct tr_layout_opts *o = call->opts;

	if (o->label && call->n_args)
		return tr_fail(err, TR_E_INVALID, "'%s' and '--config %s' are two labels",
			call->args[0], o->label);
	split(o->evict, evict);
	if (tr_strv_ok(evict, err) < 0)
		return -(int)err->code;
	*ret = (struct tr_layout_ask){ .file = o->file,
		.label = call->n_args ? call->args[0] : o->label,
		.evict = (const char *const *)evict->v,
		.n_evict = evict->n,
		.wait_ms = o->wait_ms };
	return 0;
}
