/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's one instance of state: where it is, what of it is seen, and who may change it.
 *
 * The environment is not asked where the node is: sudo and daemons clear it. The library looks
 * beside itself, so each node has a copy of its own.
 */
#include "sim/drv.h"

#include "base/err.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

enum { NARROW_MAX = 8192 };

static struct {
	uint32_t init_count;
	bool is_guest, has_atfork;
	char dir[PATH_MAX]; /* the node's folder, on the host */
	char narrow[NARROW_MAX];
	struct tr_snapshot snap;
	struct {
		struct tr_sim_hooks *map; /* NULL: none */
		bool is_writable;
		struct tr_sim_trace_row *row;	    /* this process's; NULL: not found yet */
		uint32_t epoch;			    /* that `row` is of */
		uint32_t n_seen[TR_SIM_MAX_FAULTS]; /* where the file cannot be written */
	} hooks;
	enum tr_sim_fn fn;   /* the call that runs */
	uint64_t generation; /* of `node`; 0: not read yet */
	struct tr_sim_node node;
	struct {
		bool whole, any;
		uint16_t cis[TR_SIM_MAX_GIS]; /* a bit for each compute instance */
	} seen[TR_SIM_MAX_GPUS];
} drv = { .snap = { .fd = -1 } };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_all(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_all(void)
{
	pthread_mutex_unlock(&lock);
}

/* A child has to start the library for itself, as behind a real one (580.159.04 answers it
 * UNINITIALIZED). The mapping goes at once: who holds it counts as a client. The rest that the
 * parent had is let go by the child's own start, since little may be called here. */
static void unlock_in_child(void)
{
	drv.init_count = 0;
	drv.hooks.row = NULL;
	tr_snapshot_close(&drv.snap);
	pthread_mutex_unlock(&lock);
}

/* Finds DIR of DIR/lib/libnvidia-ml.so.1, this very file. */
static bool find_own_dir(char ret[PATH_MAX])
{
	static const char here;
	Dl_info info;
	char *slash;

	if (!dladdr(&here, &info) || !info.dli_fname || !realpath(info.dli_fname, ret))
		return false;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(ret, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return true;
}

static bool is_read_only(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static nvmlReturn_t open_state(const char *dir)
{
	struct tr_err err = { 0 };
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/state/node", dir);
	switch (tr_snapshot_open(path, TR_SIM_KIND, sizeof(drv.node), 0, &drv.snap, &err)) {
	case 0:
		/* The mapping stays. A descriptor kept open could be closed by a program that
		 * closes all, and its number be somebody else's when we close it. */
		tr_closep(&drv.snap.fd);
		drv.is_guest = is_read_only(path);
		return NVML_SUCCESS;
	case -TR_E_PERMISSION:
		return NVML_ERROR_NO_PERMISSION;
	case -TR_E_INVALID:
		return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
	default:
		return NVML_ERROR_DRIVER_NOT_LOADED;
	}
}

static bool owns(const char *dir)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/state", dir);
	return geteuid() == 0 || (stat(path, &st) == 0 && st.st_uid == geteuid());
}

static nvmlReturn_t find_state(void)
{
	nvmlReturn_t r = NVML_ERROR_DRIVER_NOT_LOADED;
	const char *narrow;

	drv.generation = 0;
	drv.narrow[0] = '\0';
	if (find_own_dir(drv.dir))
		r = open_state(drv.dir);
	if (r == NVML_ERROR_DRIVER_NOT_LOADED) {
		r = open_state(TR_SIM_GUEST_DIR);
		drv.is_guest = true;
	}
	narrow = drv.is_guest ? getenv("NVIDIA_VISIBLE_DEVICES") : NULL;
	if (narrow)
		snprintf(drv.narrow, sizeof(drv.narrow), "%s", narrow);
	return r;
}

static void map_hooks(void)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/state", drv.dir);
	drv.hooks.map = tr_sim_hooks_map(path, &drv.hooks.is_writable);
	if (!drv.hooks.map && drv.is_guest)
		drv.hooks.map = tr_sim_hooks_map(TR_SIM_GUEST_DIR "/state", &drv.hooks.is_writable);
	drv.hooks.row = NULL;
	memset(drv.hooks.n_seen, 0, sizeof(drv.hooks.n_seen));
}

/* This process's row of the trace, found once; NULL when all are taken. */
static struct tr_sim_trace_row *trace_row(void)
{
	struct tr_sim_hooks *hooks = drv.hooks.map;
	uint32_t epoch = atomic_load(&hooks->epoch);
	int pid = (int)getpid();

	if (drv.hooks.row && drv.hooks.epoch == epoch && atomic_load(&drv.hooks.row->pid) == pid)
		return drv.hooks.row;
	drv.hooks.row = NULL;
	for (uint32_t i = 0; i < TR_SIM_MAX_TRACED; i++) {
		struct tr_sim_trace_row *row =
			&hooks->traced[((uint32_t)pid + i) % TR_SIM_MAX_TRACED];
		int there = 0;

		if (!atomic_compare_exchange_strong(&row->pid, &there, pid) && there != pid)
			continue;
		drv.hooks.row = row;
		drv.hooks.epoch = epoch;
		break;
	}
	return drv.hooks.row;
}

static void count_call(enum tr_sim_fn fn)
{
	struct tr_sim_trace_row *row;

	if (!drv.hooks.is_writable)
		return;
	row = trace_row();
	atomic_fetch_add_explicit(
		row ? &row->n_calls[fn] : &drv.hooks.map->n_untraced, 1, memory_order_relaxed);
}

static bool is_meant(const struct tr_sim_fault_row *row, enum tr_sim_fn fn)
{
	size_t len = strnlen(row->function, sizeof(row->function));

	if (row->pid && row->pid != (int32_t)getpid())
		return false;
	if (len > 0 && row->function[len - 1] == '*')
		return strncmp(row->function, tr_sim_fn_names[fn], len - 1) == 0;
	return len < sizeof(row->function) && strcmp(row->function, tr_sim_fn_names[fn]) == 0;
}

/* The first fault that is due; each that is meant counts the call. */
static nvmlReturn_t fault_of(enum tr_sim_fn fn)
{
	nvmlReturn_t r = NVML_SUCCESS;

	for (uint32_t i = 0; i < TR_SIM_MAX_FAULTS; i++) {
		struct tr_sim_fault_row *row = &drv.hooks.map->faults[i];
		uint32_t n;

		if (!atomic_load(&row->in_use) || !is_meant(row, fn))
			continue;
		n = drv.hooks.is_writable ? atomic_fetch_add(&row->n_seen, 1) + 1
					  : ++drv.hooks.n_seen[i];
		if (r == NVML_SUCCESS && (row->for_good ? n >= row->nth : n == row->nth))
			r = (nvmlReturn_t)row->code;
	}
	return r;
}

static nvmlReturn_t run_hooks(enum tr_sim_fn fn)
{
	uint32_t active;

	drv.fn = fn;
	if (!drv.hooks.map)
		return NVML_SUCCESS;
	active = atomic_load_explicit(&drv.hooks.map->active, memory_order_relaxed);
	if (active & TR_SIM_HOOK_TRACE)
		count_call(fn);
	return active & TR_SIM_HOOK_FAULTS ? fault_of(fn) : NVML_SUCCESS;
}

static void close_all(void)
{
	tr_snapshot_close(&drv.snap);
	tr_sim_hooks_unmap(drv.hooks.map);
	drv.hooks.map = NULL;
	tr_drv_forget_cgroups();
	tr_drv_forget_samples();
}

/* What each call does around its work; the files that it opens and reads are points where a thread
 * may be cancelled, and the lock would be left to nobody. */
static struct tr_drv_call begin(void)
{
	struct tr_drv_call call = { .saved_errno = errno };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call.saved_cancel);
	lock_all();
	return call;
}

