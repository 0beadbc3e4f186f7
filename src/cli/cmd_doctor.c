/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <string.h>

TR_DEFINE_FREEP(struct tr_checks, tr_checks_free)

enum { EXIT_PROBLEM = 1, LEFT = 27, LEAST_TEXT = 30 };

static const struct {
	const char *word, *json;
	enum tr_style style;
} verdicts[] = {
	[TR_VERDICT_OK] = { "OK", "ok", TR_STYLE_GOOD },
	[TR_VERDICT_NOTE] = { "note", "note", TR_STYLE_WAIT },
	[TR_VERDICT_PROBLEM] = { "problem", "problem", TR_STYLE_BAD },
};

/* A text in lines of the terminal's width, broken at blanks; the lines behind the first one stand
 * below it. */
static void print_wrapped(const char *text, struct tr_term term)
{
	size_t width = term.width > LEFT + LEAST_TEXT ? term.width - LEFT : 0;

	while (width && strlen(text) > width) {
		size_t len = width;

		while (len > 0 && text[len] != ' ')
			len--;
		if (len == 0)
			break;
		fwrite(text, 1, len, stdout);
		printf("\n%*s", LEFT, "");
		text += len + 1;
	}
	puts(text);
}

static void print_check(const struct tr_check *check, struct tr_term term)
{
	const char *line = check->fix;

	printf("%s%-8s%s  %-16s ", tr_style_begin(term, verdicts[check->verdict].style),
		verdicts[check->verdict].word, tr_style_end(term, verdicts[check->verdict].style),
		check->what);
	print_wrapped(check->text, term);
	while (*line) {
		size_t len = strcspn(line, "\n");
		TR_AUTO_BUF one = { 0 };

		tr_buf_puts(&one, "try: ");
		tr_buf_add(&one, line, len);
		printf("%*s", LEFT, "");
		print_wrapped(tr_buf_str(&one), term);
		line += len + (line[len] == '\n');
	}
}

static size_t count(const struct tr_checks *checks, enum tr_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < checks->n; i++)
		n += checks->v[i].verdict == verdict;
	return n;
}

static void show(const struct tr_checks *checks)
{
	size_t n_problems = count(checks, TR_VERDICT_PROBLEM);
	size_t n_notes = count(checks, TR_VERDICT_NOTE);
	struct tr_term term = tr_term_of(stdout);

	for (size_t i = 0; i < checks->n; i++)
		print_check(&checks->v[i], term);
	printf("%zu problem%s, %zu note%s\n", n_problems, n_problems == 1 ? "" : "s", n_notes,
		n_notes == 1 ? "" : "s");
}

static int show_json(const struct tr_checks *checks, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	if (checks->has_node) {
		tr_js_bool(&js, js.top, "virtual", checks->is_virtual);
		tr_js_text(&js, js.top, "node", checks->node);
	}
	list = tr_js_list(&js, js.top, "checks");
	for (size_t i = 0; i < checks->n; i++) {
		json_t *o = tr_js_item(&js, list);

		tr_js_text(&js, o, "verdict", verdicts[checks->v[i].verdict].json);
		tr_js_text(&js, o, "what", checks->v[i].what);
		tr_js_text(&js, o, "text", checks->v[i].text);
		tr_js_text(&js, o, "fix", checks->v[i].fix);
	}
	tr_js_number(&js, js.top, "n_problems", count(checks, TR_VERDICT_PROBLEM));
	tr_js_number(&js, js.top, "n_notes", count(checks, TR_VERDICT_NOTE));
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_checks_freep) struct tr_checks *checks = NULL;

	if (tr_doctor(call->common->node, &checks, err) < 0)
		return -(int)err->code;
	if (call->common->json) {
		if (show_json(checks, err) < 0)
			return -(int)err->code;
	} else {
		show(checks);
	}
	return count(checks, TR_VERDICT_PROBLEM) ? EXIT_PROBLEM : 0;
}

static const char *const example[] = {
	"tranche doctor",
	"tranche doctor --json | jq .findings",
	NULL,
};

const struct tr_cmd tr_cmd_doctor = {
	.path = "doctor",
	.args = "",
	.help = "Look for what could be in the way, and say what to type",
	.group = TR_GROUP_OTHER,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.also = "check diagnose debug health",
	.example = example,
	.run = run,
};
