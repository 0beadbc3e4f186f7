/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, in nvidia-smi's manner: "-i 0", "-i=0", "--id 0", "--id=0"; one dash may be
 * followed by several letters. Which options go together is said in one table.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum tr_smi_verb {
	TR_SMI_TABLE,
	TR_SMI_LIST,
	TR_SMI_QUERY,
	TR_SMI_COLUMNS, /* --query-gpu and its like */
	TR_SMI_PERSISTENCE,
	TR_SMI_MIG_MODE,
	TR_SMI_HELP,
	TR_SMI_VERSION,
	TR_SMI_HELP_COLUMNS,
};

struct tr_smi_args {
	enum tr_smi_verb verb;
	const char *ids;     /* -i */
	const char *mode;    /* of -pm and -mig */
	const char *display; /* -d */
	const char *of;	     /* the thing that is queried: "gpu", "compute-apps", ... */
	const char *columns;
	const char *format;
	const char *file;
	bool is_xml, is_json;
	long loop_ms; /* 0: once */
};

/* Fills in ret; on failure prints to `out` what nvidia-smi would, and returns its exit status. */
int tr_smi__parse(const char *const *words, struct tr_smi_args *ret, FILE *out, FILE *errout);

/* The options, a line each, for help. */
void tr_smi__put_options(FILE *out);