void tr_drv_leave(struct tr_drv_call *call)
{
	unlock_all();
	pthread_setcancelstate(call->saved_cancel, NULL);
	errno = call->saved_errno;
}

nvmlReturn_t tr_drv_open(enum tr_sim_fn fn)
{
	TR_AUTO(tr_drv_leave) struct tr_drv_call call = begin();

	if (!drv.has_atfork)
		drv.has_atfork = pthread_atfork(lock_all, unlock_all, unlock_in_child) == 0;
	if (drv.init_count == 0) {
		close_all(); /* what a parent had open */
		call.status = find_state();
		if (call.status == NVML_SUCCESS)
			map_hooks();
	}
	if (call.status == NVML_SUCCESS)
		call.status = run_hooks(fn);
	if (call.status == NVML_SUCCESS)
		drv.init_count++;
	else if (drv.init_count == 0)
		close_all();
	return call.status;
}

nvmlReturn_t tr_drv_close(enum tr_sim_fn fn)
{
	TR_AUTO(tr_drv_leave) struct tr_drv_call call = begin();

	if (drv.init_count == 0)
		return NVML_ERROR_UNINITIALIZED;
	call.status = run_hooks(fn);
	if (call.status == NVML_SUCCESS && --drv.init_count == 0)
		close_all();
	return call.status;
}

