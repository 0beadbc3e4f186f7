/* SPDX-License-Identifier: Apache-2.0 */
#include "core/apply.h"

#include "base/err.h"
#include "core/cut.h"
#include "core/tell.h"
#include "core/took.h"
#include "sim/state/state.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_ROUNDS =
		4, /* steps taken once leave nothing; more means that somebody works against us */
	READY_MS = 10 * 60 * 1000,
	POLL_MS = 25,
	LOOK_MS = 1000, /* between looks at what the runtime says, which costs more than a probe */
	LOG_LINES = 12,
	LOG_BYTES = 900,
};

/* --- Looking --- */

/* A server whose slice has no row any more (a lost store) speaks for it: its labels are ours. */
static int adopt(
	struct tr_node *node, const struct tr_scene *scene, bool *ret_changed, struct tr_err *err)
{
	for (size_t c = 0; c < scene->cards.n; c++) {
		const struct tr_card *card = &scene->cards.v[c];

		for (size_t s = 0; s < card->n_slices; s++) {
			const struct tr_card_slice *slice = &card->slices[s];
			const struct tr_server *server = tr_scene_server_on(scene, slice->uuid);
			const struct tr_plan_profile *profile =
				tr_card_profile(card, slice->profile_id);
			struct tr_row row;

			if (!server || !profile || tr_scene_row(scene, card, slice))
				continue;
			tr_cut_row(card, profile, slice->start, server->stack, server->model,
				server->replica, &row);
			row.is_cut = true;
			*ret_changed = true;
			if (tr_store_rows_put(node->store, node->name, &row, 1, err) < 0)
				return -(int)err->code;
		}
	}
	return 0;
}

int tr_stack_look(struct tr_node *node, const struct tr_change *change, struct tr_scene *ret,
	struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	bool swept = false, adopted = false;

	if (!tr_is_dry(change))
		tr_servers_sweep();
	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	if (!tr_is_dry(change) && (tr_cut_sweep(node, &scene, change, &swept, err) < 0 ||
					  adopt(node, &scene, &adopted, err) < 0))
		return -(int)err->code;
	if (swept || adopted) {
		tr_scene_done(&scene);
		if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
			return -(int)err->code;
	}
	*ret = scene;
	scene = (struct tr_scene){ 0 };
	return 0;
}

/* On a virtual node a server's memory is shown by a row that binds its cgroup to its slice. */
static int bind_servers(struct tr_stack_run *run, struct tr_err *err)
{
	for (size_t i = 0; run->node->is_virtual && i < run->scene.servers.n; i++) {
		const struct tr_server *server = &run->scene.servers.v[i];
		int r;

		if (server->state != TR_SERVER_RUNNING || !server->cgroup || !server->slice_uuid)
			continue;
		r = tr_sim_bind(run->node->name, server->slice_uuid, server->cgroup, err);
		/* A slice or cgroup that is gone by now belongs to a server that has just ended. */
		if (r < 0 && r != -TR_E_NOT_FOUND)
			return tr_wrap(err, "'%s'", server->name);
	}
	return 0;
}

/* --- Before anything is cut --- */

static bool is_freed_by_us(const struct tr_actions *actions, uint16_t port)
{
	for (size_t i = 0; i < actions->n; i++)
		if (actions->v[i].server && actions->v[i].kind == TR_STEP_STOP &&
			actions->v[i].server->port == port)
			return true;
	return false;
}

static int check_port(
	const struct tr_want *want, const struct tr_actions *actions, struct tr_err *err)
{
	struct tr_err inner = { 0 };

	if (!want->port || is_freed_by_us(actions, want->port) ||
		tr_port_check(want->port, &inner) == 0)
		return 0;
	tr_stack_fail(want->stack, want->model->at_port, err, "model '%s': %s", want->model->name,
		inner.msg);
	err->code = inner.code;
	return tr_hint(err, "name another port, or leave 'port' out: a free one is taken then");
}

