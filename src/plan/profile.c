/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/profile.h"

#include "base/err.h"
#include "base/own.h"

#include <stdbool.h>
#include <string.h>

enum { N_FIELDS = 5, MAX_NUMBER = 1000000 };

static const char header[] = "Mig instance,Batch size,Workload Number,Throughput,Latency";

struct reader {
	const char *file, *at, *end;
	uint32_t line;
	size_t cap;
	struct tr_profile *profile;
};

void tr_profile_done(struct tr_profile *profile)
{
	free(profile->rows);
	*profile = (struct tr_profile){ 0 };
}

/* A number without sign, in millionths; false when the text is none. */
static bool read_micro(const char *s, size_t len, int64_t *ret)
{
	int64_t value = 0;
	int places = -1;

	if (len == 0 || *s == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' && places < 0) {
			places = 0;
			continue;
		}
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (places >= 6)
			continue; /* finer than what is kept */
		value = value * 10 + (s[i] - '0');
		if (places >= 0)
			places++;
		if (value > INT64_C(1000000) * MAX_NUMBER)
			return false;
	}
	if (places == 0)
		return false;
	for (int i = places < 0 ? 0 : places; i < 6; i++)
		value *= 10;
	if (value > INT64_C(1000000) * MAX_NUMBER)
		return false;
	*ret = value;
	return true;
}

static bool read_count(const char *s, size_t len, uint32_t most, uint32_t *ret)
{
	int64_t micro;

	if (memchr(s, '.', len) || !read_micro(s, len, &micro))
		return false;
	*ret = (uint32_t)(micro / 1000000);
	return *ret >= 1 && *ret <= most;
}

static int bad(const struct reader *r, struct tr_err *err, const char *what)
{
	return tr_fail(err, TR_E_INVALID, "%s:%u: %s", r->file, r->line, what);
}

static int read_row(const struct reader *r, const char *s, size_t len, struct tr_profile_row *ret,
	struct tr_err *err)
{
	const char *field[N_FIELDS];
	size_t size[N_FIELDS], n = 0;
	int64_t latency;

	for (const char *end = s + len;; s++) {
		const char *comma = memchr(s, ',', (size_t)(end - s));

		if (n == N_FIELDS)
			return bad(r, err, "over 5 fields");
		field[n] = s;
		size[n++] = (size_t)((comma ? comma : end) - s);
		if (!comma)
			break;
		s = comma;
	}
	if (n < N_FIELDS)
		return bad(r, err, "fewer than 5 fields");
	ret->line = r->line;
	if (!read_count(field[0], size[0], TR_PROFILE_SLICES, &ret->slices))
		return bad(r, err, "the first field is a number of compute slices, 1 to 16");
	if (!read_count(field[1], size[1], MAX_NUMBER, &ret->batch))
		return bad(r, err, "the second field is a batch size, 1 or more");
	if (!read_count(field[2], size[2], 48, &ret->processes))
		return bad(r, err, "the third field is a number of processes, 1 to 48");
	if (!read_micro(field[3], size[3], &ret->rate_micro))
		return bad(r, err, "the fourth field is requests a second and process");
	if (!read_micro(field[4], size[4], &latency))
		return bad(r, err, "the fifth field is a latency in seconds");
	ret->latency_us = latency;
	if ((ret->rate_micro == 0) != (latency == 0))
		return bad(r, err, "a row that did not run has throughput 0 and latency 0, both");
	return 0;
}

/*
 * A process works on one batch at a time, so that a second's requests are the batch over the
 * latency. Ten times off is another unit.
 */
static int check_units(const struct reader *r, const struct tr_profile_row *row, struct tr_err *err)
{
	double batch = (double)row->rate_micro * (double)row->latency_us / 1e12;

	if (row->rate_micro == 0 || (batch < 10.0 * row->batch && batch > 0.1 * row->batch))
		return 0;
	tr_fail(err, TR_E_INVALID,
		"%s:%u: %.3f requests a second with a latency of %.3f s would be batches of %.3g, "
		"not of %u",
		r->file, r->line, (double)row->rate_micro / 1e6, (double)row->latency_us / 1e6,
		batch, row->batch);
	tr_hint(err, "throughput is requests a second and process, latency is seconds (not "
		     "milliseconds)");
	return -TR_E_INVALID;
}

