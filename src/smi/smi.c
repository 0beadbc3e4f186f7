/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/smi.h"

#include "smi/args.h"
#include "smi/columns.h"
#include "smi/help.h"
#include "smi/mig.h"
#include "smi/mode.h"
#include "smi/mon.h"
#include "smi/query.h"
#include "smi/redraw.h"
#include "smi/rows.h"
#include "smi/smi_priv.h"
#include "smi/table.h"
#include "smi/topo.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* What was asked for, read from the command line before the driver is touched. */
struct wish {
	const struct tr_smi_args *args;
	uint32_t where;
	enum tr_smi_style style;
	struct tr_smi_columns columns;
};

static int read_wish(const struct tr_smi_args *args, struct wish *ret, FILE *out, FILE *errout)
{
	int status;

	*ret = (struct wish){ .args = args };
	ret->style = args->is_json ? TR_SMI_JSON : args->is_xml ? TR_SMI_XML : TR_SMI_TEXT;
	ret->where = ret->style == TR_SMI_TEXT ? TR_SMI_Q : TR_SMI_X;
	if (args->display)
		ret->where = tr_smi__parse_sections(args->display);
	if (!ret->where) {
		fputs("Failed to parse --display/-d flags\n", out);
		fputs("  try: tranche smi -q -d MEMORY,UTILIZATION   see man tranche-smi\n",
			errout);
		return 2;
	}
	if (args->verb != TR_SMI_COLUMNS)
		return 0;
	status = tr_smi__parse_columns(
		args->of, args->columns, args->format, &ret->columns, out, errout);
	ret->columns.is_json = args->is_json;
	return status;
}

static int print(struct tr_smi *smi, struct wish *wish)
{
	const struct tr_smi_args *args = wish->args;

	switch (args->verb) {
	case TR_SMI_QUERY:
		tr_smi__query(smi, wish->style, wish->where);
		return 0;
	case TR_SMI_COLUMNS:
		tr_smi__columns(smi, &wish->columns);
		return 0;
	case TR_SMI_LIST:
		tr_smi__list(smi);
		return 0;
	case TR_SMI_PERSISTENCE:
		return tr_smi__set_persistence(smi, args->mode);
	case TR_SMI_MIG_MODE:
		return tr_smi__set_mig(smi, args->mode);
	default:
		tr_smi__table(smi);
		return 0;
	}
}

static struct timespec later(struct timespec t, long ms)
{
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* The same, but over what the terminal shows. */
static int print_in_place(struct tr_smi *smi, struct wish *wish)
{
	FILE *terminal = smi->out;
	char *text = NULL;
	size_t len = 0;
	int status = 0;

	smi->out = open_memstream(&text, &len);
	if (smi->out) {
		status = print(smi, wish);
		fclose(smi->out);
	}
	smi->out = terminal;
	if (text)
		tr_smi__redraw(terminal, text);
	free(text);
	return status;
}

/* One session for all outputs, each made from fresh answers. */
static int print_all(struct tr_smi *smi, struct wish *wish)
{
	const struct tr_smi_args *args = wish->args;
	bool in_place = args->loop_ms && args->verb == TR_SMI_TABLE && isatty(fileno(smi->out));
	struct timespec next;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		status = in_place ? print_in_place(smi, wish) : print(smi, wish);
		if (status || !args->loop_ms || fflush(smi->out) != 0)
			return status;
		next = later(next, args->loop_ms);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		tr_smi__forget(smi);
	}
}

/* nvidia-smi is of the driver's version; NVML's has one part less. */
static void put_version(struct tr_smi *smi)
{
	const char *driver = tr_smi__driver(smi), *dot = strrchr(driver, '.');
	int part = dot && dot != strchr(driver, '.') ? (int)(dot - driver) : (int)strlen(driver);
	char cuda[16];

	tr_smi__cuda(smi, cuda);
	fprintf(smi->out,
		"NVIDIA-SMI version  : %s\nNVML version        : %.*s\n"
		"DRIVER version      : %s\nCUDA Version        : %s\n",
		driver, part, driver, driver, cuda);
}

static int run(const char *node, struct tr_smi *smi, const struct tr_smi_args *args)
{
	struct wish wish;
	int status;

	if (args->verb == TR_SMI_HELP) {
		tr_smi__help(smi->out);
		return 0;
	}
	if (args->verb == TR_SMI_HELP_COLUMNS) {
		if (args->of)
			tr_smi__put_columns(args->of, smi->out);
		else
			tr_smi__put_sections(smi->out);
		return 0;
	}
	status = read_wish(args, &wish, smi->out, smi->errout);
	if (!status)
		status = tr_smi__open(smi, node);
	if (status)
		return status;
	if (args->verb == TR_SMI_VERSION) {
		put_version(smi);
		return 0;
	}
	status = tr_smi__pick(smi, args->ids);
	return status ? status : print_all(smi, &wish);
}

/* -f: what the run prints goes into a file. */
static int run_into(const char *node, struct tr_smi *smi, const struct tr_smi_args *args)
{
	FILE *out = smi->out;
	int status;

	if (!args->file)
		return run(node, smi, args);
	smi->out = fopen(args->file, "we");
	if (!smi->out) {
		smi->out = out;
		fprintf(out, "Failed to open file %s: %s\n", args->file, strerror(errno));
		return 255;
	}
	status = run(node, smi, args);
	if (fclose(smi->out) != 0 && !status)
		status = 255;
	smi->out = out;
	return status;
}

/* Words that begin a command line of their own. */
typedef int verb_fn(const char *node, struct tr_smi *smi, const char *const *words);

static const struct {
	const char *name;
	verb_fn *run;
} verbs[] = {
	{ "mig", tr_smi__mig },
	{ "topo", tr_smi__topo },
	{ "dmon", tr_smi__dmon },
	{ "pmon", tr_smi__pmon },
};

int tr_smi_main(const char *node, const char *const *argv, FILE *out, FILE *errout)
{
	struct tr_smi smi = { .out = out, .errout = errout };
	verb_fn *run_verb = NULL;
	struct tr_smi_args args;
	int status;

	for (size_t i = 0; argv[0] && i < TR_COUNT(verbs); i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			run_verb = verbs[i].run;
	if (run_verb) {
		status = run_verb(node, &smi, argv + 1);
	} else {
		status = tr_smi__parse(argv, &args, out, errout);
		if (!status)
			status = run_into(node, &smi, &args);
	}
	if (smi.api)
		tr_smi__close(&smi);
	return status;
}
