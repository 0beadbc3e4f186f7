/* SPDX-License-Identifier: Apache-2.0 */
#include "core/relayout.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/cut.h"
#include "core/mig.h"
#include "core/tell.h"
#include "core/took.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { GRACE_MS = 10000, FIRM_MS = 10000, POLL_MS = 20 };

void tr_relayout_done(struct tr_relayout *run)
{
	tr_journal_done(&run->journal);
	tr_node_plan_done(&run->plan);
	tr_wishes_done(&run->wishes);
	tr_cards_done(&run->cards);
	tr_scene_done(&run->scene);
}

/* --- The plan as steps of the journal --- */

static struct tr_journal_step *add_step(
	struct tr_relayout *run, enum tr_journal_kind kind, const struct tr_card *card)
{
	struct tr_journal_step *more =
		reallocarray(run->journal.v, run->journal.n + 1, sizeof(*more));

	if (!more)
		return NULL;
	run->journal.v = more;
	more = &more[run->journal.n++];
	*more = (struct tr_journal_step){ .kind = kind };
	snprintf(more->row.gpu_uuid, sizeof(more->row.gpu_uuid), "%s", card->uuid);
	return more;
}

/* The row at a place, whether or not the slice is there: after a reboot it is not. */
static const struct tr_row *row_at(const struct tr_scene *scene, const struct tr_card *card,
	uint32_t start, uint32_t profile_id)
{
	for (size_t i = 0; i < scene->rows.n; i++)
		if (scene->rows.v[i].start == start && scene->rows.v[i].profile_id == profile_id &&
			strcmp(scene->rows.v[i].gpu_uuid, card->uuid) == 0)
			return &scene->rows.v[i];
	return NULL;
}

/* A stack that was taken down while the change was open owns nothing any more. */
static bool is_applied(const struct tr_relayout *run, const char *stack)
{
	TR_AUTO(tr_applied_done) struct tr_applied applied = { 0 };
	struct tr_err ignored;

	return *stack && tr_store_stack_get(
				 run->node->store, run->node->name, stack, &applied, &ignored) == 0;
}

/* Whose a slice that is cut will be. What the journal says of its place comes first: half-way
 * through a change, the moves that are left pair up otherwise than they did in the whole. Then, of
 * a move, whose it was; of one that comes back, too. */
static void take_owner(const struct tr_relayout *run, const struct tr_card_plan *plan,
	const struct tr_recut_step *step, struct tr_row *row)
{
	const struct tr_card *card = plan->wish->card;
	const struct tr_row *owner = NULL;

	for (size_t i = run->n_told; i > 0 && !owner; i--)
		if (tr_journal_is_about(
			    &run->journal.v[i - 1], row->gpu_uuid, row->start, row->profile_id))
			owner = &run->journal.v[i - 1].row;
	if (!owner && step->moves >= 0)
		owner = row_at(
			&run->scene, card, plan->recut.v[step->moves].start, step->profile->id);
	if (!owner && step->moves < 0)
		owner = row_at(&run->scene, card, step->start, step->profile->id);
	if (!owner || !is_applied(run, owner->stack))
		return;
	snprintf(row->stack, sizeof(row->stack), "%s", owner->stack);
	snprintf(row->model, sizeof(row->model), "%s", owner->model);
	row->replica = owner->replica;
}

static int put_slice_step(struct tr_relayout *run, const struct tr_card_plan *plan,
	const struct tr_recut_step *step, struct tr_err *err)
{
	const struct tr_card *card = plan->wish->card;
	bool is_cut = step->kind == TR_RECUT_CUT;
	struct tr_journal_step *to = add_step(run,
		is_cut		      ? TR_JOURNAL_CUT
		: step->held->is_busy ? TR_JOURNAL_EVICT
				      : TR_JOURNAL_FREE,
		card);
	const struct tr_row *row;

	if (!to)
		return tr_fail(err, TR_E_NO_MEMORY, "write the journal: out of memory");
	to->row.start = step->start;
	to->row.size = step->size;
	to->row.profile_id = step->held ? step->held->profile_id : step->profile->id;
	snprintf(to->row.profile, sizeof(to->row.profile), "%s",
		step->profile ? step->profile->name : "?");
	if (is_cut) {
		take_owner(run, plan, step, &to->row);
		return 0;
	}
	row = row_at(&run->scene, card, step->start, to->row.profile_id);
	if (row)
		to->row = *row;
	return 0;
}

