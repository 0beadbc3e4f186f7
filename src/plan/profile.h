/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured of a model on slices of each size, and what a slice carries within a latency.
 *
 *	Mig instance,Batch size,Workload Number,Throughput,Latency
 *	1,2,3,44.542,0.045
 *
 * A file has one row for each size (compute slices), batch and number of processes that share the
 * slice; throughput is requests a second and process, 0 where it did not run (both then), latency
 * is seconds. These are the columns of ParvaGPU's published profiles.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TR_PROFILE_ROWS_MAX = 4000, TR_PROFILE_SLICES = 16 };

struct tr_err;

struct tr_profile_row {
	uint32_t line; /* of the file */
	uint32_t slices, batch, processes;
	int64_t rate_micro; /* requests a second and process, in millionths */
	int64_t latency_us;
};

struct tr_profile {
	size_t n;
	struct tr_profile_row *rows;
};

struct tr_profile_ask {
	int64_t latency_us;	/* that a request may take in all */
	uint32_t max_processes; /* on a slice; 0: any number */
	/* A request may wait for the batch before it: a row serves where its latency is below this
	 * part of what is asked for. 0: 45 %, half and a tenth to spare, as ParvaGPU has it. */
	uint32_t percent;
};

void tr_profile_done(struct tr_profile *profile);

/* `file` is for messages, which begin "FILE:LINE: ". INVALID: a row that is none, one that is there
 * twice, one that is missing, a latency that cannot be in seconds. */
int tr_profile_parse(
	const char *text, size_t len, const char *file, struct tr_profile *ret, struct tr_err *err);

/* The row that carries most on a slice of this many compute slices; NULL when none is in time. */
const struct tr_profile_row *tr_profile_best(
	const struct tr_profile *profile, uint32_t slices, const struct tr_profile_ask *ask);
/* What a slice carries by that row, all its processes together, in millionths of a request. */
int64_t tr_profile_carries(const struct tr_profile_row *row);
/* The shortest latency of any row, in microseconds; 0 when there is none. */
int64_t tr_profile_fastest(const struct tr_profile *profile);
