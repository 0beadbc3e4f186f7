/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "smi/smi.h"

/* For help, completion and the man page only: tr_smi_main reads its words itself, since
 * nvidia-smi's options have several letters behind one dash (-pm, -mig, -lms). */
static const struct tr_opt opts[] = {
	{ "list-gpus", 'L', TR_OPT_FLAG, 0, NULL, "cards and MIG devices with their UUIDs", 0 },
	{ "query", 'q', TR_OPT_FLAG, 0, NULL, "everything known of each card", 0 },
	{ "xml-format", 'x', TR_OPT_FLAG, 0, NULL, "with -q: as XML", 0 },
	{ "display", 'd', TR_OPT_STRING, 0, "SECTIONS", "with -q: these only", 0 },
	{ "query-gpu", 0, TR_OPT_STRING, 0, "COLUMNS", "a line of CSV for each card", 0 },
	{ "query-compute-apps", 0, TR_OPT_STRING, 0, "COLUMNS", "... for each process", 0 },
	{ "query-remapped-rows", 0, TR_OPT_STRING, 0, "COLUMNS", "... of remapped rows", 0 },
	{ "query-retired-pages", 0, TR_OPT_STRING, 0, "COLUMNS", "... for each retired page", 0 },
	{ "query-supported-clocks", 0, TR_OPT_STRING, 0, "COLUMNS", "... for each clock", 0 },
	{ "query-accounted-apps", 0, TR_OPT_STRING, 0, "COLUMNS", "... for each past process", 0 },
	{ "format", 0, TR_OPT_STRING, 0, "FORMAT", "csv[,noheader][,nounits]", 0 },
	{ "help-query-gpu", 0, TR_OPT_FLAG, 0, NULL, "the columns (the same for each query)", 0 },
	{ "help-sections", 0, TR_OPT_FLAG, 0, NULL, "the sections of -d", 0 },
	{ "id", 'i', TR_OPT_STRING, 0, "LIST", "these cards only: indexes, UUIDs, bus ids", 0 },
	{ "persistence-mode", 0, TR_OPT_STRING, 0, "MODE", "0 or 1, also -pm", 0 },
	{ "multi-instance-gpu", 0, TR_OPT_STRING, 0, "MODE", "MIG off or on: 0 or 1, also -mig",
		0 },
	{ "filename", 'f', TR_OPT_STRING, 0, "FILE", "write there instead", 0 },
	{ "loop", 'l', TR_OPT_STRING, 0, "SECONDS", "again and again", 0 },
	{ "loop-ms", 0, TR_OPT_STRING, 0, "MILLISECONDS", "the same, also -lms", 0 },
	{ 0 },
};

static int run_words(const struct tr_common *common, const char *const *words)
{
	return tr_smi_main(common->node, words, stdout, stderr);
}

static void more(FILE *out)
{
	fputs("'tranche smi mig --help' says how cards are cut; so for topo, dmon, pmon.\n", out);
}

static const char *const example[] = { "tranche smi -L", "tranche smi mig -i 0 -cgi 15,15 -C",
	"tranche smi -l 1", NULL };

const struct tr_cmd tr_cmd_smi = {
	.path = "smi",
	.args = "[mig ...]",
	.help = "Print what nvidia-smi prints, also on a virtual node",
	.group = TR_GROUP_LOOK,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.opts = opts,
	.also = "nvidia-smi",
	.example = example,
	.more = more,
	.max_args = SIZE_MAX,
	.run_words = run_words,
};