static bool is_image_known(const struct tr_spec *spec, const char *const *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (spec->s.image && known[i] && strcmp(spec->s.image, known[i]) == 0)
			return true;
	return false;
}

static int check_start(struct tr_stack_run *run, const struct tr_actions *actions,
	const struct tr_action *action, struct tr_spec *spec, struct tr_err *err)
{
	if (tr_want_check(action->want, !tr_is_dry(run->change), err) < 0 ||
		check_port(action->want, actions, err) < 0 ||
		tr_stack_spec(run, action, /* with_port= */ false, spec, err) < 0)
		return -(int)err->code;
	return 0;
}

struct pull {
	const struct tr_change *change;
	const char *who;
};

static void tell_pull(void *arg, const char *image)
{
	const struct pull *pull = arg;

	tr_tell(pull->change, TR_STEP_PULL, pull->who, NULL, "%s", image);
}

static int prepare(struct tr_stack_run *run, const struct tr_want *want, const struct tr_spec *spec,
	struct tr_err *err)
{
	struct pull pull = { run->change, want->who };
	const struct tr_prepare how = { .stop_flag = run->change ? run->change->stop_flag : NULL,
		.on_pull = tell_pull,
		.arg = &pull };
	struct tr_err inner = { 0 };

	if (tr_is_dry(run->change) && run->runtime->needs_pull(&spec->s))
		tell_pull(&pull, spec->s.image);
	if (tr_is_dry(run->change) || run->runtime->prepare(&spec->s, &how, &inner) == 0)
		return 0;
	tr_stack_fail(want->stack,
		want->model->at_image.line ? want->model->at_image : want->model->at, err,
		"model '%s': %s", want->model->name, inner.msg);
	err->code = inner.code;
	return tr_hint(err, "%s", inner.hint);
}

int tr_stack_check(struct tr_stack_run *run, const struct tr_actions *actions, struct tr_err *err)
{
	struct tr_spec *specs = calloc(actions->n + 1, sizeof(*specs));
	const char **images = calloc(actions->n + 1, sizeof(*images));
	size_t n = 0;
	int r = 0;

	if (!specs || !images)
		r = tr_fail(err, TR_E_NO_MEMORY, "check the stack: out of memory");
	for (size_t i = 0; r == 0 && i < actions->n; i++) {
		const struct tr_action *action = &actions->v[i];

		if (action->kind != TR_STEP_START)
			continue;
		r = tr_is_dry(run->change) ? 0 : tr_spec_check_tool(run->node, run->runtime, err);
		if (r == 0)
			r = check_start(run, actions, action, &specs[n], err);
		if (r == 0 && !is_image_known(&specs[n], images, n))
			r = prepare(run, action->want, &specs[n], err);
		images[n] = specs[n].s.image;
		n++;
	}
	for (size_t i = 0; specs && i < n; i++)
		tr_spec_done(&specs[i]);
	free(specs);
	free(images);
	return r;
}

/* --- Servers that do not come up --- */

void tr_server_why(const struct tr_server *server, char *ret, size_t size)
{
	if (server->oom_killed)
		snprintf(ret, size, "out of memory in its slice");
	else if (server->exit_code > 128 && server->exit_code < 128 + 65)
		snprintf(ret, size, "signal %d (%s)", server->exit_code - 128,
			strsignal(server->exit_code - 128));
	else
		snprintf(ret, size, "exit code %d", server->exit_code);
}

/* The end of a log, cut to what an error object holds; from the start of a line. */
static void add_log(struct tr_stack_run *run, const struct tr_want *want, struct tr_buf *ret)
{
	TR_AUTO_BUF log = { 0 };
	struct tr_err ignored;
	const char *text;

	if (run->runtime->tail(want->server, LOG_LINES, &log, &ignored) < 0 || log.len == 0) {
		tr_buf_puts(ret, "; it wrote no log");
		return;
	}
	text = log.s;
	if (log.len > LOG_BYTES) {
		text += log.len - LOG_BYTES;
		text = strchr(text, '\n') ? strchr(text, '\n') + 1 : text;
	}
	tr_buf_addf(ret, "; its log ends:\n%s", text);
	while (ret->len > 0 && ret->s[ret->len - 1] == '\n')
		ret->s[--ret->len] = '\0';
}

