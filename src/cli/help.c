/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

enum { NAME_WIDTH = 16, OPTION_WIDTH = 22 };

static const char *const group_heads[] = {
	[TR_GROUP_MODELS] = "Models",
	[TR_GROUP_LOOK] = "What is there",
	[TR_GROUP_SLICES] = "Slices",
	[TR_GROUP_LAYOUTS] = "Layouts",
	[TR_GROUP_VIRTUAL] = "Virtual nodes",
	[TR_GROUP_OTHER] = "Other",
};

static void print_lines(const struct tr_cmd *const *cmds, enum tr_cmd_group group, FILE *out)
{
	for (; *cmds; cmds++)
		if ((*cmds)->group == group)
			fprintf(out, "  %-*s  %s\n", NAME_WIDTH, (*cmds)->path, (*cmds)->help);
}

void tr_help_all(const struct tr_cmd *const *cmds, FILE *out)
{
	fputs("tranche: slice a GPU, run a model on each slice\n\n"
	      "Usage: tranche [--node NAME] COMMAND [OPTION]... [ARGUMENT]...\n",
		out);
	for (size_t g = 0; g < TR_COUNT(group_heads); g++) {
		fprintf(out, "\n%s\n", group_heads[g]);
		print_lines(cmds, (enum tr_cmd_group)g, out);
	}
	fputs("\nExamples\n"
	      "  tranche up                                    # what ./tranche.yaml asks for\n"
	      "  tranche create 2g.20gb 3g.40gb                # cut two slices by hand\n"
	      "  tranche virtual create a100-80gb --scale 16   # no GPU here? simulate one\n"
	      "\n'tranche COMMAND --help' says more about a command, 'man tranche' about all.\n",
		out);
}

void tr_help_family(const struct tr_cmd *const *cmds, const char *word, FILE *out)
{
	size_t len = strlen(word);

	fprintf(out, "Usage: tranche %s COMMAND [OPTION]... [ARGUMENT]...\n\n", word);
	for (; *cmds; cmds++)
		if (strncmp((*cmds)->path, word, len) == 0 && (*cmds)->path[len] == ' ')
			fprintf(out, "  %-*s  %s\n", NAME_WIDTH, (*cmds)->path, (*cmds)->help);
	fprintf(out, "\n'tranche %s COMMAND --help' says more.\n", word);
}

void tr_help_usage(const struct tr_cmd *cmd, struct tr_buf *ret)
{
	tr_buf_addf(ret, "tranche %s [OPTION]...%s%s", cmd->path, *cmd->args ? " " : "", cmd->args);
}

void tr_cmd_each_opt(
	const struct tr_cmd *cmd, void (*each)(void *arg, const struct tr_opt *opt), void *arg)
{
	for (const struct tr_opt *o = cmd->opts; o && o->name; o++)
		if (o->help)
			each(arg, o);
	for (const struct tr_opt *o = tr_common_opts; o->name; o++)
		if (o->group & (cmd->uses | TR_USES_HELP))
			each(arg, o);
}

static void print_opt(void *arg, const struct tr_opt *opt)
{
	char left[80];
	FILE *out = arg;

	snprintf(left, sizeof(left), "%c%c%s--%s%s%s", opt->short_name ? '-' : ' ',
		opt->short_name ? opt->short_name : ' ', opt->short_name ? ", " : "  ", opt->name,
		opt->value ? " " : "", opt->value ? opt->value : "");
	fprintf(out, "  %-*s  %s\n", OPTION_WIDTH, left, opt->help);
}

void tr_help_cmd(const struct tr_cmd *cmd, FILE *out)
{
	TR_AUTO_BUF usage = { 0 };

	tr_help_usage(cmd, &usage);
	fprintf(out, "Usage: %s\n\n%s.\n\nOptions\n", tr_buf_str(&usage), cmd->help);
	tr_cmd_each_opt(cmd, print_opt, out);
	if (cmd->more) {
		fputc('\n', out);
		cmd->more(out);
	}
	if (!cmd->example)
		return;
	fputs("\nExamples\n", out);
	for (const char *const *line = cmd->example; *line; line++)
		fprintf(out, "  %s\n", *line);
}

struct listing {
	const struct tr_cmd *cmd;
	FILE *out;
};

static void list_opt(void *arg, const struct tr_opt *opt)
{
	const struct listing *l = arg;
	const char short_name[3] = { '-', opt->short_name, '\0' };

	fprintf(l->out, "option\t%s\t--%s\t%s\t%s\n", l->cmd->path, opt->name,
		opt->short_name ? short_name : "", opt->value ? opt->value : "");
}

void tr_help_list(const struct tr_cmd *const *cmds, FILE *out)
{
	for (; *cmds; cmds++) {
		struct listing l = { *cmds, out };

		if ((*cmds)->group == TR_GROUP_HIDDEN)
			continue;
		fprintf(out, "command\t%s\n", (*cmds)->path);
		tr_cmd_each_opt(*cmds, list_opt, &l);
	}
}
