/* SPDX-License-Identifier: Apache-2.0 */
/* What names single servers: logs and restart. */
#include "core/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/tell.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- Naming single servers --- */

/* "[STACK/]MODEL[-I]": does a replica bear this name? */
static bool is_named(const char *which, const char *stack, const char *model, uint32_t i)
{
	const char *slash = strchr(which, '/');
	char full[128];

	if (slash) {
		if (strlen(stack) != (size_t)(slash - which) ||
			strncmp(which, stack, (size_t)(slash - which)) != 0)
			return false;
		which = slash + 1;
	}
	snprintf(full, sizeof(full), "%s-%u", model, i);
	return strcmp(which, model) == 0 || strcmp(which, full) == 0;
}

struct match {
	struct tr_replicas *all;
	size_t n;
	struct tr_replica **v; /* into all */
};

static void match_done(struct match *match)
{
	tr_replicas_free(match->all);
	free(match->v);
}

static int no_match(const struct match *match, const char *which, struct tr_err *err)
{
	TR_AUTO_BUF list = { 0 };

	for (size_t i = 0; i < match->all->n; i++)
		tr_buf_addf(&list, "%s%s/%s-%u", i ? ", " : "", match->all->v[i].stack,
			match->all->v[i].model, match->all->v[i].replica);
	if (list.len == 0) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no model '%.100s': none is asked for",
			which);
		return tr_hint(err, "tranche up   starts those of a stack file");
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no model '%.100s'; there are %s", which,
		tr_buf_str(&list));
	return tr_hint(err, "tranche ps   shows them");
}

/* All replicas that bear the name; they are of one stack. */
static int find_match(
	struct tr_node *node, const char *which, struct match *ret, struct tr_err *err)
{
	if (tr_replicas_get(node, NULL, &ret->all, err) < 0)
		return -(int)err->code;
	ret->v = calloc(ret->all->n + 1, sizeof(struct tr_replica *));
	if (!ret->v)
		return tr_fail(err, TR_E_NO_MEMORY, "find '%.100s': out of memory", which);
	for (size_t i = 0; i < ret->all->n; i++) {
		struct tr_replica *replica = &ret->all->v[i];

		if (!is_named(which, replica->stack, replica->model, replica->replica))
			continue;
		if (ret->n > 0 && strcmp(ret->v[0]->stack, replica->stack) != 0) {
			tr_fail(err, TR_E_INVALID, "'%.100s' is in stack '%s' and in stack '%s'",
				which, ret->v[0]->stack, replica->stack);
			return tr_hint(err, "name one: %s/%.100s", replica->stack, which);
		}
		ret->v[ret->n++] = replica;
	}
	return ret->n ? 0 : no_match(ret, which, err);
}

/* --- Logs --- */

/* A kept log's file is "MODEL-I.log" in its stack's folder: does it bear the name? */
static bool is_kept_log(const char *which, const char *stack, const char *file)
{
	size_t len = strlen(file);
	char model[128];
	char *dash, *end = NULL;
	unsigned long i;

	if (len < 5 || len >= sizeof(model) || strcmp(file + len - 4, ".log") != 0)
		return false;
	snprintf(model, sizeof(model), "%.*s", (int)(len - 4), file);
	dash = strrchr(model, '-');
	if (!dash)
		return false;
	*dash = '\0';
	i = strtoul(dash + 1, &end, 10);
	return !*end && is_named(which, stack, model, (uint32_t)i);
}

static void find_in_stack(
	const char *which, const char *dir, const char *stack, struct tr_strv *ret)
{
	TR_AUTO_BUF path = { 0 };
	struct dirent *entry;
	DIR *logs;

	tr_buf_addf(&path, "%s/%s", dir, stack);
	logs = path.failed ? NULL : opendir(path.s);
	while (logs && (entry = readdir(logs)))
		if (is_kept_log(which, stack, entry->d_name))
			tr_strv_addf(ret, "%s/%s", path.s, entry->d_name);
	if (logs)
		closedir(logs);
}

/* The last log of a server that is gone: one that died in a failed `up`. */
static int find_kept(
	struct tr_node *node, const char *which, struct tr_strv *ret, struct tr_err *err)
{
	char dir[PATH_MAX];
	TR_AUTO_BUF below = { 0 };
	struct dirent *entry;
	DIR *stacks;

	tr_buf_addf(&below, "logs/%s", node->name);
	if (tr_buf_ok(&below, err) < 0 || tr_state_dir(dir, err) < 0 ||
		tr_path_join(dir, below.s, dir, err) < 0)
		return -(int)err->code;
	stacks = opendir(dir);
	while (stacks && (entry = readdir(stacks)))
		if (entry->d_name[0] != '.')
			find_in_stack(which, dir, entry->d_name, ret);
	if (stacks)
		closedir(stacks);
	return tr_strv_ok(ret, err);
}

