/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of layout files, fed with anything.
 *
 * What must hold for every input: labels that keep the header's promises and that both writers
 * write so that they read back as the same, or INVALID with FILE:LINE:COLUMN and what is allowed.
 */
#include "base/err.h"
#include "layout/layout.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char file[] = "/nonexistent/x/layouts.yaml";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}
#define MUST(condition) must((condition), #condition)

static void check_spec(const struct tr_layout_spec *spec, bool is_stock)
{
	MUST(spec->at.line > 0 && spec->at_gpus.line > 0 && spec->at_slices.column > 0);
	MUST(!spec->is_all || spec->n_gpus == 0);
	MUST(spec->mig_on || spec->n_slices == 0);
	for (size_t i = 0; i < spec->n_slices; i++) {
		const struct tr_layout_slice *slice = &spec->slices[i];

		MUST(*slice->profile && slice->count <= TR_LAYOUT_MAX_COUNT);
		MUST(slice->at.line > 0 && slice->at_count.line > 0);
		MUST(slice->start < 0 || (!is_stock && slice->count == 1 && slice->start < 100));
	}
	for (size_t i = 0; i < spec->n_gpus; i++)
		MUST(spec->gpus[i].idx < 1024 && (!is_stock || !*spec->gpus[i].uuid));
}

/* Written and read again, a file is written the same. The stock format knows no UUID. */
static void check_writer(const struct tr_layout_file *layout, bool stock)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *again = NULL;
	TR_AUTO_BUF once = { 0 }, twice = { 0 };
	struct tr_err err = { 0 };

	for (size_t i = 0; i < layout->n_labels; i++)
		for (size_t s = 0; s < layout->labels[i].n_specs; s++) {
			const struct tr_layout_spec *spec = &layout->labels[i].specs[s];

			for (size_t g = 0; g < spec->n_gpus; g++)
				if (stock && *spec->gpus[g].uuid)
					return;
			/* Each slice may stand for many in our format's list, one in stock's. */
			if (spec->n_slices > 64)
				return;
		}
	tr_layout_write(layout, stock, &once);
	MUST(tr_layout_parse("x", tr_buf_str(&once), once.len, &again, &err) == 0 ||
		strstr(err.msg, "too many"));
	if (!again)
		return;
	MUST(again->n_labels == layout->n_labels);
	tr_layout_write(again, stock, &twice);
	MUST(strcmp(tr_buf_str(&once), tr_buf_str(&twice)) == 0);
}

static void check_complaint(int r, const struct tr_err *err)
{
	unsigned int line = 0, column = 0;
	int end = 0;

	MUST(r == -TR_E_INVALID && err->code == TR_E_INVALID);
	MUST(strncmp(err->msg, file, strlen(file)) == 0);
	MUST(sscanf(err->msg + strlen(file), ":%u:%u: %n", &line, &column, &end) == 2 && end > 0);
	MUST(line >= 1 && column >= 1);
	MUST(strstr(err->msg, "; allowed: "));
	for (const char *c = err->msg; *c; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *layout = NULL;
	struct tr_err err = { 0 };
	int r = tr_layout_parse(file, (const char *)data, size, &layout, &err);

	if (r < 0) {
		check_complaint(r, &err);
		return 0;
	}
	MUST(layout->n_labels > 0);
	for (size_t i = 0; i < layout->n_labels; i++) {
		MUST(*layout->labels[i].name && layout->labels[i].n_specs > 0);
		for (size_t s = 0; s < layout->labels[i].n_specs; s++)
			check_spec(&layout->labels[i].specs[s], layout->is_stock);
	}
	check_writer(layout, layout->is_stock);
	check_writer(layout, false);
	return 0;
}
