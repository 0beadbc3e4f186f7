/* SPDX-License-Identifier: Apache-2.0 */
#include "core/step.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/cut.h"
#include "core/mig.h"
#include "core/tell.h"

#include <stdio.h>
#include <string.h>

enum { GRACE_MS = 10000 };

int tr_log_path(const char *node, const char *stack, const char *model, uint32_t replica, char *ret,
	struct tr_err *err)
{
	char dir[PATH_MAX];
	TR_AUTO_BUF rest = { 0 };

	tr_buf_addf(&rest, "logs/%s/%s/%s-%u.log", node, stack, model, replica);
	if (tr_buf_ok(&rest, err) < 0 || tr_state_dir(dir, err) < 0)
		return -(int)err->code;
	return tr_path_join(dir, rest.s, ret, err);
}

/* --- The run --- */

int tr_stack_run_init(struct tr_stack_run *run, struct tr_node *node,
	const struct tr_change *change, const char *stack_name, const struct tr_stack *stack,
	const struct tr_runtime *runtime, struct tr_err *err)
{
	*run = (struct tr_stack_run){ .node = node,
		.change = change,
		.stack_name = stack_name,
		.stack = stack,
		.runtime = runtime,
		.tells_kept = true };
	if (stack && tr_wants_make(node, stack, runtime, &run->wants, err) < 0)
		return -(int)err->code;
	run->plans = calloc(run->wants.n + 1, sizeof(*run->plans));
	if (!run->plans)
		return tr_fail(err, TR_E_NO_MEMORY, "plan the stack: out of memory");
	for (size_t i = 0; i < run->wants.n; i++)
		if (tr_want_plan(node, &run->wants.v[i], &run->plans[i], err) < 0)
			return -(int)err->code;
	return 0;
}

void tr_stack_run_done(struct tr_stack_run *run)
{
	tr_stops_done(&run->stops);
	tr_scene_done(&run->scene);
	tr_cards_done(&run->cards);
	tr_wants_done(&run->wants);
	free(run->plans);
	free(run->begun);
	*run = (struct tr_stack_run){ 0 };
}

static const struct tr_card *card_of(const struct tr_stack_run *run, const struct tr_action *action)
{
	return &run->scene.cards.v[action->gpu_idx];
}

/* Remembered before the deed: an undo of what was not done is harmless, the reverse is not. */
static int begin(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	struct tr_begun *begun;

	if (run->n_begun == run->cap_begun) {
		size_t cap = run->cap_begun ? 2 * run->cap_begun : 16;
		struct tr_begun *more = realloc(run->begun, cap * sizeof(*more));

		if (!more)
			return tr_fail(err, TR_E_NO_MEMORY, "remember the steps: out of memory");
		run->begun = more;
		run->cap_begun = cap;
	}
	begun = &run->begun[run->n_begun++];
	*begun = (struct tr_begun){ .kind = action->kind,
		.want = action->want,
		.start = action->start,
		.at_ms = tr_now_ms(&tr_clock_real) };
	snprintf(begun->gpu_uuid, sizeof(begun->gpu_uuid), "%s", card_of(run, action)->uuid);
	return 0;
}

/* --- Servers --- */

static int64_t grace_ms(const struct tr_stack_run *run)
{
	return run->change && run->change->grace_ms > 0 ? run->change->grace_ms : GRACE_MS;
}

/* Adds a server to those that are to be stopped. */
static int put_stop(
	struct tr_stack_run *run, const struct tr_server *server, bool keep_log, struct tr_err *err)
{
	struct tr_stop stop = { .runtime = server->runtime };
	char dir[PATH_MAX];

	snprintf(stop.name, sizeof(stop.name), "%s", server->name);
	snprintf(stop.who, sizeof(stop.who), "%s-%u", server->model, server->replica);
	if (server->state == TR_SERVER_RUNNING) {
		snprintf(stop.stack, sizeof(stop.stack), "%s", server->stack);
		snprintf(stop.model, sizeof(stop.model), "%s", server->model);
	}
	if (!keep_log)
		return tr_stops_add(&run->stops, &stop, err);
	if (tr_log_path(run->node->name, server->stack, server->model, server->replica, stop.log,
		    err) < 0)
		return -(int)err->code;
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(stop.log, '/') - stop.log), stop.log);
	if (tr_mkdir_p(dir, 0700, err) < 0)
		return -(int)err->code;
	return tr_stops_add(&run->stops, &stop, err);
}

