/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks: up, down, restart. All three are the one loop (apply.h) with another wish.
 */
#include "core/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/cdi.h"
#include "core/journal.h"
#include "core/mig.h"
#include "core/tell.h"
#include "sim/state/state.h"

#include <stdio.h>
#include <string.h>

/* --- Names --- */

/* The stacks that were asked for, and those that only servers or slices still speak of. */
static int stack_names(
	struct tr_node *node, const struct tr_scene *scene, struct tr_strv *ret, struct tr_err *err)
{
	if (tr_store_stacks(node->store, node->name, ret, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < scene->servers.n + scene->rows.n; i++) {
		const char *name = i < scene->servers.n ? scene->servers.v[i].stack
							: scene->rows.v[i - scene->servers.n].stack;
		bool known = !name || !*name;

		for (size_t j = 0; j < ret->n && !known; j++)
			known = strcmp(ret->v[j], name) == 0;
		if (!known)
			tr_strv_add(ret, name);
	}
	return tr_strv_ok(ret, err);
}

int tr_stack_names(struct tr_node *node, char **ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO_STRV names = { 0 };
	TR_AUTO_BUF lines = { 0 };

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0 ||
		stack_names(node, &scene, &names, err) < 0)
		return -(int)err->code;
	tr_buf_puts(&lines, "");
	for (size_t i = 0; i < names.n; i++)
		tr_buf_addf(&lines, "%s\n", names.v[i]);
	if (tr_buf_ok(&lines, err) < 0)
		return -(int)err->code;
	*ret = tr_buf_take(&lines);
	return 0;
}

int tr_stack_file_name(const char *file, char **ret, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;

	if (tr_stack_load(file, &stack, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(stack->name);
	return 0;
}

/* --- Up --- */

/* A stack as the store holds it, parsed again, and the runtime that it was applied with. */
static int parse_applied(const struct tr_applied *applied, const char *name,
	struct tr_stack **ret_stack, const struct tr_runtime **ret_runtime, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;

	if (tr_stack_parse(applied->file, applied->text, strlen(applied->text), &stack, err) < 0 ||
		tr_stack_rename(stack, name, err) < 0 ||
		(ret_runtime && tr_runtime_pick(applied->runtime, ret_runtime, err) < 0))
		return tr_wrap(err, "stack '%s'", name);
	*ret_stack = TR_TAKE(stack);
	return 0;
}

int tr_stack_applied(struct tr_node *node, const char *name, struct tr_stack **ret_stack,
	const struct tr_runtime **ret_runtime, struct tr_err *err)
{
	TR_AUTO(tr_applied_done) struct tr_applied applied = { 0 };

	if (tr_store_stack_get(node->store, node->name, name, &applied, err) < 0)
		return -(int)err->code;
	return parse_applied(&applied, name, ret_stack, ret_runtime, err);
}

/* A full path, so that the stored stack means the same from any folder; what is no file (standard
 * input) counts as lying in the folder where it was read. */
static char *full_path(const char *file)
{
	TR_AUTO_FREE char *dir = NULL;
	char *path = realpath(file, NULL);
	TR_AUTO_BUF full = { 0 };

	if (path)
		return path;
	dir = getcwd(NULL, 0);
	tr_buf_addf(&full, "%s/%s", dir ? dir : "", file);
	return tr_buf_take(&full);
}

int tr_stack_open(const char *file, const char *name, struct tr_stack **ret, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;

	if (tr_stack_load(file, &stack, err) < 0)
		return -(int)err->code;
	if (name && tr_stack_rename(stack, name, err) < 0)
		return -(int)err->code;
	*ret = TR_TAKE(stack);
	return 0;
}

/* What ran under this name before the change failed, if it was stopped for it, comes back. */
static void bring_back(struct tr_node *node, const struct tr_change *change, const char *name,
	const struct tr_applied *before)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };
	struct tr_change quiet = change ? *change : (struct tr_change){ 0 };
	const struct tr_runtime *runtime = NULL;
	struct tr_err why = { 0 };

	/* Ctrl-C asked for what stood before: bringing it back is part of that. */
	quiet.stop_flag = NULL;
	tr_tell(change, TR_STEP_NOTE, NULL, NULL, "bringing back what ran before");
	if (parse_applied(before, name, &stack, &runtime, &why) < 0 ||
		tr_stack_run_init(&run, node, &quiet, name, stack, runtime, &why) < 0 ||
		tr_stack_apply(&run, &why) < 0)
		tr_tell(change, TR_STEP_NOTE, NULL, NULL, "it does not come back: %s", why.msg);
}

