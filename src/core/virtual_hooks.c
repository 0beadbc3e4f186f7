/* SPDX-License-Identifier: Apache-2.0 */
/* What a test does to a virtual node: resets, reboots, faults on order, the count of calls. */
#include <tranche/tranche.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/cdi.h"
#include "core/node.h"
#include "sim/state/hooks.h"

#include <stdio.h>
#include <string.h>

int tr_virtual_pick(const char *name, char **ret, struct tr_err *err)
{
	const char *wanted = name && *name ? name : getenv("TRANCHE_NODE");
	TR_AUTO_STRV names = { 0 };

	if (tr_sim_list(&names, err) < 0)
		return -(int)err->code;
	if ((!wanted || !*wanted) && names.n == 1)
		wanted = names.v[0];
	if (!wanted || !*wanted) {
		if (names.n == 0) {
			tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node");
			return tr_hint(err, "tranche virtual create a100-80gb");
		}
		tr_fail(err, TR_E_INVALID, "there are several virtual nodes");
		return tr_hint(err, "name one: --node %s", names.v[0]);
	}
	for (size_t i = 0; i < names.n; i++) {
		if (strcmp(names.v[i], wanted) != 0)
			continue;
		*ret = strdup(wanted);
		return *ret ? 0 : tr_fail(err, TR_E_NO_MEMORY, "pick a node: out of memory");
	}
	tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%.60s'", wanted);
	return tr_hint(err, "tranche virtual list");
}

/* Nobody cuts, and no server starts, while cards are reset under them. Who does is not waited for:
 * a card in use is not reset on hardware either. */
static int hold_still(const char *name, int *ret_lock, struct tr_err *err)
{
	char path[PATH_MAX];

	if (tr_sim_node_path(name, "change.lock", path, err) < 0)
		return -(int)err->code;
	if (tr_lock_file(path, /* wait= */ false, ret_lock, err) == 0)
		return 0;
	if (err->code == TR_E_NOT_FOUND)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%.60s'", name);
	if (err->code != TR_E_BUSY)
		return -(int)err->code;
	tr_fail(err, TR_E_BUSY, "another tranche is changing node '%.60s'", name);
	return tr_hint(err, "try again when it is done");
}

/* Slices are gone now, or somebody is on them. */
static int done(const char *name, int r, struct tr_err *err)
{
	if (r == 0)
		tr_cdi_refresh(name);
	else if (err->code == TR_E_BUSY)
		tr_hint(err, "tranche ps   shows whose they are; tranche down STACK stops them");
	return r;
}

int tr_virtual_reset(const char *name, int gpu, struct tr_err *err)
{
	struct tr_virtuals *nodes = NULL;
	TR_AUTO_CLOSE int lock = -1;
	uint32_t n = 0;

	if (hold_still(name, &lock, err) < 0)
		return -(int)err->code;
	if (gpu >= 0)
		return done(name, tr_sim_reset(name, (uint32_t)gpu, err), err);
	if (tr_virtuals_get(&nodes, err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < nodes->n; i++)
		if (strcmp(nodes->v[i].name, name) == 0)
			n = nodes->v[i].n_gpus;
	tr_virtuals_free(nodes);
	if (n == 0)
		return tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node '%.60s'", name);
	for (uint32_t g = 0; g < n; g++)
		if (done(name, tr_sim_reset(name, g, err), err) < 0)
			return -(int)err->code;
	return 0;
}

int tr_virtual_reload(const char *name, struct tr_err *err)
{
	TR_AUTO_CLOSE int lock = -1;

	if (hold_still(name, &lock, err) < 0)
		return -(int)err->code;
	return done(name, tr_sim_reload(name, err), err);
}

int tr_virtual_reboot(const char *name, struct tr_err *err)
{
	TR_AUTO_CLOSE int lock = -1;

	if (hold_still(name, &lock, err) < 0)
		return -(int)err->code;
	return done(name, tr_sim_reboot(name, err), err);
}

int tr_virtual_fault_set(const char *name, const char *text, struct tr_err *err)
{
	struct tr_sim_fault fault;

	if (tr_sim_fault_parse(text, &fault, err) < 0)
		return tr_hint(err, "tranche virtual fault "
				    "'nvmlDeviceCreateGpuInstance:3=INSUFFICIENT_RESOURCES'");
	return tr_sim_fault_add(name, &fault, err);
}

int tr_virtual_faults_clear(const char *name, struct tr_err *err)
{
	return tr_sim_fault_clear(name, err);
}

int tr_virtual_faults_get(const char *name, struct tr_virtual_faults **ret, struct tr_err *err)
{
	struct tr_sim_fault_state rows[TR_SIM_FAULTS_ROOM];
	struct tr_virtual_faults *faults;
	uint32_t n = 0;

	if (tr_sim_fault_list(name, rows, &n, err) < 0)
		return -(int)err->code;
	faults = calloc(1, sizeof(*faults));
	if (faults)
		faults->v = calloc(n ? n : 1, sizeof(*faults->v));
	if (!faults || !faults->v) {
		free(faults);
		return tr_fail(err, TR_E_NO_MEMORY, "list faults: out of memory");
	}
	for (uint32_t i = 0; i < n; i++) {
		tr_sim_fault_text(&rows[i].fault, faults->v[i].text);
		faults->v[i].has_calls = rows[i].fault.kind == TR_SIM_FAULT_CALL;
		faults->v[i].n_calls = rows[i].n_seen;
	}
	faults->n = n;
	*ret = faults;
	return 0;
}

void tr_virtual_faults_free(struct tr_virtual_faults *faults)
{
	if (!faults)
		return;
	free(faults->v);
	free(faults);
}

int tr_virtual_trace_set(const char *name, bool on, struct tr_err *err)
{
	return tr_sim_trace_set(name, on, err);
}

struct growing {
	struct tr_virtual_trace *trace;
	size_t cap;
	bool failed;
};

static void add_calls(int32_t pid, const char *function, uint32_t n_calls, void *arg)
{
	struct growing *to = arg;
	struct tr_virtual_trace *trace = to->trace;

	if (trace->n == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 64;
		struct tr_virtual_calls *v =
			to->failed ? NULL : realloc(trace->v, cap * sizeof(*v));

		if (!v) {
			to->failed = true;
			return;
		}
		trace->v = v;
		to->cap = cap;
	}
	trace->v[trace->n] = (struct tr_virtual_calls){ .pid = pid, .n_calls = n_calls };
	snprintf(trace->v[trace->n].function, sizeof(trace->v->function), "%s", function);
	trace->n++;
}

int tr_virtual_trace_get(const char *name, struct tr_virtual_trace **ret, struct tr_err *err)
{
	struct growing to = { .trace = calloc(1, sizeof(*to.trace)) };
	struct tr_sim_trace state;

	if (!to.trace)
		return tr_fail(err, TR_E_NO_MEMORY, "read the trace: out of memory");
	if (tr_sim_trace_read(name, add_calls, &to, &state, err) < 0) {
		tr_virtual_trace_free(to.trace);
		return -(int)err->code;
	}
	if (to.failed) {
		tr_virtual_trace_free(to.trace);
		return tr_fail(err, TR_E_NO_MEMORY, "read the trace: out of memory");
	}
	to.trace->on = state.on;
	to.trace->n_untraced = state.n_untraced;
	*ret = to.trace;
	return 0;
}

void tr_virtual_trace_free(struct tr_virtual_trace *trace)
{
	if (!trace)
		return;
	free(trace->v);
	free(trace);
}