int tr_relayout_put_steps(struct tr_relayout *run, struct tr_err *err)
{
	run->n_told = run->journal.n;
	for (size_t i = 0; i < run->plan.n; i++) {
		const struct tr_card_plan *plan = &run->plan.v[i];
		bool mode_told = !plan->changes_mode;

		for (size_t s = 0; s <= plan->recut.n; s++) {
			bool is_last = s == plan->recut.n;

			/* All FREE come before all CUT: the mode stands between them. */
			if (!mode_told && (is_last || plan->recut.v[s].kind == TR_RECUT_CUT)) {
				mode_told = true;
				if (!add_step(run,
					    plan->wish->mig_on ? TR_JOURNAL_MIG_ON
							       : TR_JOURNAL_MIG_OFF,
					    plan->wish->card))
					return tr_fail(err, TR_E_NO_MEMORY,
						"write the journal: out of memory");
			}
			if (!is_last && plan->recut.v[s].kind != TR_RECUT_KEEP &&
				put_slice_step(run, plan, &plan->recut.v[s], err) < 0)
				return -(int)err->code;
		}
	}
	return 0;
}

/* --- Who has to leave --- */

static int64_t grace_ms(const struct tr_relayout *run)
{
	return run->change && run->change->grace_ms > 0 ? run->change->grace_ms : GRACE_MS;
}

/* Gone, or ended and not yet waited for by its parent. */
static bool has_ended(int32_t pid)
{
	char path[64];
	TR_AUTO_FREE char *text = NULL;
	const char *state;
	struct tr_err ignored;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (tr_read_file(path, 4096, &text, NULL, &ignored) < 0)
		return true;
	state = strrchr(text, ')');
	return state && (strncmp(state, ") Z", 3) == 0 || strncmp(state, ") X", 3) == 0);
}

/* Ends processes that no runtime of ours holds: asked first, then made to. */
static int end_processes(
	struct tr_relayout *run, const struct tr_holder *holders, size_t n, struct tr_err *err)
{
	int64_t until_ms = tr_now_ms(&tr_clock_real) + grace_ms(run);

	for (size_t i = 0; i < n; i++) {
		tr_tell(run->change, TR_STEP_STOP, NULL, NULL, "pid %d (%s)", (int)holders[i].pid,
			*holders[i].command ? holders[i].command : "?");
		if (kill(holders[i].pid, SIGTERM) < 0 && errno != ESRCH)
			return tr_fail_errno(err, errno, "end pid %d", (int)holders[i].pid);
	}
	for (size_t i = 0; i < n;) {
		if (has_ended(holders[i].pid)) {
			i++;
			continue;
		}
		if (tr_now_ms(&tr_clock_real) >= until_ms + FIRM_MS)
			return tr_fail(err, TR_E_BUSY,
				"pid %d (%s) did not end within %d s of being killed: it hangs in "
				"the "
				"kernel",
				(int)holders[i].pid, holders[i].command, FIRM_MS / 1000);
		if (tr_now_ms(&tr_clock_real) >= until_ms)
			kill(holders[i].pid, SIGKILL);
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
	return 0;
}

static int evict(struct tr_relayout *run, const struct tr_card *card,
	const struct tr_card_slice *slice, struct tr_err *err)
{
	const struct tr_server *server = tr_scene_server_on(&run->scene, slice->uuid);
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	TR_AUTO_BUF users = { 0 };
	int64_t began_ms;
	size_t n = 0;

	if (tr_is_dry(run->change)) {
		if (tr_slice_users(run->node, &run->scene, card, slice, &users, err) < 0)
			return -(int)err->code;
		tr_tell(run->change, TR_STEP_STOP, NULL, NULL, "%s, on %s at %u:%u",
			tr_buf_str(&users), slice->profile, card->idx, slice->start);
		return 0;
	}
	if (server) {
		tr_tell(run->change, TR_STEP_STOP, NULL, NULL, "%s, which has to leave %s",
			server->name, slice->profile);
		began_ms = tr_now_ms(&tr_clock_real);
		if (server->runtime->stop(server->name, grace_ms(run), NULL, err) < 0)
			return tr_wrap(err, "stop '%s'", server->name);
		tr_took_note_server(run->node, TR_TOOK_STOP, server->stack, server->model,
			tr_now_ms(&tr_clock_real) - began_ms);
	}
	if (!slice->has_device)
		return 0;
	if (tr_holders_read(run->node, slice->device, &holders, &n, err) < 0)
		return -(int)err->code;
	return end_processes(run, holders, n, err);
}

/* --- One step --- */

static const struct tr_card *card_of(
	struct tr_relayout *run, const struct tr_journal_step *step, struct tr_err *err)
{
	const struct tr_cards *cards = run->cards.n ? &run->cards : &run->scene.cards;
	const struct tr_card *card = tr_card_by_uuid(cards, step->row.gpu_uuid);

