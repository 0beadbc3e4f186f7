/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

enum { MAX_KINDS = 16, MAX_COUNT = 16 };

struct opts {
	const char *name;
	uint32_t scale;
	bool swapped_chip, passthrough, quiet;
};

static const struct tr_opt opts[] = {
	{ "name", 0, TR_OPT_STRING, offsetof(struct opts, name), "NAME",
		"the node's name (default: the first product's)", 0 },
	{ "scale", 0, TR_OPT_COUNT, offsetof(struct opts, scale), "N",
		"divide limits by N, show memory times N", 0 },
	{ "swapped-chip", 0, TR_OPT_FLAG, offsetof(struct opts, swapped_chip), NULL,
		"the mirrored chip kind, where the card has one", 0 },
	{ "passthrough", 0, TR_OPT_FLAG, offsetof(struct opts, passthrough), NULL,
		"as in a virtual machine: Ampere's MIG mode waits", 0 },
	{ "quiet", 'q', TR_OPT_FLAG, offsetof(struct opts, quiet), NULL, "print the name only", 0 },
	{ 0 },
};

static const struct opts defaults = { .scale = 1 };

/* "a100-80gb:2"; `text` is cut at the colon. */
static int parse_gpu(char *text, struct tr_virtual_gpu *ret, struct tr_err *err)
{
	char *colon = strchr(text, ':');
	unsigned long count = 1;
	char *end;

	if (colon) {
		count = strtoul(colon + 1, &end, 10);
		if (colon[1] < '0' || colon[1] > '9' || *end || count < 1 || count > MAX_COUNT) {
			tr_fail(err, TR_E_INVALID, "'%.60s' wants a count from 1 to %d behind ':'",
				text, MAX_COUNT);
			return tr_hint(err, "tranche virtual create a100-80gb:2");
		}
		*colon = '\0';
	}
	ret->product = text;
	ret->count = (uint32_t)count;
	return 0;
}

static int show(const struct opts *o, const struct tr_call *call, const char *name,
	const char *warning, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };

	if (warning)
		fprintf(stderr, "tranche: warning: %s\n", warning);
	if (!call->common->json) {
		printf(o->quiet ? "%s\n" : "virtual node '%s' is ready\n", name);
		return 0;
	}
	tr_js_init(&js);
	tr_show_node_json(&js, NULL);
	tr_js_text(&js, js.top, "node", name);
	tr_js_text(&js, js.top, "warning", warning);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO_FREE char *name = NULL, *warning = NULL;
	struct tr_virtual_gpu gpus[MAX_KINDS] = { 0 };
	TR_AUTO_STRV words = { 0 };
	const struct opts *o = call->opts;

	for (size_t i = 0; i < call->n_args; i++)
		tr_strv_add(&words, call->args[i]);
	if (tr_strv_ok(&words, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < words.n; i++) {
		if (parse_gpu(words.v[i], &gpus[i], err) < 0)
			return -(int)err->code;
		gpus[i].swapped_chip = o->swapped_chip;
		gpus[i].passthrough = o->passthrough;
	}
	if (tr_virtual_create(o->name, gpus, words.n, o->scale, &name, &warning, err) < 0)
		return -(int)err->code;
	return show(o, call, name, warning, err);
}

static void list_products(FILE *out)
{
	static const char maker[] = "NVIDIA ";
	size_t n;
	const struct tr_product *v = tr_virtual_products(&n);

	fputs("Products\n", out);
	for (size_t i = 0; i < n; i++) {
		bool has_maker = strncmp(v[i].name, maker, sizeof(maker) - 1) == 0;

		fprintf(out, "  %-24s  %s%s\n", v[i].key,
			v[i].name + (has_maker ? sizeof(maker) - 1 : 0),
			v[i].has_mig ? "" : " (cannot be sliced)");
	}
}

static const char *const example[] = {
	"tranche virtual create a100-80gb --scale 16   # on 8 GB of memory",
	"tranche virtual create a100-80gb:2 a30 --name lab",
	NULL,
};

const struct tr_cmd tr_cmd_virtual_create = {
	.path = "virtual create",
	.args = "PRODUCT[:COUNT]...",
	.help = "Make a virtual node: a machine's GPUs, simulated",
	.group = TR_GROUP_VIRTUAL,
	.uses = TR_USES_JSON,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = MAX_KINDS,
	.also = "simulate",
	.example = example,
	.more = list_products,
	.run = run,
};