static int has_died(struct tr_stack_run *run, const struct tr_want *want,
	const struct tr_server *server, struct tr_err *err)
{
	TR_AUTO_BUF log = { 0 };
	char why[128];

	tr_server_why(server, why, sizeof(why));
	add_log(run, want, &log);
	tr_fail(err, TR_E_SERVER, "%s ended: %s%s", want->who, why, tr_buf_str(&log));
	return tr_hint(
		err, "tranche logs %s/%s   shows the whole log", want->stack->name, want->who);
}

static const struct tr_server *server_of(const struct tr_stack_run *run, const struct tr_want *want)
{
	for (size_t i = 0; i < run->scene.servers.n; i++)
		if (strcmp(run->scene.servers.v[i].name, want->server) == 0)
			return &run->scene.servers.v[i];
	return NULL;
}

/* When this run started a server; NULL when it did not. */
static const struct tr_begun *begun_of(const struct tr_stack_run *run, const struct tr_want *want)
{
	for (size_t i = 0; i < run->n_begun; i++)
		if (run->begun[i].kind == TR_STEP_START && run->begun[i].want == want)
			return &run->begun[i];
	return NULL;
}

static bool was_begun(const struct tr_stack_run *run, const struct tr_want *want)
{
	return begun_of(run, want) != NULL;
}

/* A server that this run started and that has ended is a failure, not one to start again; with
 * `all`, one that ran before, too. */
static int check_alive(struct tr_stack_run *run, bool all, struct tr_err *err)
{
	for (size_t i = 0; i < run->wants.n; i++) {
		const struct tr_want *want = &run->wants.v[i];
		const struct tr_server *server = server_of(run, want);

		if (!all && !was_begun(run, want))
			continue;
		if (server && server->state == TR_SERVER_EXITED)
			return has_died(run, want, server, err);
		if (!server)
			return tr_fail(err, TR_E_SERVER,
				"%s is gone: somebody removed its container or process", want->who);
	}
	return 0;
}

/* --- Waiting until all answer --- */

struct waiting {
	bool *ready;
	size_t n_ready;
	bool is_first; /* the first look: what ran before and answers is not worth a line */
	int64_t began_ms, looked_ms;
};

static int look_again(struct tr_stack_run *run, struct waiting *w, struct tr_err *err)
{
	struct tr_servers servers = { 0 };

	/* Only this stack's servers matter, and only whether they live. */
	if (tr_servers_list(&servers, err) < 0)
		return -(int)err->code;
	tr_servers_done(&run->scene.servers);
	run->scene.servers = servers;
	w->looked_ms = tr_now_ms(&tr_clock_real);
	return check_alive(run, /* all= */ true, err);
}

static bool is_alive(const struct tr_server *server)
{
	return server && server->pid > 0 && kill(server->pid, 0) == 0;
}

static void probe(struct tr_stack_run *run, struct waiting *w)
{
	for (size_t i = 0; i < run->wants.n; i++) {
		const struct tr_want *want = &run->wants.v[i];
		const struct tr_server *server = server_of(run, want);
		const struct tr_begun *begun = begun_of(run, want);

		if (w->ready[i] || !server || !server->port ||
			tr_probe_ready(server->port, want->model->engine->ready_path) != 1)
			continue;
		w->ready[i] = true;
		w->n_ready++;
		if (begun)
			tr_took_note_server(run->node, TR_TOOK_START, run->stack_name,
				want->model->name, tr_now_ms(&tr_clock_real) - begun->at_ms);
		else if (w->is_first)
			continue;
		tr_tell(run->change, TR_STEP_READY, want->who, NULL, "http://127.0.0.1:%u",
			server->port);
	}
}