int tr_stack_end_stops(struct tr_stack_run *run, struct tr_err *err)
{
	return tr_stops_run(&run->stops, run->node, grace_ms(run), err);
}

static int step_stop(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	const struct tr_server *server = action->server;
	char who[96];

	snprintf(who, sizeof(who), "%s-%u", server->model, server->replica);
	if (run->stack)
		tr_tell(run->change, action->kind, who, NULL, "%s", action->why);
	else
		tr_tell(run->change, action->kind, who, NULL, "%s", server->name);
	if (tr_is_dry(run->change))
		return 0;
	run->stopped_any = run->stopped_any || server->state == TR_SERVER_RUNNING;
	return put_stop(run, server, server->state == TR_SERVER_EXITED, err);
}

/* Ports of this stack's file and of every server on the machine: not to be picked. */
static int pick_port(
	struct tr_stack_run *run, const struct tr_want *want, uint16_t *ret, struct tr_err *err)
{
	size_t n = 0, max = run->wants.n + run->scene.servers.n + run->n_begun;
	TR_AUTO_FREE char *room = calloc(max + 1, sizeof(uint16_t));
	uint16_t *taken = (uint16_t *)(void *)room;

	if (want->port) {
		*ret = want->port;
		return 0;
	}
	if (!taken)
		return tr_fail(err, TR_E_NO_MEMORY, "pick a port: out of memory");
	for (size_t i = 0; i < run->wants.n; i++)
		if (run->wants.v[i].port)
			taken[n++] = run->wants.v[i].port;
	for (size_t i = 0; i < run->scene.servers.n; i++)
		if (run->scene.servers.v[i].port)
			taken[n++] = run->scene.servers.v[i].port;
	return tr_port_pick(taken, n, ret, err);
}

/* The slice that an action starts on, as it is now; NULL while it is not cut. */
static const struct tr_card_slice *slice_now(
	struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	if (run->cards.n == 0 && tr_cards_read(run->node, &run->cards, err) < 0)
		return NULL;
	return tr_card_slice_at(&run->cards.v[action->gpu_idx], action->start);
}

int tr_stack_spec(struct tr_stack_run *run, const struct tr_action *action, bool with_port,
	struct tr_spec *ret, struct tr_err *err)
{
	const struct tr_card *card = card_of(run, action);
	const struct tr_plan_profile *profile = tr_card_profile(card, action->profile_id);
	struct tr_place place = { .port = action->want->port };
	const struct tr_card_slice *slice = NULL;

	err->code = TR_E_OK;
	if (!action->is_whole)
		slice = slice_now(run, action, err);
	if (err->code != TR_E_OK)
		return -(int)err->code;
	if (action->is_whole) {
		snprintf(place.uuid, sizeof(place.uuid), "%s", card->uuid);
		place.memory_mib = card->memory_bytes >> 20;
	} else {
		place.is_planned =
			!slice || !slice->has_device || slice->profile_id != action->profile_id;
		place.memory_mib = profile ? profile->memory_mib : 0;
		if (place.is_planned)
			snprintf(place.uuid, sizeof(place.uuid), "MIG-<%u:%u>", action->gpu_idx,
				action->start);
		else
			snprintf(place.uuid, sizeof(place.uuid), "%s", slice->uuid);
	}
	if (with_port && pick_port(run, action->want, &place.port, err) < 0)
		return -(int)err->code;
	return tr_spec_make(run->node, action->want, run->runtime, &place, ret, err);
}

/* A container that a killed run made and never started bears the name: it is cleared away once. */
static int start(struct tr_stack_run *run, const struct tr_spec *spec, struct tr_err *err)
{
	int r = run->runtime->start(&spec->s, err);

	if (r != -TR_E_EXISTS)
		return r;
	tr_tell(run->change, TR_STEP_CLEAN, NULL, NULL, "%s, which an earlier run left",
		spec->s.name);
	if (run->runtime->stop(spec->s.name, grace_ms(run), NULL, err) < 0)
		return -(int)err->code;
	return run->runtime->start(&spec->s, err);
}

