/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --query-gpu and its like: chosen columns as CSV, a line for each card or for each thing on it.
 */
#pragma once

#include "smi/smi_priv.h"

enum { TR_SMI_MAX_COLUMNS = 512 };

struct tr_smi_column;
struct tr_smi_row;

/* A column is a row of the card, or what its list adds. */
struct tr_smi_chosen {
	const char *name;
	const struct tr_smi_row *row; /* NULL: the list's own */
	const struct tr_smi_column *own;
};

struct tr_smi_columns {
	const struct tr_smi_list *list; /* what a line stands for */
	struct tr_smi_chosen v[TR_SMI_MAX_COLUMNS];
	size_t n;
	bool has_head, has_units, is_json;
};

/* `of`: "gpu", "compute-apps", ... 0, or the exit status, printed with the nearest names. */
int tr_smi__parse_columns(const char *of, const char *names, const char *format,
	struct tr_smi_columns *ret, FILE *out, FILE *errout);
/* Prints them; the head only once in a loop. */
void tr_smi__columns(struct tr_smi *smi, struct tr_smi_columns *columns);
/* Every name that `of` knows, a line each, aliases beside. */
void tr_smi__put_columns(const char *of, FILE *out);
