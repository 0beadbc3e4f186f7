/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words to a command, and from its error to the exit status. The one place that reports.
 */
#include "base/err.h"
#include "cli/help.h"
#include "cli/term.h"

#include <tranche/tranche.h>

#include <errno.h>
#include <string.h>

/* "COMMAND   what it does": the command stays in one piece, to be copied. A sentence does not. */
static void report_hint(struct tr_term term, const char *line, size_t len)
{
	static const char head[] = "  try: ";
	TR_AUTO_BUF text = { 0 };
	size_t indent = strlen(head), command;
	const char *why;

	tr_buf_addf(&text, "%.*s", (int)len, line);
	why = strstr(tr_buf_str(&text), "   ");
	if (!why && (strstr(tr_buf_str(&text), ", ") || strstr(tr_buf_str(&text), "; ")))
		why = tr_buf_str(&text);
	command = why ? (size_t)(why - tr_buf_str(&text)) : text.len;
	fprintf(stderr, "%s%.*s", head, (int)command, tr_buf_str(&text));
	if (why)
		tr_term_wrap(stderr, term, indent + command, indent + 2, why);
	fputc('\n', stderr);
}

static void report(const struct tr_err *err)
{
	struct tr_term term = tr_term_of(stderr);
	const char *line = err->hint;

	fflush(stdout);
	fprintf(stderr, "%stranche:%s ", tr_style_begin(term, TR_STYLE_BAD),
		tr_style_end(term, TR_STYLE_BAD));
	tr_term_wrap(stderr, term, strlen("tranche: "), 2, err->msg);
	fputc('\n', stderr);
	while (*line) {
		size_t len = strcspn(line, "\n");

		report_hint(term, line, len);
		line += len + (line[len] == '\n');
	}
}

/* Every complaint ends with something to type: where none is named, where help is to be had. */
static int hint_anyway(const struct tr_cmd *cmd, struct tr_err *err)
{
	if (*err->hint)
		return -(int)err->code;
	switch (err->code) {
	case TR_E_INVALID:
	case TR_E_NOT_FOUND:
	case TR_E_UNSUPPORTED:
	case TR_E_IO:
		return tr_hint(err, "tranche %s --help", cmd->path);
	case TR_E_PERMISSION:
	case TR_E_DRIVER:
	case TR_E_BUSY:
		return tr_hint(err, "tranche doctor   looks for what is in the way");
	default:
		return -(int)err->code;
	}
}

/* The first shared option among `groups`, for a complaint. */
static const char *option_of(uint32_t groups)
{
	for (const struct tr_opt *o = tr_common_opts; o->name; o++)
		if (o->group & groups)
			return o->name;
	return "";
}

/* The first example, without what it says to readers. */
static void say_example(const struct tr_cmd *cmd, struct tr_buf *ret)
{
	const char *line = cmd->example[0], *comment = strstr(line, " #");
	size_t len = comment ? (size_t)(comment - line) : strlen(line);

	while (len && line[len - 1] == ' ')
		len--;
	tr_buf_addf(ret, "%.*s\n", (int)len, line);
}

static bool is_file_name(const char *word)
{
	size_t len = strlen(word);

	return strchr(word, '/') || (len > 5 && strcmp(word + len - 5, ".yaml") == 0) ||
	       (len > 4 && strcmp(word + len - 4, ".yml") == 0);
}

/* An argument too many was often meant as an option's value: a file, or a card. */
static void say_option_for(const struct tr_cmd *cmd, const char *word, struct tr_buf *ret)
{
	bool takes_file = false;

	for (const struct tr_opt *o = cmd->opts; o && o->name; o++)
		takes_file |= strcmp(o->name, "file") == 0;
	if (takes_file && is_file_name(word) && strlen(word) < 100)
		tr_buf_addf(ret, "tranche %s -f %s\n", cmd->path, word);
	if ((cmd->uses & TR_USES_GPU) && *word && strspn(word, "0123456789") == strlen(word) &&
		strlen(word) < 4)
		tr_buf_addf(ret, "tranche %s --gpu %s\n", cmd->path, word);
}

static int check_args(const struct tr_call *call, struct tr_err *err)
{
	const struct tr_cmd *cmd = call->cmd;
	TR_AUTO_BUF hint = { 0 };

	if (call->n_args >= cmd->min_args && call->n_args <= cmd->max_args)
		return 0;
	if (call->n_args < cmd->min_args) {
		tr_fail(err, TR_E_INVALID, "'tranche %s' needs %s", cmd->path, cmd->args);
		if (cmd->example)
			say_example(cmd, &hint);
		return tr_hint(err, "%stranche %s --help", tr_buf_str(&hint), cmd->path);
	}
	if (cmd->max_args == 0)
		tr_fail(err, TR_E_INVALID, "'tranche %s' takes no argument, but got '%.60s'",
			cmd->path, call->args[0]);
	else
		tr_fail(err, TR_E_INVALID, "'tranche %s' takes %s, and '%.60s' is too much",
			cmd->path, cmd->args, call->args[cmd->max_args]);
	say_option_for(cmd, call->args[cmd->max_args], &hint);
	return tr_hint(err, "%stranche %s%s", tr_buf_str(&hint), cmd->path,
		cmd->max_args ? " --help" : "");
}