static int step_start(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	TR_AUTO(tr_spec_done) struct tr_spec spec = { 0 };
	TR_AUTO_BUF command = { 0 };

	if (tr_stack_spec(run, action, /* with_port= */ true, &spec, err) < 0 ||
		run->runtime->describe(&spec.s, &command, err) < 0)
		return tr_wrap(err, "start %s", action->want->who);
	if (tr_spec_ready(run->node, run->runtime, &spec, run->has_new_slice, run->change, err) < 0)
		return tr_wrap(err, "start %s", action->want->who);
	run->has_new_slice = false;
	tr_tell(run->change, TR_STEP_START, action->want->who, tr_buf_str(&command),
		"127.0.0.1:%u on %s", spec.place.port,
		spec.place.is_planned ? "its new slice" : spec.place.uuid);
	if (tr_is_dry(run->change))
		return 0;
	if (spec.place.is_planned)
		return tr_fail(err, TR_E_DRIVER, "start %s: its slice at %u:%u is gone",
			action->want->who, action->gpu_idx, action->start);
	if (begin(run, action, err) < 0 || start(run, &spec, err) < 0)
		return tr_wrap(err, "start %s", action->want->who);
	return 0;
}

/* --- Slices --- */

static int step_cut(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	const struct tr_card *card = card_of(run, action);
	const struct tr_plan_profile *profile = tr_card_profile(card, action->profile_id);
	TR_AUTO_BUF command = { 0 };
	struct tr_row row;

	tr_cut_make_text(card, profile, action->start, &command);
	tr_tell(run->change, TR_STEP_CUT, action->want->who, tr_buf_str(&command), "%s at %u:%u",
		profile->name, card->idx, action->start);
	run->has_new_slice = true;
	if (tr_is_dry(run->change))
		return 0;
	tr_cut_row(card, profile, action->start, run->stack_name, action->want->model->name,
		action->want->replica, &row);
	tr_cards_done(&run->cards);
	if (begin(run, action, err) < 0 ||
		tr_store_rows_put(run->node->store, run->node->name, &row, 1, err) < 0 ||
		tr_cut_make(run->node, card, profile, action->start, err) < 0)
		return -(int)err->code;
	row.is_cut = true;
	return tr_store_rows_put(run->node->store, run->node->name, &row, 1, err);
}

/* Adds who holds a slice to an error that says it is in use. */
static int name_holders(
	struct tr_stack_run *run, const struct tr_card_slice *slice, struct tr_err *err)
{
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	TR_AUTO_BUF who = { 0 };
	struct tr_err ignored;
	size_t n = 0;

	if (err->code != TR_E_BUSY || !slice->has_device ||
		tr_holders_read(run->node, slice->device, &holders, &n, &ignored) < 0 || n == 0)
		return -(int)err->code;
	tr_holders_name(holders, n, &who);
	tr_wrap(err, "held by %s", tr_buf_str(&who));
	return tr_hint(err, "stop it, then type the command again");
}

static int step_free(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	const struct tr_card *card = card_of(run, action);
	const struct tr_card_slice *slice = tr_card_slice_at(card, action->start);
	TR_AUTO_BUF command = { 0 };

	tr_cut_destroy_text(card, slice, &command);
	tr_tell(run->change, TR_STEP_FREE, NULL, tr_buf_str(&command), "%s at %u:%u",
		slice->profile, card->idx, action->start);
	if (tr_is_dry(run->change))
		return 0;
	tr_cards_done(&run->cards);
	if (tr_cut_free(run->node, card, action->start, err) < 0)
		return name_holders(run, slice, err);
	return 0;
}

static int step_mig(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	const struct tr_card *card = card_of(run, action);
	bool on = action->kind == TR_STEP_MIG_ON;
	TR_AUTO(tr_scene_done) struct tr_scene now = { 0 };
	TR_AUTO_BUF command = { 0 };

	tr_mig_text(card, on, &command);
	tr_tell(run->change, action->kind, NULL, tr_buf_str(&command), "GPU %u (%s)", card->idx,
		card->name);
	if (tr_is_dry(run->change))
		return 0;
	tr_cards_done(&run->cards);
	/* What was stopped and freed before this step must not stand in its way. */
	if (begin(run, action, err) < 0 ||
		tr_scene_read(run->node, /* with_servers= */ true, &now, err) < 0)
		return -(int)err->code;
	return tr_mig_change(run->node, &now, &now.cards.v[action->gpu_idx], on, err);
}