/* Takes back all that a failed `up` began; the store says again what it said before. */
static void roll_back(struct tr_stack_run *run, const struct tr_applied *before)
{
	bool stopped_any = run->stopped_any;
	struct tr_err why = { 0 };
	int r;

	tr_stack_undo(run);
	if (before->text)
		r = tr_store_stack_put(
			run->node->store, run->node->name, run->stack_name, before, &why);
	else
		r = tr_store_stack_drop(run->node->store, run->node->name, run->stack_name, &why);
	if (r < 0)
		tr_tell(run->change, TR_STEP_NOTE, NULL, NULL, "not taken back: %s", why.msg);
	if (before->text && stopped_any)
		bring_back(run->node, run->change, run->stack_name, before);
}

static void tell_gateway(const struct tr_stack_run *run)
{
	if (run->stack->gateway_listen)
		tr_tell(run->change, TR_STEP_NOTE, NULL, NULL,
			"the gateway on %s is not served by this version: use the models' own "
			"ports",
			run->stack->gateway_listen);
}

static int up_locked(struct tr_stack_run *run, struct tr_err *err)
{
	TR_AUTO(tr_applied_done) struct tr_applied before = { 0 };
	TR_AUTO_FREE char *file = full_path(run->stack->file);
	struct tr_applied now = { .file = file,
		.text = run->stack->text,
		.runtime = (char *)(uintptr_t)run->runtime->name };
	struct tr_err ignored;
	int r;

	if (!file)
		return tr_fail(err, TR_E_NO_MEMORY, "'%s': out of memory", run->stack->file);
	if (tr_is_dry(run->change)) {
		r = tr_stack_apply(run, err);
		if (r == 0)
			tell_gateway(run);
		return r;
	}
	r = tr_store_stack_get(run->node->store, run->node->name, run->stack_name, &before, err);
	if (r < 0 && r != -TR_E_NOT_FOUND)
		return r;
	/* Asked for, from here on: a run that is killed is finished by the next. */
	r = tr_store_stack_put(run->node->store, run->node->name, run->stack_name, &now, err);
	if (r == 0)
		r = tr_stack_apply(run, err);
	if (r < 0) {
		ignored = *err;
		roll_back(run, &before);
		*err = ignored;
		return r;
	}
	tell_gateway(run);
	return 0;
}

/* Nobody who has docker installed guesses why his models start as plain processes. */
static int first_runtime(
	const struct tr_change *change, const struct tr_runtime **ret, struct tr_err *err)
{
	struct tr_err passed = { 0 };

	if (tr_runtime_first(/* of_images= */ false, ret, &passed, err) < 0)
		return -(int)err->code;
	if (!passed.code)
		return 0;
	tr_tell(change, TR_STEP_NOTE, NULL, NULL, "%s: %s in its place%s%s", passed.msg,
		(*ret)->is_container ? (*ret)->name : "plain processes",
		passed.hint[0] ? "; to have it: " : "", passed.hint);
	return 0;
}

int tr_stack_runtime(struct tr_node *node, const struct tr_change *change, const char *stack,
	const struct tr_runtime **ret, struct tr_err *err)
{
	TR_AUTO(tr_applied_done) struct tr_applied applied = { 0 };
	struct tr_err ignored;

	if (change && change->runtime)
		return tr_runtime_pick(change->runtime, ret, err);
	if (tr_store_stack_get(node->store, node->name, stack, &applied, &ignored) == 0)
		return tr_runtime_pick(applied.runtime, ret, err);
	return first_runtime(change, ret, err);
}

int tr_up(struct tr_node *node, const char *file, const char *name, const struct tr_change *change,
	struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };
	const struct tr_runtime *runtime = NULL;
	TR_AUTO_CLOSE int lock = -1;

	tr_tell_begin();
	if (tr_stack_open(file, name, &stack, err) < 0 ||
		tr_node__lock(node, change, &lock, err) < 0 ||
		tr_journal_check(node->store, node->name, err) < 0 ||
		tr_stack_runtime(node, change, stack->name, &runtime, err) < 0 ||
		tr_stack_run_init(&run, node, change, stack->name, stack, runtime, err) < 0)
		return -(int)err->code;
	return up_locked(&run, err);
}

/* --- Down --- */

static int no_stack(const struct tr_node *node, const struct tr_strv *names, const char *stack,
	struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < names->n; i++)
		tr_buf_addf(&list, "%s'%s'", i ? ", " : "", names->v[i]);
	if (names->n == 0) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no stack '%s': node '%s' has none at all",
			stack, node->name);
		return tr_hint(err, "tranche slices   shows what is cut without a stack");
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no stack '%s'; node '%s' has %s", stack, node->name,
		tr_buf_str(&list));
	return tr_hint(err, "tranche down %s", names->v[0]);
}

static int forget_logs(const struct tr_node *node, const char *stack, struct tr_err *err)
{
	char path[PATH_MAX];

	if (tr_log_path(node->name, stack, "x", 0, path, err) < 0)
		return -(int)err->code;
	*strrchr(path, '/') = '\0';
	return tr_rm_tree(path, err);
}