static int add(struct reader *r, const struct tr_profile_row *row, struct tr_err *err)
{
	struct tr_profile *profile = r->profile;

	for (size_t i = 0; i < profile->n; i++) {
		const struct tr_profile_row *other = &profile->rows[i];

		if (other->slices == row->slices && other->batch == row->batch &&
			other->processes == row->processes)
			return tr_fail(err, TR_E_INVALID,
				"%s:%u: %u slices, batch %u, %u processes stand in line %u too",
				r->file, r->line, row->slices, row->batch, row->processes,
				other->line);
	}
	if (profile->n == TR_PROFILE_ROWS_MAX)
		return bad(r, err, "over 4000 rows");
	if (profile->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 256;
		struct tr_profile_row *more = realloc(profile->rows, cap * sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "reading '%s'", r->file);
		profile->rows = more;
		r->cap = cap;
	}
	profile->rows[profile->n++] = *row;
	return 0;
}

/* Rows come by size, all with the same pairs of batch and processes. What one size has and the next
 * has not was not measured, and would be planned as if it could not run. */
static int check_holes(const struct reader *r, struct tr_err *err)
{
	const struct tr_profile *profile = r->profile;
	uint32_t seen = 0;

	for (size_t i = 0; i < profile->n; i++)
		seen |= 1u << (profile->rows[i].slices - 1);
	for (size_t i = 0; i < profile->n; i++) {
		const struct tr_profile_row *row = &profile->rows[i];
		uint32_t own = 0;

		for (size_t k = 0; k < profile->n; k++)
			if (profile->rows[k].batch == row->batch &&
				profile->rows[k].processes == row->processes)
				own |= 1u << (profile->rows[k].slices - 1);
		if (own == seen)
			continue;
		tr_fail(err, TR_E_INVALID,
			"%s:%u: batch %u with %u processes stands here for %u slices, but nowhere "
			"for "
			"%d",
			r->file, row->line, row->batch, row->processes, row->slices,
			__builtin_ctz(seen & ~own) + 1);
		tr_hint(err,
			"measure it, or write throughput 0 and latency 0 where it does not run");
		return -TR_E_INVALID;
	}
	return 0;
}

static int read_all(struct reader *r, struct tr_err *err)
{
	while (r->at < r->end) {
		const char *s = r->at, *newline = memchr(s, '\n', (size_t)(r->end - s));
		size_t len = (size_t)((newline ? newline : r->end) - s);
		struct tr_profile_row row;

		r->at = newline ? newline + 1 : r->end;
		r->line++;
		if (len && s[len - 1] == '\r')
			len--;
		if (r->line == 1 && (len != strlen(header) || memcmp(s, header, len) != 0))
			return tr_fail(err, TR_E_INVALID, "%s:1: the first line is not '%s'",
				r->file, header);
		if (r->line == 1 || len == 0)
			continue;
		if (read_row(r, s, len, &row, err) < 0 || check_units(r, &row, err) < 0 ||
			add(r, &row, err) < 0)
			return -(int)err->code;
	}
	if (r->profile->n == 0)
		return tr_fail(err, TR_E_INVALID, "%s:1: no rows", r->file);
	return check_holes(r, err);
}

int tr_profile_parse(
	const char *text, size_t len, const char *file, struct tr_profile *ret, struct tr_err *err)
{
	TR_AUTO(tr_profile_done) struct tr_profile profile = { 0 };
	struct reader r = { .file = file, .at = text, .end = text + len, .profile = &profile };

	if (read_all(&r, err) < 0)
		return -(int)err->code;
	*ret = profile;
	profile = (struct tr_profile){ 0 };
	return 0;
}

int64_t tr_profile_carries(const struct tr_profile_row *row)
{
	return row->rate_micro * row->processes;
}

const struct tr_profile_row *tr_profile_best(
	const struct tr_profile *profile, uint32_t slices, const struct tr_profile_ask *ask)
{
	uint32_t percent = ask->percent ? ask->percent : 45;
	const struct tr_profile_row *best = NULL;

	for (size_t i = 0; i < profile->n; i++) {
		const struct tr_profile_row *row = &profile->rows[i];

		if (row->slices != slices || row->rate_micro == 0 ||
			(ask->max_processes && row->processes > ask->max_processes) ||
			row->latency_us * 100 >= ask->latency_us * percent)
			continue;
		if (!best || tr_profile_carries(row) > tr_profile_carries(best))
			best = row;
	}
	return best;
}

int64_t tr_profile_fastest(const struct tr_profile *profile)
{
	int64_t fastest = 0;

	for (size_t i = 0; i < profile->n; i++) {
		int64_t us = profile->rows[i].latency_us;

		if (us && (!fastest || us < fastest))
			fastest = us;
	}
	return fastest;
}