int tr_stack_step(struct tr_stack_run *run, const struct tr_action *action, struct tr_err *err)
{
	if (!tr_is_dry(run->change) && tr_is_stopped(run->change))
		return tr_fail(err, TR_E_INTERRUPTED, "interrupted");
	if (action->kind != TR_STEP_KEPT && action->kind != TR_STEP_STOP &&
		action->kind != TR_STEP_CLEAN && tr_stack_end_stops(run, err) < 0)
		return -(int)err->code;
	switch (action->kind) {
	case TR_STEP_KEPT:
		if (run->tells_kept)
			tr_tell(run->change, TR_STEP_KEPT, action->want->who, NULL,
				"runs as it should");
		return 0;
	case TR_STEP_STOP:
	case TR_STEP_CLEAN:
		return step_stop(run, action, err);
	case TR_STEP_FREE:
		return step_free(run, action, err);
	case TR_STEP_MIG_ON:
	case TR_STEP_MIG_OFF:
		return step_mig(run, action, err);
	case TR_STEP_CUT:
		return step_cut(run, action, err);
	case TR_STEP_START:
		return step_start(run, action, err);
	default:
		return 0;
	}
}

/* --- Taking back --- */

static int undo_start(struct tr_stack_run *run, const struct tr_begun *begun, struct tr_err *err)
{
	const struct tr_want *want = begun->want;
	const struct tr_server server = { .name = (char *)(uintptr_t)want->server,
		.stack = want->stack->name,
		.model = want->model->name,
		.replica = want->replica,
		.runtime = run->runtime };

	tr_tell(run->change, TR_STEP_STOP, want->who, NULL, "taken back");
	return put_stop(run, &server, /* keep_log= */ true, err);
}

/* All that were started go beside each other. */
static void undo_starts(struct tr_stack_run *run)
{
	struct tr_err why = { 0 };

	/* What an interrupted run meant to stop and did not runs on. */
	run->stops.n = 0;
	for (; run->n_begun > 0 && run->begun[run->n_begun - 1].kind == TR_STEP_START;
		run->n_begun--)
		if (undo_start(run, &run->begun[run->n_begun - 1], &why) < 0)
			tr_tell(run->change, TR_STEP_NOTE, NULL, NULL, "not taken back: %s",
				why.msg);
	if (tr_stack_end_stops(run, &why) < 0)
		tr_tell(run->change, TR_STEP_NOTE, NULL, NULL, "not taken back: %s", why.msg);
}

static int undo_one(struct tr_stack_run *run, const struct tr_begun *begun,
	const struct tr_scene *now, struct tr_err *err)
{
	const struct tr_card *card = tr_card_by_uuid(&now->cards, begun->gpu_uuid);

	if (!card)
		return 0;
	if (begun->kind == TR_STEP_CUT) {
		tr_tell(run->change, TR_STEP_FREE, begun->want->who, NULL, "%u:%u, taken back",
			card->idx, begun->start);
		return tr_cut_free(run->node, card, begun->start, err);
	}
	if (card->mig_on != (begun->kind == TR_STEP_MIG_ON))
		return 0;
	tr_tell(run->change, begun->kind == TR_STEP_MIG_ON ? TR_STEP_MIG_OFF : TR_STEP_MIG_ON, NULL,
		NULL, "GPU %u, taken back", card->idx);
	return tr_mig_change(run->node, now, card, begun->kind != TR_STEP_MIG_ON, err);
}

void tr_stack_undo(struct tr_stack_run *run)
{
	for (undo_starts(run); run->n_begun > 0; undo_starts(run)) {
		const struct tr_begun *begun = &run->begun[--run->n_begun];
		TR_AUTO(tr_scene_done) struct tr_scene now = { 0 };
		struct tr_err why = { 0 };

		/* Only the mode change asks who is on the card. */
		if (tr_scene_read(run->node, begun->kind == TR_STEP_MIG_ON, &now, &why) < 0 ||
			undo_one(run, begun, &now, &why) < 0)
			tr_tell(run->change, TR_STEP_NOTE, NULL, NULL, "not taken back: %s",
				why.msg);
	}
	tr_cards_done(&run->cards);
}
