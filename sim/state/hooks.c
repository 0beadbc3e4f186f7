/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state/hooks.h"

#include "base/err.h"
#include "base/paths.h"
#include "sim/state/state_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC "TRHOOK01"

int tr_sim__hooks_make(const char *state_dir, struct tr_err *err)
{
	struct {
		char magic[8];
		uint32_t size;
	} head = { MAGIC, sizeof(struct tr_sim_hooks) };
	TR_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX];

	if (tr_path_join(state_dir, "hooks", path, err) < 0)
		return -(int)err->code;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	/* The rows are a hole until somebody writes into them. */
	if (fd < 0 || fchmod(fd, 0644) < 0 ||
		ftruncate(fd, (off_t)sizeof(struct tr_sim_hooks)) < 0 ||
		pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return tr_fail_errno(err, errno, "make '%s'", path);
	return 0;
}

struct tr_sim_hooks *tr_sim_hooks_map(const char *state_dir, bool *ret_writable)
{
	TR_AUTO_CLOSE int fd = -1;
	char path[PATH_MAX + 16];
	struct tr_sim_hooks *hooks;
	bool is_writable = true;
	struct stat st;

	snprintf(path, sizeof(path), "%s/hooks", state_dir);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		is_writable = false;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size != (off_t)sizeof(*hooks))
		return NULL;
	hooks = mmap(NULL, sizeof(*hooks), is_writable ? PROT_READ | PROT_WRITE : PROT_READ,
		MAP_SHARED, fd, 0);
	if (hooks == MAP_FAILED)
		return NULL;
	if (memcmp(hooks->magic, MAGIC, sizeof(hooks->magic)) != 0 ||
		hooks->size != sizeof(*hooks)) {
		munmap(hooks, sizeof(*hooks));
		return NULL;
	}
	*ret_writable = is_writable;
	return hooks;
}

void tr_sim_hooks_unmap(struct tr_sim_hooks *hooks)
{
	if (hooks)
		munmap(hooks, sizeof(*hooks));
}

/* A node's hooks, and its lock while they are changed. */
struct held {
	char dir[PATH_MAX];
	struct tr_sim_hooks *hooks;
	int lock;
};

static void held_done(struct held *held)
{
	tr_sim_hooks_unmap(held->hooks);
	tr_closep(&held->lock);
}

static int hold(const char *node, bool to_write, struct held *ret, struct tr_err *err)
{
	bool is_writable = false;
	char state_dir[PATH_MAX];

	if (tr_sim_node_path(node, "", ret->dir, err) < 0 ||
		tr_sim_node_path(node, "state", state_dir, err) < 0)
		return -(int)err->code;
	if (to_write && tr_sim__lock(ret->dir, &ret->lock, err) < 0) {
		if (err->code == TR_E_NOT_FOUND)
			return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", node);
		return -(int)err->code;
	}
	ret->hooks = tr_sim_hooks_map(state_dir, &is_writable);
	if (!ret->hooks && access(state_dir, F_OK) < 0)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", node);
	if (!ret->hooks)
		return tr_fail(err, TR_E_INVALID, "'%s/hooks' is damaged or of another version",
			state_dir);
	if (to_write && !is_writable)
		return tr_fail(err, TR_E_PERMISSION, "virtual node '%s' is somebody else's", node);
	return 0;
}

static int add_row(struct tr_sim_hooks *hooks, const struct tr_sim_fault *fault, struct tr_err *err)
{
	for (size_t i = 0; i < TR_COUNT(hooks->faults); i++) {
		struct tr_sim_fault_row *row = &hooks->faults[i];

		if (atomic_load(&row->in_use))
			continue;
		row->nth = fault->nth;
		row->for_good = fault->for_good;
		row->code = fault->code;
		row->pid = fault->pid;
		memcpy(row->function, fault->function, sizeof(row->function));
		atomic_store(&row->n_seen, 0);
		atomic_store(&row->in_use, 1);
		atomic_fetch_or(&hooks->active, TR_SIM_HOOK_FAULTS);
		return 0;
	}
	return tr_fail(err, TR_E_NO_ROOM, "%d faults are set already", TR_SIM_MAX_FAULTS);
}

static int break_card(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	const struct tr_sim_fault *fault = arg;
	bool has_xid = fault->kind == TR_SIM_FAULT_XID;
	uint32_t xid = has_xid ? fault->xid : TR_SIM_XID_LOST;

	if (fault->gpu_idx >= node->n_gpus)
		return tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no GPU %u", node->name,
			fault->gpu_idx);
	if (xid == TR_SIM_XID_LOST)
		node->gpus[fault->gpu_idx].is_lost = 1;
	tr_sim_event_add(node, fault->gpu_idx, TR_SIM_EVENT_XID, xid, TR_SIM_WHOLE, TR_SIM_WHOLE);
	return 0;
}