static int print_kept(const char *path, uint32_t n_lines, struct tr_err *err)
{
	enum { MAX_LOG = 64 << 20 };
	TR_AUTO_FREE char *text = NULL;
	size_t len = 0, from;

	if (tr_read_file(path, MAX_LOG, &text, &len, err) < 0)
		return -(int)err->code;
	from = len > 0 && text[len - 1] == '\n' ? len - 1 : len;
	while (from > 0 && n_lines > 0)
		if (text[--from] == '\n' && --n_lines == 0)
			from++;
	while (from < len) {
		ssize_t put = write(1, text + from, len - from);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return tr_fail_errno(err, errno, "write the log");
		from += (size_t)put;
	}
	return 0;
}

/* Nothing of that name runs: its last log, if one was kept; else `err` as it is. */
static int logs_of_gone(
	struct tr_node *node, const char *which, uint32_t n_lines, struct tr_err *err)
{
	TR_AUTO_STRV kept = { 0 };
	struct tr_err ignored;

	if (find_kept(node, which, &kept, &ignored) < 0 || kept.n == 0)
		return -(int)err->code;
	if (kept.n > 1)
		return tr_fail(err, TR_E_INVALID,
			"'%.100s' left %zu logs: name one server, as "
			"STACK/MODEL-0",
			which, kept.n);
	return print_kept(kept.v[0], n_lines, err);
}

int tr_logs(struct tr_node *node, const char *which, uint32_t n_lines, bool follow,
	const volatile int *stop_flag, struct tr_err *err)
{
	TR_AUTO(match_done) struct match match = { 0 };
	const struct tr_runtime *runtime = NULL;
	const struct tr_replica *replica;

	if (find_match(node, which, &match, err) < 0)
		return err->code == TR_E_NOT_FOUND ? logs_of_gone(node, which, n_lines, err)
						   : -(int)err->code;
	replica = match.v[0];
	if (match.n > 1) {
		tr_fail(err, TR_E_INVALID, "'%.100s' has %zu replicas: name one", which, match.n);
		return tr_hint(err, "tranche logs %s/%s-%u", replica->stack, replica->model,
			replica->replica);
	}
	if (replica->state == TR_MODEL_MISSING) {
		tr_fail(err, TR_E_NOT_FOUND, "%s/%s-%u does not run, and left no log",
			replica->stack, replica->model, replica->replica);
		tr_hint(err, "tranche up   starts it");
		return logs_of_gone(node, which, n_lines, err);
	}
	runtime = tr_runtime_named(replica->runtime);
	return runtime->logs(replica->server, n_lines, follow, stop_flag, err);
}

/* --- Restart --- */

static int stop_matched(
	const struct match *match, const struct tr_change *change, struct tr_err *err)
{
	for (size_t i = 0; i < match->n; i++) {
		const struct tr_replica *replica = match->v[i];
		const struct tr_runtime *runtime = NULL;
		char who[96];

		if (replica->state == TR_MODEL_MISSING)
			continue;
		if (!tr_is_dry(change) && tr_is_stopped(change))
			return tr_fail(err, TR_E_INTERRUPTED, "interrupted");
		snprintf(who, sizeof(who), "%s-%u", replica->model, replica->replica);
		tr_tell(change, TR_STEP_STOP, who, NULL, "to start it again");
		if (tr_is_dry(change))
			continue;
		runtime = tr_runtime_named(replica->runtime);
		if (runtime->stop(replica->server,
			    change && change->grace_ms > 0 ? change->grace_ms : 10000, NULL,
			    err) < 0)
			return tr_wrap(err, "stop %s", who);
	}
	return 0;
}

int tr_restart(
	struct tr_node *node, const char *which, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	TR_AUTO(tr_stack_run_done) struct tr_stack_run run = { 0 };
	TR_AUTO(match_done) struct match match = { 0 };
	const struct tr_runtime *runtime = NULL;
	TR_AUTO_CLOSE int lock = -1;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 ||
		find_match(node, which, &match, err) < 0 ||
		tr_stack_applied(node, match.v[0]->stack, &stack, &runtime, err) < 0 ||
		tr_stack_run_init(&run, node, change, stack->name, stack, runtime, err) < 0 ||
		stop_matched(&match, change, err) < 0)
		return -(int)err->code;
	run.tells_kept = false;
	return tr_stack_apply(&run, err);
}
