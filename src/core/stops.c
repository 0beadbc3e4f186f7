/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for each server, up to a limit: a stop is a program of the container engine's that is
 * started and waited for, or a wait for a lock. The threads touch nothing but their own entry.
 */
#include "core/stops.h"

#include "base/err.h"
#include "core/took.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Each may be a podman of some 40 MB. */
enum { MAX_THREADS = 16 };

struct outcome {
	int r;
	int64_t ms;
	struct tr_err err;
};

struct work {
	const struct tr_stops *stops;
	struct outcome *outcomes;
	int64_t grace_ms;
	atomic_size_t next;
};

void tr_stops_done(struct tr_stops *stops)
{
	free(stops->v);
	*stops = (struct tr_stops){ 0 };
}

int tr_stops_add(struct tr_stops *stops, const struct tr_stop *stop, struct tr_err *err)
{
	if (stops->n == stops->cap) {
		size_t cap = stops->cap ? 2 * stops->cap : 8;
		struct tr_stop *more = reallocarray(stops->v, cap, sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "stop %s: out of memory", stop->who);
		stops->v = more;
		stops->cap = cap;
	}
	stops->v[stops->n++] = *stop;
	return 0;
}

static void *stop_some(void *arg)
{
	struct work *work = arg;
	size_t i;

	while ((i = atomic_fetch_add(&work->next, 1)) < work->stops->n) {
		const struct tr_stop *stop = &work->stops->v[i];
		struct outcome *outcome = &work->outcomes[i];
		int64_t began_ms = tr_now_ms(&tr_clock_real);

		outcome->r = stop->runtime->stop(
			stop->name, work->grace_ms, *stop->log ? stop->log : NULL, &outcome->err);
		outcome->ms = tr_now_ms(&tr_clock_real) - began_ms;
	}
	return NULL;
}

/* This thread is one of them: where no other can be had, it does all the work. */
static void share(struct work *work)
{
	pthread_t threads[MAX_THREADS];
	size_t n = 0;

	while (n + 1 < work->stops->n && n < MAX_THREADS &&
		pthread_create(&threads[n], NULL, stop_some, work) == 0)
		n++;
	stop_some(work);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

int tr_stops_run(
	struct tr_stops *stops, const struct tr_node *node, int64_t grace_ms, struct tr_err *err)
{
	struct work work = { .stops = stops, .grace_ms = grace_ms };
	int r = 0;

	if (stops->n == 0)
		return 0;
	work.outcomes = calloc(stops->n, sizeof(*work.outcomes));
	if (!work.outcomes)
		return tr_fail(err, TR_E_NO_MEMORY, "stop %zu servers: out of memory", stops->n);
	share(&work);
	for (size_t i = 0; i < stops->n; i++) {
		const struct tr_stop *stop = &stops->v[i];

		if (work.outcomes[i].r == 0 && *stop->stack)
			tr_took_note_server(
				node, TR_TOOK_STOP, stop->stack, stop->model, work.outcomes[i].ms);
		if (work.outcomes[i].r == 0 || r < 0)
			continue;
		*err = work.outcomes[i].err;
		r = tr_wrap(err, "stop %s", stop->who);
	}
	free(work.outcomes);
	stops->n = 0;
	return r;
}