nvmlReturn_t tr_drv_note(enum tr_sim_fn fn)
{
	TR_AUTO(tr_drv_leave) struct tr_drv_call call = begin();

	(void)call; /* only its end matters */
	return run_hooks(fn);
}

/* A view is true when it is the very file that the state records. */
static bool holds_view(const char *name, uint64_t dev, uint64_t ino)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/view/%s", TR_SIM_GUEST_DIR, name);
	return ino != 0 && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == dev &&
	       st.st_ino == ino;
}

/* NVIDIA_VISIBLE_DEVICES holds one of these three names, or does not say. */
static bool is_named(const char *uuid, const char *index, const char *parent_index)
{
	static const char *const all[] = { "", "all", "void" };
	const char *at = drv.narrow;

	for (size_t i = 0; i < TR_COUNT(all); i++)
		if (strcmp(at, all[i]) == 0)
			return true;
	while (*at) {
		size_t len = strcspn(at, ",");
		const char *const names[] = { uuid, index, parent_index };

		for (size_t i = 0; i < TR_COUNT(names); i++)
			if (strlen(names[i]) == len && strncmp(at, names[i], len) == 0)
				return true;
		at += len + (at[len] == ',');
	}
	return false;
}

static void look_at_card(uint32_t g)
{
	const struct tr_sim_gpu *gpu = &drv.node.gpus[g];
	char gpu_uuid[41], mig_uuid[41], gpu_index[16], mig_index[32];
	uint32_t mig_idx = 0;
	bool has_whole;

	memset(&drv.seen[g], 0, sizeof(drv.seen[g]));
	if (!drv.is_guest) {
		drv.seen[g].whole = drv.seen[g].any = true;
		return;
	}
	tr_sim_uuid_text("GPU-", gpu->uuid, gpu_uuid);
	snprintf(gpu_index, sizeof(gpu_index), "%u", g);
	has_whole = holds_view(gpu_uuid, gpu->view_dev, gpu->view_ino);
	drv.seen[g].whole = has_whole && is_named(gpu_uuid, gpu_index, gpu_uuid);
	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
			const struct tr_sim_ci *ci = &gpu->gis[i].cis[c];

			if (!gpu->gis[i].exists || !ci->exists)
				continue;
			snprintf(mig_index, sizeof(mig_index), "%u:%u", g, mig_idx++);
			tr_sim_uuid_text("MIG-", ci->uuid, mig_uuid);
			if ((has_whole || holds_view(mig_uuid, ci->view_dev, ci->view_ino)) &&
				(is_named(mig_uuid, mig_index, gpu_index) || drv.seen[g].whole))
				drv.seen[g].cis[i] |= (uint16_t)(1u << c);
		}
		drv.seen[g].any |= drv.seen[g].cis[i] != 0;
	}
	drv.seen[g].any |= drv.seen[g].whole;
}

/* One atomic load when nothing has changed since the last call. */
static nvmlReturn_t refresh(void)
{
	struct tr_err err;
	uint64_t generation;

	if (tr_snapshot_generation(&drv.snap) == drv.generation)
		return NVML_SUCCESS;
	if (tr_snapshot_read(&drv.snap, &drv.node, &generation, &err) < 0 ||
		tr_sim_check(&drv.node, &err) < 0) {
		drv.node.n_gpus = 0;
		drv.generation = 0;
		return NVML_ERROR_UNKNOWN;
	}
	drv.generation = generation;
	for (uint32_t g = 0; g < drv.node.n_gpus; g++)
		look_at_card(g);
	tr_drv_forget_cgroups();
	return NVML_SUCCESS;
}

