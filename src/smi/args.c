/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/args.h"

#include "base/near.h"
#include "base/own.h"

#include <string.h>

enum takes { NOTHING, VALUE, MAYBE };

enum key {
	KEY_ID,
	KEY_LIST,
	KEY_QUERY,
	KEY_XML,
	KEY_DISPLAY,
	KEY_FILE,
	KEY_LOOP,
	KEY_LOOP_MS,
	KEY_COLUMNS,
	KEY_FORMAT,
	KEY_PERSISTENCE,
	KEY_MIG,
	KEY_HELP,
	KEY_VERSION,
	KEY_HELP_COLUMNS,
	KEY_JSON,
};

#define BIT(verb) (1u << (verb))
#define LOOKS	  (BIT(TR_SMI_TABLE) | BIT(TR_SMI_QUERY) | BIT(TR_SMI_COLUMNS))
#define CHANGES	  (BIT(TR_SMI_PERSISTENCE) | BIT(TR_SMI_MIG_MODE))

enum group { LOOK, CHANGE, WITH, HIDDEN };

/* The command line and its help. `value` is what the option takes, as help calls it. */
static const struct option {
	const char *name, *other;
	enum key key;
	enum takes takes;
	unsigned verbs;	  /* with which it may stand; 0: it is a verb */
	const char *what; /* of KEY_COLUMNS and KEY_HELP_COLUMNS */
	enum group group;
	const char *value, *help;
} options[] = {
	{ "-L", "--list-gpus", KEY_LIST, NOTHING, 0, NULL, LOOK, "",
		"cards and MIG devices with their UUIDs" },
	{ "-q", "--query", KEY_QUERY, NOTHING, 0, NULL, LOOK, "",
		"everything that is known of each card" },
	{ "--query-gpu", NULL, KEY_COLUMNS, VALUE, 0, "gpu", LOOK, "COLUMNS",
		"a line for each card" },
	{ "--query-compute-apps", NULL, KEY_COLUMNS, VALUE, 0, "compute-apps", LOOK, "COLUMNS",
		"a line for each process" },
	{ "--query-remapped-rows", NULL, KEY_COLUMNS, VALUE, 0, "remapped-rows", LOOK, "COLUMNS",
		"replaced rows of memory" },
	{ "--query-retired-pages", NULL, KEY_COLUMNS, VALUE, 0, "retired-pages", LOOK, "COLUMNS",
		"pages no longer used" },
	{ "--query-supported-clocks", NULL, KEY_COLUMNS, VALUE, 0, "supported-clocks", LOOK,
		"COLUMNS", "pairs of clocks" },
	{ "--query-accounted-apps", NULL, KEY_COLUMNS, VALUE, 0, "accounted-apps", LOOK, "COLUMNS",
		"processes of the past" },
	{ "--help-query-gpu", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "gpu", LOOK, "",
		"the COLUMNS; each query has such a list" },
	{ "--help-query-compute-apps", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "compute-apps", HIDDEN,
		NULL, NULL },
	{ "--help-query-remapped-rows", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "remapped-rows", HIDDEN,
		NULL, NULL },
	{ "--help-query-retired-pages", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "retired-pages", HIDDEN,
		NULL, NULL },
	{ "--help-query-supported-clocks", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "supported-clocks",
		HIDDEN, NULL, NULL },
	{ "--help-query-accounted-apps", NULL, KEY_HELP_COLUMNS, NOTHING, 0, "accounted-apps",
		HIDDEN, NULL, NULL },
	{ "--help-sections", NULL, KEY_HELP_COLUMNS, NOTHING, 0, NULL, LOOK, "",
		"the SECTIONS of -d" },
	{ "--version", NULL, KEY_VERSION, NOTHING, 0, NULL, LOOK, "",
		"of the driver, NVML and CUDA" },
	{ "-pm", "--persistence-mode", KEY_PERSISTENCE, VALUE, 0, NULL, CHANGE, "0|1",
		"keep the driver loaded while nobody uses it" },
	{ "-mig", "--multi-instance-gpu", KEY_MIG, VALUE, 0, NULL, CHANGE, "0|1",
		"MIG mode off or on" },
	{ "-i", "--id", KEY_ID, VALUE, LOOKS | CHANGES, NULL, WITH, "LIST",
		"these cards: indexes, UUIDs, PCI bus ids" },
	{ "-d", "--display", KEY_DISPLAY, VALUE, BIT(TR_SMI_QUERY), NULL, WITH, "SECTIONS",
		"these sections of -q only" },
	{ "-x", "--xml-format", KEY_XML, NOTHING, BIT(TR_SMI_QUERY), NULL, WITH, "", "-q as XML" },
	{ "--json", NULL, KEY_JSON, NOTHING, BIT(TR_SMI_QUERY) | BIT(TR_SMI_COLUMNS), NULL, WITH,
		"", "-q and the queries as JSON" },
	{ "--format", NULL, KEY_FORMAT, VALUE, BIT(TR_SMI_COLUMNS), NULL, WITH, "csv",
		"csv,noheader,nounits leaves those out" },
	{ "-f", "--filename", KEY_FILE, VALUE, LOOKS, NULL, WITH, "FILE", "write there instead" },
	{ "-l", "--loop", KEY_LOOP, MAYBE, LOOKS, NULL, WITH, "SECONDS", "again and again" },
	{ "-lms", "--loop-ms", KEY_LOOP_MS, MAYBE, LOOKS, NULL, WITH, "MILLISECONDS",
		"again and again" },
	{ "-h", "--help", KEY_HELP, NOTHING, 0, NULL, WITH, "", "print this help" },
};

