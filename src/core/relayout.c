/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of layout from its beginning to its end, or back.
 *
 * The journal holds what stood before and what is to stand, as layouts with places. Going on and
 * going back are the same: a plan from what the cards hold now to one of the two. So it does not
 * matter at which instruction a run was killed, nor whether a half-made instance was left.
 */
#include "core/relayout.h"

#include "base/clock.h"
#include "base/err.h"
#include "core/tell.h"

#include <stdio.h>
#include <string.h>

enum { WAIT_POLL_MS = 200 };

static int64_t now_ms(void)
{
	return tr_now_ms(&tr_clock_real);
}

/* --- Plans --- */

/* Reads what is, and plans the way to a label. Replaces what an earlier try left in `run`. */
static int make_plan(struct tr_relayout *run, const struct tr_layout_file *file,
	const struct tr_layout_label *label, const struct tr_relayout_rules *rules,
	struct tr_err *err)
{
	tr_node_plan_done(&run->plan);
	tr_wishes_done(&run->wishes);
	tr_cards_done(&run->cards);
	tr_scene_done(&run->scene);
	if (tr_layout_scene(run->node, &run->scene, err) < 0 ||
		tr_wishes_make(&run->scene.cards, file, label, &run->wishes, err) < 0)
		return -(int)err->code;
	return tr_node_plan_make(run->node, &run->scene, &run->wishes, rules, &run->plan, err);
}

static int layout_text(const struct tr_layout_file *file, char **ret, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };

	tr_layout_write(file, /* stock= */ false, &text);
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	*ret = tr_buf_take(&text);
	return 0;
}

static int plan_text(const struct tr_node_plan *plan, bool after, char **ret, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;

	if (tr_layout_of_plan(plan, after, &file, err) < 0)
		return -(int)err->code;
	return layout_text(file, ret, err);
}

/* --- The end --- */

/* What stands now is what a reboot brings back. */
static int close_journal(struct tr_relayout *run, const char *label, struct tr_err *err)
{
	TR_AUTO(tr_cards_done) struct tr_cards cards = { 0 };
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;
	TR_AUTO_FREE char *text = NULL;

	if (!label)
		return tr_journal_close(run->node->store, run->node->name, NULL, NULL, err);
	if (tr_cards_read(run->node, &cards, err) < 0 ||
		tr_layout_of_cards(&cards, /* by_uuid= */ true, "last", &file, err) < 0 ||
		layout_text(file, &text, err) < 0)
		return -(int)err->code;
	return tr_journal_close(run->node->store, run->node->name, label, text, err);
}

static int finish(struct tr_relayout *run, const char *label, struct tr_err *err)
{
	struct tr_err of_servers = { 0 };
	int r;

	if (tr_relayout_settle(run, err) < 0)
		return -(int)err->code;
	r = tr_relayout_restart(run, &of_servers);
	/* The layout stands, whether or not a server came up again on it. */
	if (close_journal(run, label, err) < 0)
		return -(int)err->code;
	if (r < 0)
		*err = of_servers;
	return r;
}

/* --- On, or back --- */

static int go_to(struct tr_relayout *run, bool back, struct tr_err *err)
{
	const char *text = back ? run->journal.before : run->journal.after;
	const struct tr_relayout_rules rules = { .only = &run->journal };
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;
	size_t n = run->journal.n;

	if (tr_layout_parse("<journal>", text, strlen(text), &file, err) < 0 ||
		make_plan(run, file, &file->labels[0], &rules, err) < 0 ||
		tr_relayout_put_steps(run, err) < 0)
		return -(int)err->code;
	if (tr_is_dry(run->change))
		return tr_relayout_take(run, err);
	if (run->journal.n > n && tr_journal_add(run->node->store, run->node->name, n,
					  run->journal.v + n, run->journal.n - n, err) < 0)
		return -(int)err->code;
	if (tr_relayout_take(run, err) < 0)
		return -(int)err->code;
	return finish(run, back ? NULL : run->journal.label, err);
}

static int hint_open(struct tr_err *err)
{
	return tr_hint(err, "tranche apply --resume   goes on with it; tranche apply --abort   "
			    "goes back to what "
			    "stood before");
}

/* A step failed: what stood before comes back. The error is that of the step. */
static int roll_back(struct tr_relayout *run, struct tr_err *err)
{
	struct tr_change quiet = run->change ? *run->change : (struct tr_change){ 0 };
	const struct tr_change *asked = run->change;
	struct tr_err why = { 0 };
	int r;

	/* Ctrl-C asked for what stood before: bringing it back is part of that. */
	quiet.stop_flag = NULL;
	run->change = &quiet;
	tr_tell(&quiet, TR_STEP_NOTE, NULL, NULL, "failed: %.300s; going back", err->msg);
	r = go_to(run, /* back= */ true, &why);
	run->change = asked;
	if (r == 0) {
		tr_wrap(err, "what stood before stands again");
		return -(int)err->code;
	}
	tr_tell(&quiet, TR_STEP_NOTE, NULL, NULL, "not taken back: %s", why.msg);
	tr_wrap(err, "left half-way, as it cannot be taken back (%.300s)", why.msg);
	return hint_open(err);
}