	if (!card)
		tr_fail(err, TR_E_DRIVER, "the driver lists no %s any more", step->row.gpu_uuid);
	return card;
}

static int step_free(struct tr_relayout *run, const struct tr_card *card,
	const struct tr_journal_step *step, struct tr_err *err)
{
	const struct tr_card_slice *slice = tr_card_slice_at(card, step->row.start);
	TR_AUTO_BUF command = { 0 }, users = { 0 };
	struct tr_err ignored;

	if (!slice)
		return 0;
	if (step->kind == TR_JOURNAL_EVICT && evict(run, card, slice, err) < 0)
		return -(int)err->code;
	tr_cut_destroy_text(card, slice, &command);
	tr_tell(run->change, TR_STEP_FREE, NULL, tr_buf_str(&command), "%s at %u:%u",
		slice->profile, card->idx, slice->start);
	if (tr_is_dry(run->change))
		return 0;
	if (tr_cut_free(run->node, card, slice->start, err) == 0)
		return 0;
	if (err->code == TR_E_BUSY &&
		tr_slice_users(run->node, &run->scene, card, slice, &users, &ignored) == 0 &&
		users.len)
		tr_wrap(err, "in use by %s", users.s);
	return -(int)err->code;
}

static int step_cut(struct tr_relayout *run, const struct tr_card *card,
	const struct tr_journal_step *step, struct tr_err *err)
{
	const struct tr_plan_profile *profile = tr_card_profile(card, step->row.profile_id);
	TR_AUTO_BUF command = { 0 };
	struct tr_row row = step->row;

	if (!profile)
		return tr_fail(err, TR_E_DRIVER, "GPU %u has no profile %u any more", card->idx,
			step->row.profile_id);
	tr_cut_make_text(card, profile, row.start, &command);
	tr_tell(run->change, TR_STEP_CUT, NULL, tr_buf_str(&command), "%s at %u:%u", profile->name,
		card->idx, row.start);
	if (tr_is_dry(run->change))
		return 0;
	row.is_cut = false;
	if (tr_store_rows_put(run->node->store, run->node->name, &row, 1, err) < 0 ||
		tr_cut_make(run->node, card, profile, row.start, err) < 0)
		return -(int)err->code;
	row.is_cut = true;
	return tr_store_rows_put(run->node->store, run->node->name, &row, 1, err);
}

static int step_mig(
	struct tr_relayout *run, const struct tr_card *card, bool on, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene now = { 0 };
	TR_AUTO_BUF command = { 0 };

	tr_mig_text(card, on, &command);
	tr_tell(run->change, on ? TR_STEP_MIG_ON : TR_STEP_MIG_OFF, NULL, tr_buf_str(&command),
		"GPU %u (%s)", card->idx, card->name);
	if (tr_is_dry(run->change))
		return 0;
	/* What was freed before this step must not stand in its way. */
	if (tr_scene_read(run->node, /* with_servers= */ run->scene.servers.n > 0, &now, err) < 0 ||
		tr_mig_change(run->node, &now, &now.cards.v[card->idx], on, err) < 0)
		return -(int)err->code;
	tr_cards_done(&run->cards);
	return tr_cards_read(run->node, &run->cards, err);
}

static int take_step(
	struct tr_relayout *run, const struct tr_journal_step *step, struct tr_err *err)
{
	const struct tr_card *card = card_of(run, step, err);

	if (!card)
		return -(int)err->code;
	switch (step->kind) {
	case TR_JOURNAL_FREE:
	case TR_JOURNAL_EVICT:
		return step_free(run, card, step, err);
	case TR_JOURNAL_CUT:
		return step_cut(run, card, step, err);
	default:
		return step_mig(run, card, step->kind == TR_JOURNAL_MIG_ON, err);
	}
}

static void tell_kept(const struct tr_relayout *run)
{
	for (size_t i = 0; i < run->plan.n; i++) {
		const struct tr_card_plan *plan = &run->plan.v[i];

		for (size_t s = 0; s < plan->recut.n; s++)
			if (plan->recut.v[s].kind == TR_RECUT_KEEP)
				tr_tell(run->change, TR_STEP_KEPT, NULL, NULL, "%s at %u:%u",
					plan->recut.v[s].profile ? plan->recut.v[s].profile->name
								 : "a slice",
					plan->wish->card->idx, plan->recut.v[s].start);
	}
}

int tr_relayout_take(struct tr_relayout *run, struct tr_err *err)
{
	struct tr_store *store = run->node->store;
	bool is_dry = tr_is_dry(run->change);

	if (is_dry)
		tell_kept(run);
	for (size_t i = run->n_told; i < run->journal.n; i++) {
		if (!is_dry && tr_is_stopped(run->change))
			return tr_fail(err, TR_E_INTERRUPTED, "interrupted");
		if (!is_dry &&
			tr_journal_mark(store, run->node->name, i, TR_JOURNAL_BEGUN, err) < 0)
			return -(int)err->code;
		run->journal.v[i].state = TR_JOURNAL_BEGUN;
		if (take_step(run, &run->journal.v[i], err) < 0)
			return -(int)err->code;
		if (!is_dry && tr_journal_mark(store, run->node->name, i, TR_JOURNAL_DONE, err) < 0)
			return -(int)err->code;
		run->journal.v[i].state = TR_JOURNAL_DONE;
	}
	return 0;
}