static void put_option(const struct option *o, FILE *out)
{
	char head[64];
	bool is_long = !o->other;
	int n = snprintf(head, sizeof(head), "%s%s%s%s%s", is_long ? "    " : o->name,
		is_long ? o->name : ", ", is_long ? "" : o->other, *o->value ? " " : "", o->value);

	/* A head that is too wide for its column stands on a line of its own. */
	if (n > 30)
		fprintf(out, "  %s\n  %30s  %s\n", head, "", o->help);
	else
		fprintf(out, "  %-30s  %s\n", head, o->help);
}

void tr_smi__put_options(FILE *out)
{
	static const char *const titles[] = { [LOOK] = "Look",
		[CHANGE] = "Change (root, or the node's owner)",
		[WITH] = "With these" };

	for (size_t group = 0; group < TR_COUNT(titles); group++) {
		fprintf(out, "%s\n", titles[group]);
		for (size_t i = 0; i < TR_COUNT(options); i++)
			if (options[i].group == group)
				put_option(&options[i], out);
		fputc('\n', out);
	}
}

static bool is_named(const char *name, const char *word, size_t len)
{
	return name && strlen(name) == len && strncmp(name, word, len) == 0;
}

static const struct option *find(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < TR_COUNT(options); i++)
		if (is_named(options[i].name, word, len) || is_named(options[i].other, word, len))
			return &options[i];
	return NULL;
}

/* Options and commands of nvidia-smi that set what we leave to it. */
static const char *const vendors[] = { "-ac", "--applications-clocks", "-acp",
	"--applications-clocks-permission", "-am", "--accounting-mode", "-c", "--compute-mode",
	"-caa", "--clear-accounted-apps", "-cc", "--cuda-clocks", "-dm", "--driver-model", "-e",
	"--ecc-config", "-fdm", "--force-driver-model", "-gom", "--gom", "-gtt",
	"--gpu-target-temp", "-lgc", "--lock-gpu-clocks", "-lmc", "--lock-memory-clocks", "-p",
	"--reset-ecc-errors", "-pl", "--power-limit", "-r", "--gpu-reset", "-rac",
	"--reset-applications-clocks", "-rgc", "--reset-gpu-clocks", "-rmc",
	"--reset-memory-clocks", "-vm", "--virt-mode", "boost-slider", "c2c", "clocks",
	"compute-policy", "conf-compute", "drain", "encodersessions", "fbcsessions", "nvlink",
	"power-hint", "vgpu" };

static bool is_vendors(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < TR_COUNT(vendors); i++)
		if (is_named(vendors[i], word, len))
			return true;
	return false;
}

/* What nvidia-smi says goes to `out`; which option is near, to errout. */
static int unknown(const char *word, FILE *out, FILE *errout)
{
	struct tr_near near = { .wrong = word };

	fprintf(out, "ERROR: Option %s is not recognized. Please run 'nvidia-smi -h'.\n\n", word);
	if (is_vendors(word)) {
		fprintf(errout,
			"tranche: %s is for the vendor's nvidia-smi; this one prints, and sets "
			"MIG\n"
			"  try: tranche smi --help\n",
			word);
		return 255;
	}
	for (size_t i = 0; i < TR_COUNT(options); i++) {
		if (options[i].name[1] == '-')
			tr_near_offer(&near, options[i].name, strlen(options[i].name));
		if (options[i].other)
			tr_near_offer(&near, options[i].other, strlen(options[i].other));
	}
	for (size_t i = 0; i < near.n; i++)
		fprintf(errout, "  try: tranche smi %.*s\n", (int)near.len[i], near.v[i]);
	return 255;
}

static int misplaced(const char *word, FILE *out)
{
	fprintf(out,
		"ERROR: Option %s is not valid for this command. Please run 'nvidia-smi -h' for "
		"help.\n\n",
		word);
	return 2;
}

