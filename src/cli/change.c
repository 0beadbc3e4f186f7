/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/change.h"

#include "base/err.h"
#include "cli/show.h"
#include "cli/stop.h"

#include <string.h>

static const struct {
	const char *word;
	enum tr_style style;
} words[] = {
	[TR_STEP_MIG_ON] = { "MIG on", TR_STYLE_NONE },
	[TR_STEP_MIG_OFF] = { "MIG off", TR_STYLE_NONE },
	[TR_STEP_CUT] = { "cutting", TR_STYLE_NONE },
	[TR_STEP_FREE] = { "freeing", TR_STYLE_NONE },
	[TR_STEP_PULL] = { "pulling", TR_STYLE_NONE },
	[TR_STEP_START] = { "starting", TR_STYLE_NONE },
	[TR_STEP_LOADING] = { "loading", TR_STYLE_WAIT },
	[TR_STEP_READY] = { "ready", TR_STYLE_GOOD },
	[TR_STEP_KEPT] = { "kept", TR_STYLE_DIM },
	[TR_STEP_STOP] = { "stopping", TR_STYLE_NONE },
	[TR_STEP_CLEAN] = { "cleaning", TR_STYLE_WAIT },
	[TR_STEP_WAIT] = { "waiting", TR_STYLE_WAIT },
	[TR_STEP_NOTE] = { "note", TR_STYLE_DIM },
};

/* When this model's server was begun, for "ready ... after 0.7 s". Where memory is too short to
 * remember it, that is only not said. */
static struct tr_model_start *start_of(struct tr_talk *talk, const struct tr_step *step)
{
	struct tr_model_start *grown;

	for (size_t i = 0; i < talk->n_starts; i++)
		if (strcmp(talk->starts[i].model, step->model) == 0)
			return &talk->starts[i];
	if (step->kind != TR_STEP_START)
		return NULL;
	grown = reallocarray(talk->starts, talk->n_starts + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	talk->starts = grown;
	grown += talk->n_starts++;
	snprintf(grown->model, sizeof(grown->model), "%s", step->model);
	return grown;
}

/* "chat-0: localhost/engine", "2g.20gb at 0:4". Where the words only say the model again, they are
 * left out. */
static void subject(struct tr_talk *talk, const struct tr_step *step, struct tr_buf *ret)
{
	struct tr_model_start *start = step->model ? start_of(talk, step) : NULL;
	const char *what = step->what ? step->what : "";

	if (step->model)
		tr_buf_puts(ret, step->model);
	if (*what && (!step->model || strcmp(what, step->model) != 0))
		tr_buf_addf(ret, "%s%s", step->model ? ": " : "", what);
	if (start && step->kind == TR_STEP_START)
		start->seconds = step->seconds;
	if (start && step->kind == TR_STEP_READY)
		tr_buf_addf(ret, " after %.1f s", step->seconds - start->seconds);
}

static void add_json(struct tr_talk *talk, const struct tr_step *step)
{
	json_t *o = tr_js_item(&talk->js, talk->steps);

	tr_js_text(&talk->js, o, "step", tr_step_text(step->kind));
	tr_js_text(&talk->js, o, "what", step->what);
	tr_js_text(&talk->js, o, "model", step->model);
	tr_js_text(&talk->js, o, "command", step->command);
	if (!talk->call->common->dry_run)
		tr_js_real(&talk->js, o, "seconds", step->seconds);
}

static void print_head(struct tr_talk *talk)
{
	if (talk->has_head)
		return;
	talk->has_head = true;
	if (talk->node && tr_node_is_virtual(talk->node))
		printf("# virtual node '%s'\n", tr_node_name(talk->node));
	puts("# a dry run: nothing is changed");
}

/* Each line of a text, the first one or all with something in front. */
static void print_comment(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		printf("# %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void print_plan(struct tr_talk *talk, const struct tr_step *step, const char *text)
{
	TR_AUTO_BUF comment = { 0 };
	size_t len = step->command ? strlen(step->command) : 0;

	print_head(talk);
	if (step->kind == TR_STEP_NOTE)
		tr_buf_addf(&comment, "note: %s", text);
	else
		tr_buf_addf(&comment, "%s %s", tr_step_text(step->kind), text);
	print_comment(tr_buf_str(&comment));
	if (len)
		printf("%s%s", step->command, step->command[len - 1] == '\n' ? "" : "\n");
}

static void print_progress(struct tr_talk *talk, const struct tr_step *step, const char *text)
{
	enum tr_style style = words[step->kind].style;

	fprintf(stderr, "%6.1fs  %s%-8s%s  %s\n", step->seconds, tr_style_begin(talk->term, style),
		words[step->kind].word, tr_style_end(talk->term, style), text);
}

static void on_step(void *arg, const struct tr_step *step)
{
	struct tr_talk *talk = arg;
	const struct tr_common *common = talk->call->common;
	TR_AUTO_BUF text = { 0 };

	if ((size_t)step->kind >= TR_COUNT(words))
		return;
	subject(talk, step, &text);
	talk->n_steps += step->kind != TR_STEP_NOTE;
	if (common->json)
		add_json(talk, step);
	if (!common->dry_run)
		print_progress(talk, step, tr_buf_str(&text));
	else if (!common->json)
		print_plan(talk, step, tr_buf_str(&text));
}

int tr_talk_begin(struct tr_talk *talk, const struct tr_call *call, const struct tr_node *node,
	struct tr_change *ret, struct tr_err *err)
{
	const struct tr_common *common = call->common;

	if (common->timeout_ms == 0)
		return tr_fail(err, TR_E_INVALID, "--timeout 0 leaves no time to load a model");
	talk->call = call;
	talk->node = node;
	talk->term = tr_term_of(stderr);
	tr_js_init(&talk->js);
	tr_show_node_json(&talk->js, node);
	tr_js_bool(&talk->js, talk->js.top, "dry_run", common->dry_run);
	talk->steps = tr_js_list(&talk->js, talk->js.top, "steps");
	tr_stop_catch("what was begun is undone");
	*ret = (struct tr_change){
		.dry_run = common->dry_run,
		.on_step = on_step,
		.arg = talk,
		.stop_flag = tr_stop_flag(),
		.runtime = common->runtime,
		.ready_ms = common->timeout_ms > 0 ? common->timeout_ms : 0,
		/* 0 would be the library's own default; who says 0 wants no wait at all. */
		.grace_ms = common->grace_ms == 0  ? 1
			    : common->grace_ms > 0 ? common->grace_ms
						   : 0,
	};
	return 0;
}

void tr_talk_done(struct tr_talk *talk)
{
	tr_js_done(&talk->js);
	free(talk->starts);
	*talk = (struct tr_talk){ 0 };
}

int tr_talk_end(struct tr_talk *talk, struct tr_err *err)
{
	const struct tr_common *common = talk->call->common;

	if (common->json)
		return tr_js_print(&talk->js, err);
	if (common->dry_run)
		print_head(talk);
	if (talk->n_steps == 0)
		fputs(common->dry_run ? "# nothing to do\n" : "nothing to do\n",
			common->dry_run ? stdout : stderr);
	return 0;
}
