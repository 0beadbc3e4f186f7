/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a change of layout: what a killed run left half-told is set right, and the models that
 * had to leave their slices serve again.
 */
#include "core/apply.h"
#include "core/relayout.h"
#include "core/tell.h"

#include "base/err.h"

#include <string.h>

enum { GRACE_MS = 10000 };

/* The slice of a row; NULL while none with a compute instance stands there. */
static const struct tr_card_slice *slice_of(const struct tr_scene *now, const struct tr_row *row)
{
	const struct tr_card *card = tr_card_by_uuid(&now->cards, row->gpu_uuid);
	const struct tr_card_slice *slice = card ? tr_card_slice_at(card, row->start) : NULL;

	return slice && slice->has_device && slice->profile_id == row->profile_id ? slice : NULL;
}

static bool is_told(const struct tr_journal *journal, const struct tr_row *row)
{
	for (size_t i = 0; i < journal->n; i++)
		if (tr_journal_is_about(&journal->v[i], row->gpu_uuid, row->start, row->profile_id))
			return true;
	return false;
}

int tr_relayout_settle(struct tr_relayout *run, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene now = { 0 };
	int r = tr_scene_read(run->node, /* with_servers= */ false, &now, err);

	for (size_t i = 0; i < now.rows.n && r == 0; i++) {
		struct tr_row row = now.rows.v[i];
		bool stands = slice_of(&now, &row);

		if (!is_told(&run->journal, &row) || (stands && row.is_cut))
			continue;
		row.is_cut = true;
		r = stands ? tr_store_rows_put(run->node->store, run->node->name, &row, 1, err)
			   : tr_store_row_drop(run->node->store, run->node->name, row.gpu_uuid,
				     row.start, err);
	}
	return r;
}

/* --- Models that have a slice, and those that lost theirs --- */

static bool is_of(
	const struct tr_want *want, const char *stack, const char *model, uint32_t replica)
{
	return stack && model && strcmp(stack, want->stack->name) == 0 &&
	       strcmp(model, want->model->name) == 0 && replica == want->replica;
}

static bool has_place(const struct tr_scene *now, const struct tr_want *want)
{
	for (size_t i = 0; i < now->rows.n; i++) {
		const struct tr_row *row = &now->rows.v[i];

		if (is_of(want, row->stack, row->model, row->replica) && slice_of(now, row))
			return true;
	}
	for (size_t i = 0; i < now->servers.n; i++) {
		const struct tr_server *server = &now->servers.v[i];

		if (is_of(want, server->stack, server->model, server->replica))
			return true;
	}
	return false;
}

/* Takes the models without a slice out of the loop, which would cut what the layout has not. */
static void leave_out_lost(
	struct tr_relayout *run, struct tr_stack_run *loop, const struct tr_scene *now)
{
	size_t kept = 0;

	for (size_t i = 0; i < loop->wants.n; i++) {
		const struct tr_want *want = &loop->wants.v[i];

		if (!has_place(now, want)) {
			tr_tell(run->change, TR_STEP_NOTE, NULL, NULL,
				"%s of stack '%s' has no slice in this layout: tranche up starts "
				"it where there is room",
				want->who, loop->stack_name);
			continue;
		}
		loop->wants.v[kept] = *want;
		loop->plans[kept++] = loop->plans[i];
	}
	loop->wants.n = kept;
}

/* --- Serving again --- */

/*
 * A run that was killed while it stopped a server leaves one that may end at any moment, or one
 * that is well: which it is nobody can tell. When its slice stays after all, it is stopped for good
 * and the loop starts it anew.
 */
static int end_half_stopped(struct tr_relayout *run, const struct tr_scene *now, struct tr_err *err)
{
	int64_t grace_ms =
		run->change && run->change->grace_ms > 0 ? run->change->grace_ms : GRACE_MS;

	for (size_t i = 0; i < run->journal.n; i++) {
		const struct tr_journal_step *step = &run->journal.v[i];
		const struct tr_card_slice *slice = slice_of(now, &step->row);
		const struct tr_server *server =
			slice ? tr_scene_server_on(now, slice->uuid) : NULL;

		if (step->kind != TR_JOURNAL_EVICT || step->state != TR_JOURNAL_BEGUN || !server)
			continue;
		tr_tell(run->change, TR_STEP_STOP, NULL, NULL,
			"%s, which was being stopped when the change was cut off", server->name);
		if (server->runtime->stop(server->name, grace_ms, NULL, err) < 0)
			return tr_wrap(err, "stop '%s'", server->name);
	}
	return 0;
}

static int restart_stack(
	struct tr_relayout *run, const char *name, const struct tr_scene *now, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO(tr_stack_run_done) struct tr_stack_run loop = { 0 };
	const struct tr_runtime *runtime = NULL;
	int r = tr_stack_applied(run->node, name, &stack, &runtime, err);

	if (r == -TR_E_NOT_FOUND)
		return 0;
	if (r < 0 ||
		tr_stack_run_init(&loop, run->node, run->change, name, stack, runtime, err) < 0)
		return -(int)err->code;
	leave_out_lost(run, &loop, now);
	loop.tells_kept = false;
	return loop.wants.n ? tr_stack_apply(&loop, err) : 0;
}

static bool is_first_of_stack(const struct tr_journal *journal, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(journal->v[j].row.stack, journal->v[i].row.stack) == 0)
			return false;
	return *journal->v[i].row.stack;
}

int tr_relayout_restart(struct tr_relayout *run, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene now = { 0 };
	int r = 0;

	if (tr_layout_scene(run->node, &now, err) < 0 || end_half_stopped(run, &now, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < run->journal.n; i++) {
		const char *stack = run->journal.v[i].row.stack;
		struct tr_err why = { 0 };

		if (!is_first_of_stack(&run->journal, i) ||
			restart_stack(run, stack, &now, &why) == 0 || r < 0)
			continue;
		*err = why;
		r = tr_wrap(err, "start stack '%s' again", stack);
	}
	return r;
}