static int down_one(
	struct tr_node *node, const char *stack, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };

	if (tr_stack_run_init(&run, node, change, stack, /* stack= */ NULL, NULL, err) < 0 ||
		tr_stack_apply(&run, err) < 0)
		return tr_wrap(err, "stack '%s'", stack);
	if (tr_is_dry(change))
		return 0;
	if (forget_logs(node, stack, err) < 0)
		return -(int)err->code;
	return tr_store_stack_drop(node->store, node->name, stack, err);
}

static int names_now(struct tr_node *node, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	return stack_names(node, &scene, ret, err);
}

int tr_down(
	struct tr_node *node, const char *stack, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };
	TR_AUTO_CLOSE int lock = -1;
	bool known = false;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 || names_now(node, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++)
		known = known || strcmp(names.v[i], stack) == 0;
	return known ? down_one(node, stack, change, err) : no_stack(node, &names, stack, err);
}

/* MIG off where nothing is left; where something is, that is told and the card stays. */
static int mig_off_all(struct tr_node *node, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	if (tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < scene.cards.n; i++) {
		const struct tr_card *card = &scene.cards.v[i];
		TR_AUTO_BUF command = { 0 }, who = { 0 };

		if (!card->mig_on)
			continue;
		if (!tr_is_dry(change) && tr_mig_busy(node, &scene, card, false, &who, err) < 0)
			return -(int)err->code;
		if (who.len) {
			tr_tell(change, TR_STEP_NOTE, NULL, NULL,
				"GPU %u stays in MIG mode: it holds %s", card->idx, who.s);
			continue;
		}
		tr_mig_text(card, false, &command);
		tr_tell(change, TR_STEP_MIG_OFF, NULL, tr_buf_str(&command), "GPU %u (%s)",
			card->idx, card->name);
		if (!tr_is_dry(change) && tr_mig_change(node, &scene, card, false, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

int tr_down_all(struct tr_node *node, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };
	TR_AUTO_CLOSE int lock = -1;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 || names_now(node, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++)
		if (down_one(node, names.v[i], change, err) < 0)
			return -(int)err->code;
	return mig_off_all(node, change, err);
}

/* --- Virtual nodes go with what is on them --- */

static int empty_node(
	struct tr_node *node, bool force, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };
	TR_AUTO_BUF list = { 0 };
	TR_AUTO_CLOSE int lock = -1;

	if (tr_node__lock(node, change, &lock, err) < 0 || names_now(node, &names, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < names.n; i++)
		tr_buf_addf(&list, "%s'%s'", i ? ", " : "", names.v[i]);
	if (names.n && !force) {
		tr_fail(err, TR_E_BUSY, "virtual node '%s' holds the stack%s %s", node->name,
			names.n > 1 ? "s" : "", tr_buf_str(&list));
		return tr_hint(err,
			"tranche --node %s down --all, then again; or tranche virtual "
			"destroy --force %s",
			node->name, node->name);
	}
	for (size_t i = 0; i < names.n; i++)
		if (down_one(node, names.v[i], change, err) < 0)
			return -(int)err->code;
	return 0;
}

/* The lock's file and the stacks' logs; the store's rows. */
static int forget_node(struct tr_node *node, struct tr_err *err)
{
	char path[PATH_MAX];
	TR_AUTO_BUF file = { 0 };

	tr_buf_addf(&file, "logs/%s", node->name);
	if (tr_buf_ok(&file, err) < 0 || tr_state_dir(path, err) < 0 ||
		tr_path_join(path, file.s, path, err) < 0 || tr_rm_tree(path, err) < 0)
		return -(int)err->code;
	return tr_store_node_drop(node->store, node->name, err);
}

static void close_node(struct tr_node **node)
{
	tr_node_close(*node);
}

int tr_virtual_destroy(
	const char *name, bool force, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(close_node) struct tr_node *node = NULL;
	TR_AUTO_FREE char *cdi = NULL;
	int r;

	tr_tell_begin();
	if (strcmp(name, TR_NODE_HARDWARE) == 0)
		return tr_fail(err, TR_E_INVALID, "'" TR_NODE_HARDWARE "' is no virtual node");
	r = tr_node_open(name, &node, err);
	/* A node too damaged to be opened can still be thrown away. */
	if (r < 0 && (!force || r == -TR_E_NOT_FOUND))
		return r;
	if (node && empty_node(node, force, change, err) < 0)
		return -(int)err->code;
	if (tr_is_dry(change))
		return 0;
	cdi = tr_cdi_kept(name);
	if (tr_sim_destroy(name, force, err) < 0) {
		if (err->code == TR_E_BUSY)
			tr_hint(err, "tranche virtual destroy --force %s", name);
		return -(int)err->code;
	}
	if (cdi)
		unlink(cdi);
	return node ? forget_node(node, err) : 0;
}