int tr_sim_fault_add(const char *node, const struct tr_sim_fault *fault, struct tr_err *err)
{
	TR_AUTO(held_done) struct held held = { .lock = -1 };
	struct tr_sim_fault copy = *fault;

	if (fault->kind == TR_SIM_FAULT_LOST || fault->kind == TR_SIM_FAULT_XID) {
		if (tr_sim_node_path(node, "", held.dir, err) < 0)
			return -(int)err->code;
		if (access(held.dir, F_OK) < 0)
			return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%s'", node);
		return tr_sim_change(held.dir, break_card, &copy, err);
	}
	if (hold(node, /* to_write= */ true, &held, err) < 0)
		return -(int)err->code;
	if (fault->kind == TR_SIM_FAULT_CALL)
		return add_row(held.hooks, fault, err);
	atomic_fetch_or(&held.hooks->active, TR_SIM_HOOK_SLOW);
	return 0;
}

static int mend_cards(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	(void)arg;
	(void)err;
	for (uint32_t g = 0; g < node->n_gpus; g++)
		node->gpus[g].is_lost = 0;
	return 0;
}

int tr_sim_fault_clear(const char *node, struct tr_err *err)
{
	char dir[PATH_MAX];

	{
		TR_AUTO(held_done) struct held held = { .lock = -1 };

		if (hold(node, /* to_write= */ true, &held, err) < 0)
			return -(int)err->code;
		atomic_fetch_and(&held.hooks->active, ~(TR_SIM_HOOK_FAULTS | TR_SIM_HOOK_SLOW));
		for (size_t i = 0; i < TR_COUNT(held.hooks->faults); i++)
			atomic_store(&held.hooks->faults[i].in_use, 0);
		memcpy(dir, held.dir, sizeof(dir));
	}
	return tr_sim_change(dir, mend_cards, NULL, err);
}

int tr_sim_fault_list(const char *node, struct tr_sim_fault_state ret[TR_SIM_FAULTS_ROOM],
	uint32_t *ret_n, struct tr_err *err)
{
	TR_AUTO(tr_sim__node_freep) struct tr_sim_node *state = malloc(sizeof(*state));
	TR_AUTO(held_done) struct held held = { .lock = -1 };
	uint32_t n = 0;

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "list faults: out of memory");
	if (hold(node, /* to_write= */ false, &held, err) < 0 || tr_sim_read(node, state, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < TR_COUNT(held.hooks->faults); i++) {
		struct tr_sim_fault_row *row = &held.hooks->faults[i];

		if (!atomic_load(&row->in_use))
			continue;
		ret[n] = (struct tr_sim_fault_state){ .fault = { .kind = TR_SIM_FAULT_CALL,
							      .nth = row->nth,
							      .for_good = row->for_good,
							      .code = row->code,
							      .pid = row->pid },
			.n_seen = atomic_load(&row->n_seen) };
		snprintf(ret[n].fault.function, sizeof(ret[n].fault.function), "%.*s",
			(int)sizeof(row->function) - 1, row->function);
		n++;
	}
	if (atomic_load(&held.hooks->active) & TR_SIM_HOOK_SLOW)
		ret[n++] = (struct tr_sim_fault_state){ .fault = { .kind = TR_SIM_FAULT_SLOW } };
	for (uint32_t g = 0; g < state->n_gpus; g++)
		if (state->gpus[g].is_lost)
			ret[n++] = (struct tr_sim_fault_state){
				.fault = { .kind = TR_SIM_FAULT_LOST, .gpu_idx = g }
			};
	*ret_n = n;
	return 0;
}

int tr_sim_trace_set(const char *node, bool on, struct tr_err *err)
{
	TR_AUTO(held_done) struct held held = { .lock = -1 };

	if (hold(node, /* to_write= */ true, &held, err) < 0)
		return -(int)err->code;
	atomic_fetch_and(&held.hooks->active, ~TR_SIM_HOOK_TRACE);
	if (!on)
		return 0;
	for (size_t i = 0; i < TR_COUNT(held.hooks->traced); i++) {
		struct tr_sim_trace_row *row = &held.hooks->traced[i];

		/* A row that was never used is a hole in the file: let it be. */
		if (!atomic_load(&row->pid))
			continue;
		for (size_t f = 0; f < TR_COUNT(row->n_calls); f++)
			atomic_store(&row->n_calls[f], 0);
		atomic_store(&row->pid, 0);
	}
	atomic_store(&held.hooks->n_untraced, 0);
	atomic_fetch_add(&held.hooks->epoch, 1);
	atomic_fetch_or(&held.hooks->active, TR_SIM_HOOK_TRACE);
	return 0;
}

int tr_sim_trace_read(const char *node, tr_sim_trace_fn *call, void *arg, struct tr_sim_trace *ret,
	struct tr_err *err)
{
	TR_AUTO(held_done) struct held held = { .lock = -1 };

	if (hold(node, /* to_write= */ false, &held, err) < 0)
		return -(int)err->code;
	ret->on = atomic_load(&held.hooks->active) & TR_SIM_HOOK_TRACE;
	ret->n_untraced = atomic_load(&held.hooks->n_untraced);
	for (size_t i = 0; i < TR_COUNT(held.hooks->traced); i++) {
		struct tr_sim_trace_row *row = &held.hooks->traced[i];
		int32_t pid = atomic_load(&row->pid);

		for (int f = 0; pid && f < TR_FN_COUNT; f++) {
			uint32_t n = atomic_load(&row->n_calls[f]);

			if (n)
				call(pid, tr_sim_fn_names[f], n, arg);
		}
	}
	return 0;
}
