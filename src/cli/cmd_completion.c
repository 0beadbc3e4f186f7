/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/own.h"
#include "cli/cmd.h"

#include <string.h>

/*
 * The scripts know nothing: they hand the words to `tranche complete`, which answers from the array
 * of commands and from the node, a line each: a word, a tab, and what it is; ":files" stands for
 * the shell's own completion of file names.
 */
static const char bash[] =
	"# bash completion for tranche; made by 'tranche completion bash'\n"
	"_tranche()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} line\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\t\telse\n"
	"\t\t\tCOMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
	"2>/dev/null)\n"
	"}\n"
	"complete -F _tranche tranche\n";

static const char zsh[] = "#compdef tranche\n"
			  "# zsh completion for tranche; made by 'tranche completion zsh'\n"
			  "_tranche()\n"
			  "{\n"
			  "\tlocal line\n"
			  "\tlocal -a found\n"
			  "\tfor line in ${(f)\"$(${words[1]} complete -- "
			  "\"${(@)words[2,CURRENT]}\" 2>/dev/null)\"}; do\n"
			  "\t\tif [[ $line == :files ]]; then\n"
			  "\t\t\t_files\n"
			  "\t\telse\n"
			  "\t\t\tfound+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
			  "\t\tfi\n"
			  "\tdone\n"
			  "\tif (( $#found )); then\n"
			  "\t\t_describe tranche found\n"
			  "\tfi\n"
			  "}\n"
			  "if [[ $funcstack[1] == _tranche ]]; then\n"
			  "\t_tranche \"$@\"\n"
			  "else\n"
			  "\tcompdef _tranche tranche\n"
			  "fi\n";

static const char fish[] =
	"# fish completion for tranche; made by 'tranche completion fish'\n"
	"function __tranche_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l cur (commandline -ct)\n"
	"\tfor line in ($words[1] complete -- $words[2..-1] \"$cur\" 2>/dev/null)\n"
	"\t\tif test \"$line\" = :files\n"
	"\t\t\t__fish_complete_path \"$cur\"\n"
	"\t\telse\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c tranche -f -a '(__tranche_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

static int run(const struct tr_call *call, struct tr_err *err)
{
	for (size_t i = 0; i < TR_COUNT(scripts); i++) {
		if (strcmp(call->args[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return 0;
		}
	}
	tr_fail(err, TR_E_UNSUPPORTED, "no completion for '%.30s', only for bash, zsh and fish",
		call->args[0]);
	return tr_hint(err, "tranche completion bash");
}

static const char *const example[] = {
	"eval \"$(tranche completion bash)\"     # in ~/.bashrc",
	"eval \"$(tranche completion zsh)\"      # in ~/.zshrc, behind compinit",
	"tranche completion fish | source       # in ~/.config/fish/config.fish",
	NULL,
};

const struct tr_cmd tr_cmd_completion = {
	.path = "completion",
	.args = "SHELL",
	.help = "Print a completion script for bash, zsh or fish",
	.group = TR_GROUP_OTHER,
	.min_args = 1,
	.max_args = 1,
	.example = example,
	.run = run,
};