/* --- Forward --- */

/* Waits for what stands in the way, with the lock let go of, so that it can be stopped. */
static int plan_or_wait(struct tr_relayout *run, const struct tr_layout_ask *ask,
	const struct tr_layout_file *file, const struct tr_layout_label *label, int *lock,
	struct tr_err *err)
{
	const struct tr_relayout_rules rules = { .evict = ask->evict, .n_evict = ask->n_evict };
	int64_t until_ms = now_ms() + ask->wait_ms;
	bool told = false;

	for (;;) {
		int r = make_plan(run, file, label, &rules, err);

		if (r != -TR_E_BUSY || ask->wait_ms <= 0)
			return r;
		if (now_ms() >= until_ms)
			return tr_wrap(err, "waited %lld s", (long long)(ask->wait_ms / 1000));
		if (!told)
			tr_tell(run->change, TR_STEP_WAIT, NULL, NULL, "%s", err->msg);
		told = true;
		tr_closep(lock);
		tr_sleep_ms(&tr_clock_real, WAIT_POLL_MS);
		if (tr_is_stopped(run->change))
			return tr_fail(err, TR_E_INTERRUPTED, "interrupted while waiting");
		if (tr_node__lock(run->node, run->change, lock, err) < 0 ||
			tr_journal_check(run->node->store, run->node->name, err) < 0)
			return -(int)err->code;
	}
}

static int open_journal(struct tr_relayout *run, const struct tr_layout_ask *ask, const char *label,
	struct tr_err *err)
{
	TR_AUTO_BUF words = { 0 };

	tr_buf_addf(&words, "'%s'", TR_SHOWN(label));
	if (ask->file)
		tr_buf_addf(&words, " of %s", tr_yaml_file(ask->file));
	if (tr_buf_ok(&words, err) < 0 ||
		plan_text(&run->plan, /* after= */ false, &run->journal.before, err) < 0 ||
		plan_text(&run->plan, /* after= */ true, &run->journal.after, err) < 0)
		return -(int)err->code;
	run->journal.label = tr_buf_take(&words);
	run->journal.pid = (uint32_t)getpid();
	run->journal.is_open = true;
	return tr_journal_open(run->node->store, run->node->name, &run->journal, err);
}

static int apply_file(struct tr_node *node, const struct tr_layout_ask *ask,
	const struct tr_layout_file *file, const struct tr_layout_label *label,
	const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_relayout_done) struct tr_relayout run = { .node = node, .change = change };
	TR_AUTO_CLOSE int lock = -1;

	if (tr_node__lock(node, change, &lock, err) < 0 ||
		tr_journal_check(node->store, node->name, err) < 0 ||
		plan_or_wait(&run, ask, file, label, &lock, err) < 0 ||
		tr_relayout_put_steps(&run, err) < 0)
		return -(int)err->code;
	if (tr_is_dry(change))
		return tr_relayout_take(&run, err);
	/* With nothing to do, there is nothing to go back to. */
	if (run.journal.n == 0)
		return close_journal(&run, label->name, err);
	if (open_journal(&run, ask, label->name, err) < 0)
		return -(int)err->code;
	if (tr_relayout_take(&run, err) < 0)
		return roll_back(&run, err);
	return finish(&run, run.journal.label, err);
}

int tr_layout_apply(struct tr_node *node, const struct tr_layout_ask *ask,
	const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;
	const struct tr_layout_label *label = NULL;

	tr_tell_begin();
	if (tr_layout_open_ask(ask, &file, &label, err) < 0)
		return -(int)err->code;
	return apply_file(node, ask, file, label, change, err);
}

int tr_layout_restore_last(struct tr_node *node, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_layout_freep) struct tr_layout_file *file = NULL;
	TR_AUTO_FREE char *label = NULL, *text = NULL;
	const struct tr_layout_ask ask = { .file = "<last>" };

	tr_tell_begin();
	if (tr_layout_last(node->store, node->name, &label, &text, err) < 0 ||
		tr_layout_parse("<last>", text, strlen(text), &file, err) < 0)
		return -(int)err->code;
	return apply_file(node, &ask, file, &file->labels[0], change, err);
}

int tr_layout_resume(
	struct tr_node *node, bool back, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_relayout_done) struct tr_relayout run = { .node = node, .change = change };
	TR_AUTO_CLOSE int lock = -1;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 ||
		tr_journal_read(node->store, node->name, &run.journal, err) < 0)
		return -(int)err->code;
	if (!run.journal.is_open)
		return tr_fail(err, TR_E_NOT_FOUND, "no change of layout is open on node '%s'",
			node->name);
	if (go_to(&run, back, err) < 0)
		return hint_open(err);
	return 0;
}