static int too_late(
	struct tr_stack_run *run, const struct waiting *w, int64_t limit_ms, struct tr_err *err)
{
	for (size_t i = 0; i < run->wants.n; i++) {
		TR_AUTO_BUF log = { 0 };

		if (w->ready[i])
			continue;
		add_log(run, &run->wants.v[i], &log);
		tr_fail(err, TR_E_TIMEOUT, "%s did not answer within %lld s%s", run->wants.v[i].who,
			(long long)(limit_ms / 1000), tr_buf_str(&log));
		return tr_hint(err, "tranche up --timeout SECONDS   waits longer");
	}
	return 0;
}

static int wait_loop(struct tr_stack_run *run, struct waiting *w, struct tr_err *err)
{
	int64_t limit_ms =
		run->change && run->change->ready_ms > 0 ? run->change->ready_ms : READY_MS;

	for (probe(run, w); w->n_ready < run->wants.n; probe(run, w)) {
		int64_t now_ms = tr_now_ms(&tr_clock_real);
		bool all_alive = true;

		w->is_first = false;

		if (tr_is_stopped(run->change))
			return tr_fail(err, TR_E_INTERRUPTED, "interrupted while loading");
		for (size_t i = 0; i < run->wants.n; i++)
			all_alive = all_alive &&
				    (w->ready[i] || is_alive(server_of(run, &run->wants.v[i])));
		if ((!all_alive || now_ms - w->looked_ms >= LOOK_MS) && look_again(run, w, err) < 0)
			return -(int)err->code;
		if (now_ms - w->began_ms > limit_ms)
			return too_late(run, w, limit_ms, err);
		tr_sleep_ms(&tr_clock_real, POLL_MS);
	}
	return 0;
}

static int wait_ready(struct tr_stack_run *run, struct tr_err *err)
{
	TR_AUTO_FREE char *room = calloc(run->wants.n + 1, sizeof(bool));
	struct waiting w = { .ready = (bool *)room,
		.is_first = true,
		.began_ms = tr_now_ms(&tr_clock_real),
		.looked_ms = tr_now_ms(&tr_clock_real) };

	if (!room)
		return tr_fail(err, TR_E_NO_MEMORY, "wait for the models: out of memory");
	for (size_t i = 0; i < run->wants.n; i++)
		if (was_begun(run, &run->wants.v[i]))
			tr_tell(run->change, TR_STEP_LOADING, run->wants.v[i].who, NULL,
				"waits until it answers");
	return wait_loop(run, &w, err);
}

/* --- The loop --- */

static int take_steps(
	struct tr_stack_run *run, bool is_first, bool *ret_settled, struct tr_err *err)
{
	const struct tr_stack_wish wish = { run->stack_name, &run->wants, run->plans };
	TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 };

	if (tr_stack_diff(&run->scene, &wish, &actions, err) < 0)
		return -(int)err->code;
	*ret_settled = tr_actions_is_settled(&actions);
	if (is_first && tr_stack_check(run, &actions, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < actions.n; i++) {
		if (!is_first && actions.v[i].kind == TR_STEP_KEPT)
			continue;
		if (tr_stack_step(run, &actions.v[i], err) < 0)
			return -(int)err->code;
	}
	return tr_stack_end_stops(run, err);
}

int tr_stack_apply(struct tr_stack_run *run, struct tr_err *err)
{
	bool settled = false;

	for (int round = 0; round < MAX_ROUNDS && !settled; round++) {
		tr_scene_done(&run->scene);
		tr_cards_done(&run->cards);
		if (tr_stack_look(run->node, run->change, &run->scene, err) < 0 ||
			check_alive(run, /* all= */ false, err) < 0 || bind_servers(run, err) < 0 ||
			take_steps(run, round == 0, &settled, err) < 0)
			return -(int)err->code;
		if (tr_is_dry(run->change))
			return 0;
	}
	if (!settled)
		return tr_fail(err, TR_E_BUSY,
			"the node does not come to rest: something else changes it meanwhile");
	return run->stack ? wait_ready(run, err) : 0;
}