struct tr_drv_call tr_drv_enter(enum tr_sim_fn fn)
{
	struct tr_drv_call call = begin();

	call.status = drv.init_count ? run_hooks(fn) : NVML_ERROR_UNINITIALIZED;
	if (call.status == NVML_SUCCESS)
		call.status = refresh();
	return call;
}

nvmlReturn_t tr_drv_pause(int64_t ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	unlock_all();
	nanosleep(&time, NULL);
	lock_all();
	return drv.init_count ? refresh() : NVML_ERROR_UNINITIALIZED;
}

const struct tr_sim_node *tr_drv_node(void)
{
	return &drv.node;
}

bool tr_drv_is_guest(void)
{
	return drv.is_guest;
}

bool tr_drv_sees_card(uint32_t gpu_idx)
{
	return gpu_idx < drv.node.n_gpus && drv.seen[gpu_idx].any;
}

bool tr_drv_sees_whole_card(uint32_t gpu_idx)
{
	return gpu_idx < drv.node.n_gpus && drv.seen[gpu_idx].whole;
}

bool tr_drv_sees_gi(uint32_t gpu_idx, uint32_t gi_id)
{
	return tr_drv_sees_whole_card(gpu_idx) || drv.seen[gpu_idx].cis[gi_id] != 0;
}

bool tr_drv_sees_ci(uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id)
{
	return tr_drv_sees_whole_card(gpu_idx) || (drv.seen[gpu_idx].cis[gi_id] >> ci_id & 1);
}

bool tr_drv_has_clients(void)
{
	char names[64];

	return tr_sim_clients(drv.snap.map, names, sizeof(names)) > 0;
}

nvmlReturn_t tr_drv_may_change(void)
{
	return !drv.is_guest && owns(drv.dir) ? NVML_SUCCESS : NVML_ERROR_NO_PERMISSION;
}

static const struct {
	enum tr_sim_fn fn;
	uint32_t ms;
} slow_calls[] = {
	{ TR_FN_nvmlDeviceCreateGpuInstance, TR_MS_GI_CREATE },
	{ TR_FN_nvmlDeviceCreateGpuInstanceWithPlacement, TR_MS_GI_CREATE },
	{ TR_FN_nvmlGpuInstanceCreateComputeInstance, TR_MS_CI_CREATE },
	{ TR_FN_nvmlGpuInstanceCreateComputeInstanceWithPlacement, TR_MS_CI_CREATE },
	{ TR_FN_nvmlGpuInstanceDestroy, TR_MS_GI_DESTROY },
	{ TR_FN_nvmlComputeInstanceDestroy, TR_MS_CI_DESTROY },
};

static void be_slow(void)
{
	struct timespec time = { 0 };

	if (!drv.hooks.map || !(atomic_load(&drv.hooks.map->active) & TR_SIM_HOOK_SLOW))
		return;
	for (size_t i = 0; i < TR_COUNT(slow_calls); i++)
		if (slow_calls[i].fn == drv.fn)
			time.tv_nsec = slow_calls[i].ms * 1000000L;
	nanosleep(&time, NULL);
}

static int run_change(struct tr_sim_node *node, void *arg, struct tr_err *err)
{
	struct tr_drv_change *change = arg;

	(void)err;
	be_slow();
	change->status = change->change(node, change->arg);
	return change->status == NVML_SUCCESS ? 0 : 1;
}

nvmlReturn_t tr_drv_change(nvmlReturn_t (*change)(struct tr_sim_node *node, void *arg), void *arg)
{
	struct tr_drv_change call = { .change = change, .arg = arg };
	struct tr_err err = { 0 };
	nvmlReturn_t r = tr_drv_may_change();

	if (r != NVML_SUCCESS)
		return r;
	switch (tr_sim_change(drv.dir, run_change, &call, &err)) {
	case 0:
		return refresh();
	case 1:
		return call.status;
	case -TR_E_PERMISSION:
		return NVML_ERROR_NO_PERMISSION;
	case -TR_E_NOT_FOUND:
		return NVML_ERROR_GPU_IS_LOST;
	case -TR_E_NO_MEMORY:
		return NVML_ERROR_MEMORY;
	default:
		return NVML_ERROR_UNKNOWN;
	}
}