static bool asks_help(char **words)
{
	return words[0] && !words[1] &&
	       (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0);
}

/* `words` are those behind the command's own; `before`: options given in front of it. */
static int run_cmd(struct tr_call *call, char **words, struct tr_common *common, uint32_t before,
	struct tr_err *err)
{
	const struct tr_cmd *cmd = call->cmd;
	uint32_t uses = cmd->uses | TR_USES_HELP;
	TR_AUTO_FREE char *values = calloc(1, cmd->opts_size + 1);
	TR_AUTO_BUF of = { 0 };
	int r;
	struct tr_opt_table tables[] = {
		{ .v = cmd->opts, .values = values },
		{ .v = tr_common_opts, .groups = uses, .values = common },
	};
	struct tr_opts_in in = {
		.tables = tables, .n_tables = 2, .argv = words, .stop_at = cmd->stop_at
	};

	tr_buf_addf(&of, "tranche %s", cmd->path);
	if (!values || tr_buf_ok(&of, err) < 0)
		return tr_fail(err, TR_E_NO_MEMORY, "read the options: out of memory");
	if (cmd->defaults)
		memcpy(values, cmd->defaults, cmd->opts_size);
	in.of = of.s;
	if (before & ~uses) {
		tr_fail(err, TR_E_INVALID, "'%s' has no option '--%s'", of.s,
			option_of(before & ~uses));
		return tr_hint(err, "%s --help", of.s);
	}
	if (cmd->run_words && !asks_help(words))
		return cmd->run_words(common, (const char *const *)words);
	/* Arguments are kept where the words stood: there are never more. */
	if (tr_opts_parse(&in, (const char **)words, &call->n_args, err) < 0)
		return hint_anyway(cmd, err);
	if (common->help) {
		tr_help_cmd(cmd, stdout);
		return 0;
	}
	call->args = (const char *const *)words;
	call->common = common;
	call->opts = values;
	if (check_args(call, err) < 0)
		return -(int)err->code;
	r = cmd->run(call, err);
	return r < 0 ? hint_anyway(cmd, err) : r;
}

/* "virtual", alone or with a word that is no command of it. */
static int run_family(
	const struct tr_cmd *const *cmds, const char *const *words, size_t n, struct tr_err *err)
{
	if (n > 1 && words[1][0] != '-')
		return tr_cmd_unknown(cmds, words, n, err);
	tr_help_family(cmds, words[0], stdout);
	return 0;
}

static int run_words(const struct tr_cmd *const *cmds, char **argv, struct tr_err *err)
{
	struct tr_common common = { .gpu = -1, .timeout_ms = -1, .grace_ms = -1 };
	struct tr_opt_table table = {
		.v = tr_common_opts, .groups = UINT32_MAX, .values = &common
	};
	struct tr_opts_in in = { "tranche", &table, 1, argv, /* stop_at= */ 1 };
	struct tr_call call = { .cmds = cmds };
	const char *const *words = (const char *const *)argv;
	const char *version[] = { "version" };
	size_t n, used = 0;

	if (tr_opts_parse(&in, (const char **)argv, &n, err) < 0)
		return -(int)err->code;
	argv[n] = NULL;
	if (common.version) {
		words = version;
		n = 1;
	}
	if (n == 0) {
		tr_help_all(cmds, stdout);
		return 0;
	}
	call.cmd = tr_cmd_find(cmds, words, n, &used);
	if (call.cmd)
		return run_cmd(&call, common.version ? argv + n : argv + used, &common,
			table.seen & ~(uint32_t)TR_USES_VERSION, err);
	if (tr_cmd_is_family(cmds, words[0]))
		return run_family(cmds, words, n, err);
	return tr_cmd_unknown(cmds, words, n, err);
}

int tr_cli_main(const struct tr_cmd *const *cmds, char **argv)
{
	struct tr_err err = { 0 };
	int r = run_words(cmds, *argv ? argv + 1 : argv, &err);

	/* A full disk or a closed pipe is told, not taken for success. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && r >= 0)
		r = tr_fail_errno(&err, errno, "write to standard output");
	if (r < 0)
		report(&err);
	return r < 0 ? tr_code_exit_status(err.code) : r;
}