/* As nvidia-smi does: whatever is no number of seconds means five. */
static long interval_ms(const char *text, bool is_ms)
{
	long n = text ? strtol(text, NULL, 10) : 0;

	if (n <= 0)
		return 5000;
	if (n > 1000000000)
		n = 1000000000;
	return is_ms ? n : n * 1000;
}

static void store(struct tr_smi_args *args, const struct option *o, const char *value)
{
	switch (o->key) {
	case KEY_ID:
		args->ids = value;
		break;
	case KEY_XML:
		args->is_xml = true;
		break;
	case KEY_JSON:
		args->is_json = true;
		break;
	case KEY_DISPLAY:
		args->display = value;
		break;
	case KEY_FILE:
		args->file = value;
		break;
	case KEY_LOOP:
	case KEY_LOOP_MS:
		args->loop_ms = interval_ms(value, o->key == KEY_LOOP_MS);
		break;
	case KEY_COLUMNS:
		args->columns = value;
		args->of = o->what;
		break;
	case KEY_HELP_COLUMNS:
		args->of = o->what;
		break;
	case KEY_FORMAT:
		args->format = value;
		break;
	case KEY_PERSISTENCE:
	case KEY_MIG:
		args->mode = value;
		break;
	default:
		break;
	}
}

static enum tr_smi_verb verb_of(enum key key)
{
	switch (key) {
	case KEY_LIST:
		return TR_SMI_LIST;
	case KEY_QUERY:
		return TR_SMI_QUERY;
	case KEY_COLUMNS:
		return TR_SMI_COLUMNS;
	case KEY_PERSISTENCE:
		return TR_SMI_PERSISTENCE;
	case KEY_MIG:
		return TR_SMI_MIG_MODE;
	case KEY_HELP:
		return TR_SMI_HELP;
	case KEY_VERSION:
		return TR_SMI_VERSION;
	case KEY_HELP_COLUMNS:
		return TR_SMI_HELP_COLUMNS;
	default:
		return TR_SMI_TABLE;
	}
}

/* The first verb among the words is the command, but -L is before all others. */
static enum tr_smi_verb find_verb(const char *const *words)
{
	enum tr_smi_verb verb = TR_SMI_TABLE;

	for (; *words; words++) {
		const struct option *o = find(*words);

		if (o && !o->verbs && (verb == TR_SMI_TABLE || o->key == KEY_LIST))
			verb = verb_of(o->key);
	}
	return verb;
}

/* An option that only means something beside another. */
static int alone(const struct option *o, const char *word, FILE *out)
{
	static const char text[] = "Invalid combination of input arguments. Specify -q/--query and "
				   "%s to run %s query.  Please run 'nvidia-smi -h' for help.\n\n";

	if (o->key == KEY_XML)
		fprintf(out, text, "-x/--xml-format", "an XML");
	else if (o->key == KEY_DISPLAY)
		fprintf(out, text, "-d/--display", "a filtered");
	else
		return misplaced(word, out);
	return 2;
}

static int take(struct tr_smi_args *args, const char *const **at, FILE *out, FILE *errout)
{
	const char *word = **at, *equals = strchr(word, '='), *value = NULL;
	const struct option *o = find(word);

	if (!o)
		return args->verb == TR_SMI_TABLE ? unknown(word, out, errout)
						  : misplaced(word, out);
	if (args->verb == TR_SMI_TABLE && o->verbs && !(o->verbs & BIT(TR_SMI_TABLE)))
		return o->key == KEY_FORMAT || o->key == KEY_JSON ? unknown(word, out, errout)
								  : alone(o, word, out);
	if (o->verbs ? !(o->verbs & BIT(args->verb)) : verb_of(o->key) != args->verb)
		return misplaced(word, out);
	if (o->takes != NOTHING && equals)
		value = equals + 1;
	else if ((o->takes == VALUE && (*at)[1] && (*at)[1][0] != '-') ||
		 (o->takes == MAYBE && (*at)[1] && (*at)[1][0] != '-'))
		value = *++*at;
	if (o->takes == VALUE && !value) {
		fprintf(out,
			"ERROR: Option %s is missing its value. Please run 'nvidia-smi -h' for "
			"help.\n\n",
			word);
		return 255;
	}
	store(args, o, value);
	return 0;
}

int tr_smi__parse(const char *const *words, struct tr_smi_args *ret, FILE *out, FILE *errout)
{
	int status = 0;

	*ret = (struct tr_smi_args){ .verb = find_verb(words) };
	for (; *words && !status; words++)
		status = take(ret, &words, out, errout);
	if (!status && ret->is_xml && ret->display) {
		fputs("Invalid combination of input arguments: --display/-d flags can not be "
		      "combined with -x/--xml-format flags.\n",
			out);
		return 2;
	}
	return status;
}
