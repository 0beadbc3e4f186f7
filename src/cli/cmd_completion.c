/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/help.h"

#include <string.h>

/*
 * One bash function: the words before the cursor that are no options choose the command; what is
 * offered is its options, or the next word of a path. Names of stacks and models come from the
 * program itself, since only it knows them.
 */
static const char head[] =
	"# bash completion for tranche; made by 'tranche completion bash'\n"
	"_tranche()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	"\tlocal word path= i opts= next=\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tcase $word in\n"
	"\t\t--node) ((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) [[ $path == *' '* ]] || path+=\"${path:+ }$word\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase $prev in\n"
	"\t--file|-f) [[ $path == logs* ]] || { COMPREPLY=($(compgen -f -- \"$cur\")); return; } "
	";;\n"
	"\t--runtime) COMPREPLY=($(compgen -W 'podman docker process' -- \"$cur\")); return ;;\n"
	"\tesac\n"
	"\tcase $path in\n";

static const char tail[] = "\tesac\n"
			   "\tif [[ $cur == -* ]]; then\n"
			   "\t\tCOMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
			   "\telse\n"
			   "\t\tCOMPREPLY=($(compgen -W \"$next\" -- \"$cur\"))\n"
			   "\tfi\n"
			   "}\n"
			   "complete -F _tranche tranche\n";

static void print_opt(void *arg, const struct tr_opt *opt)
{
	FILE *out = arg;

	fprintf(out, " --%s", opt->name);
	if (opt->short_name)
		fprintf(out, " -%c", opt->short_name);
}

/* The first word of each path, once: paths with the same one stand together. */
static void print_first_words(const struct tr_cmd *const *cmds, FILE *out)
{
	const char *before = "";

	for (; *cmds; cmds++) {
		size_t len = strcspn((*cmds)->path, " ");

		if ((*cmds)->group == TR_GROUP_HIDDEN)
			continue;
		if (strncmp(before, (*cmds)->path, len) != 0 || (before[len] && before[len] != ' '))
			fprintf(out, " %.*s", (int)len, (*cmds)->path);
		before = (*cmds)->path;
	}
}

static void print_family(const struct tr_cmd *const *cmds, size_t at, FILE *out)
{
	size_t len = strcspn(cmds[at]->path, " ");

	if (!cmds[at]->path[len] ||
		(at > 0 && strncmp(cmds[at - 1]->path, cmds[at]->path, len + 1) == 0))
		return;
	fprintf(out, "\t%.*s) next=\"", (int)len, cmds[at]->path);
	for (size_t i = at; cmds[i] && strncmp(cmds[i]->path, cmds[at]->path, len + 1) == 0; i++)
		fprintf(out, " %s", cmds[i]->path + len + 1);
	fputs("\" ;;\n", out);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	if (strcmp(call->args[0], "bash") != 0) {
		tr_fail(err, TR_E_UNSUPPORTED, "no completion for '%.30s', only for bash",
			call->args[0]);
		return tr_hint(err, "tranche completion bash");
	}
	fputs(head, stdout);
	fputs("\t'') opts='--node --help --version' next=\"", stdout);
	print_first_words(call->cmds, stdout);
	fputs("\" ;;\n", stdout);
	for (size_t i = 0; call->cmds[i]; i++) {
		const struct tr_cmd *cmd = call->cmds[i];
		bool has_space = strchr(cmd->path, ' ');

		if (cmd->group == TR_GROUP_HIDDEN)
			continue;
		print_family(call->cmds, i, stdout);
		/* Behind a one-word command any further word is an argument. */
		printf("\t'%s'%s) opts='", cmd->path, has_space ? "" : "*");
		tr_cmd_each_opt(cmd, print_opt, stdout);
		fputs(strcmp(cmd->path, "mig") == 0 ? "' next='on off' ;;\n" : "' ;;\n", stdout);
	}
	fputs(tail, stdout);
	return 0;
}

const struct tr_cmd tr_cmd_completion = {
	.path = "completion",
	.args = "SHELL",
	.help = "Print a completion script for bash",
	.group = TR_GROUP_HIDDEN,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
