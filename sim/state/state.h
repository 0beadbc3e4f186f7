/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual node: the format of its state, where it lies, and the one writer.
 *
 *	RUN/virtual/NAME/		(RUN: /run/tranche; a user's own without root)
 *		lib/libnvidia-ml.so.1	the node's driver library; also as libnvidia-ml.so
 *		state/node		the state: base/snapshot.h of a struct tr_sim_node
 *		state/hooks		faults on order, and the count of calls (hooks.h)
 *		lock			flock of its writers; outside state/, which guests see
 *		change.lock		flock of whoever cuts slices or starts servers (core)
 *		views/MIG-<uuid>	one file a slice: being given it is being allowed to see it
 *		views/GPU-<uuid>	the same for a whole card
 *		var			link to VAR/virtual/NAME, since the library knows no VAR
 *	VAR/virtual/NAME/		(VAR: /var/lib/tranche) what survives a reboot
 *		inforom			the node as after a reboot, also a snapshot of struct
 *					tr_sim_node: no slices, no bindings, and only the MIG
 *					modes that the cards themselves keep
 *
 * The one writer is tr_sim_change: it keeps views/ and inforom in step with the state, so that
 * whoever creates a compute instance just adds the row.
 *
 * A container that is bound to a slice gets the folder state/ read-only (never the file, which a
 * reboot replaces) at TR_SIM_GUEST_DIR/state, and the slice's view file at
 * TR_SIM_GUEST_DIR/view/MIG-<uuid>. The library knows a guest by the read-only mount, and a true
 * view by its device and inode, which the state records: a file made inside cannot have them.
 *
 * A server's memory is that of its cgroup: a binding is a row (slice, cgroup), written by whoever
 * starts the server, and dead once its cgroup is gone.
 */
#pragma once

#include "base/own.h"
#include "base/snapshot.h"
#include "facts/facts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct tr_err;

enum {
	TR_SIM_KIND = 0x53494d02, /* "SIM", format 2 */
	TR_SIM_MAX_GPUS = 16,
	TR_SIM_MAX_GIS = 15, /* GPU-instance ids 0..14 */
	TR_SIM_MAX_CIS = 8,
	TR_SIM_MAX_BINDINGS = 256,
	TR_SIM_NAME_MAX = 32,
	TR_SIM_WHOLE = 0xff, /* gi_id of a binding to a whole card */
	TR_SIM_MAX_EVENTS = 64,
	/* Kinds of events, as NVML numbers them; and the report of a card that fell off its bus. */
	TR_SIM_EVENT_XID = 0x8,
	TR_SIM_EVENT_MIG = 0x100,
	TR_SIM_XID_LOST = 79,
};

#define TR_SIM_GUEST_DIR "/run/tranche-guest"

/* What the driver library answers as: the driver whose answers were captured
 * (data/nvml-symbols.txt), and the CUDA that goes with it. */
#define TR_SIM_DRIVER "580.159.04"
#define TR_SIM_CUDA   "13.0"

struct tr_sim_ci {
	uint8_t exists;
	uint8_t profile_id;  /* the compute-instance profile */
	uint8_t start, size; /* compute slices inside the GPU instance */
	uint8_t uuid[16];
	uint64_t view_dev, view_ino; /* of views/MIG-<uuid>; 0 while there is none */
};

struct tr_sim_gi {
	uint8_t exists;
	uint8_t profile_id;		      /* the GPU-instance profile (19, 14, ...) */
	uint8_t start, size;		      /* memory slices */
	struct tr_sim_ci cis[TR_SIM_MAX_CIS]; /* index = compute-instance id */
};

struct tr_sim_gpu {
	char product_key[TR_SIM_NAME_MAX]; /* row of facts */
	uint8_t uuid[16];
	uint64_t serial;     /* per-device number that MIG UUIDs are derived from */
	uint8_t chip_kind;   /* enum tr_chip_kind */
	uint8_t mig_current; /* 0 or 1 */
	uint8_t mig_pending;
	uint8_t persistence_mode;
	uint8_t compute_mode;
	uint8_t is_lost;	/* fell off its bus: every call about it says so */
	uint8_t is_passthrough; /* handed into a virtual machine: MIG mode waits for a reset */
	uint32_t pci_bus;
	uint64_t view_dev, view_ino;	      /* of views/GPU-<uuid> */
	struct tr_sim_gi gis[TR_SIM_MAX_GIS]; /* index = GPU-instance id */
};

struct tr_sim_binding {
	uint8_t in_use;
	uint8_t gpu_idx;
	uint8_t gi_id; /* TR_SIM_WHOLE: the whole card */
	uint8_t ci_id;
	char cgroup[244]; /* below the hierarchy's root: "/machine/libpod-..." ; NUL-terminated */
};

/* What nvmlEventSetWait tells. */
struct tr_sim_event {
	uint64_t type, data;
	uint8_t gpu_idx, gi_id, ci_id; /* TR_SIM_WHOLE: of no instance */
};

struct tr_sim_node {
	char name[TR_SIM_NAME_MAX];
	uint32_t scale;	 /* NVML shows cgroup bytes times this */
	uint32_t n_gpus; /* 0: the node was destroyed under its readers */
	struct tr_sim_gpu gpus[TR_SIM_MAX_GPUS];
	struct tr_sim_binding bindings[TR_SIM_MAX_BINDINGS];
	uint64_t n_events; /* ever; event n is in row n % TR_SIM_MAX_EVENTS */
	struct tr_sim_event events[TR_SIM_MAX_EVENTS];
};

/* RUN/virtual/NAME/REST and VAR/virtual/NAME/REST, with RUN and VAR of base/paths.h; `rest` may be
 * "". ret holds PATH_MAX bytes. INVALID for a bad name. */
int tr_sim_node_path(const char *name, const char *rest, char *ret, struct tr_err *err);
int tr_sim_node_var_path(const char *name, const char *rest, char *ret, struct tr_err *err);

struct tr_sim_gpu_spec {
	const struct tr_gpu_product *product;
	enum tr_chip_kind chip;
};

/*
 * Makes a node: folders, state, and a copy of the driver library `library`. EXISTS when the name
 * is taken; INVALID for a bad name ([a-z0-9][a-z0-9-]{0,30}), more than TR_SIM_MAX_GPUS cards or
 * scale 0. UUIDs are derived from node name and card index, so a node made again has them again.
 */
int tr_sim_create(const char *name, const struct tr_sim_gpu_spec *gpus, uint32_t n_gpus,
	uint32_t scale, const char *library, struct tr_err *err);

/* Removes the node's folders. BUSY, with the holders named, while a binding lives, unless forced.
 */
int tr_sim_destroy(const char *name, bool force, struct tr_err *err);

/* The names of all nodes, sorted; the caller frees each and the array (tr_strv_done of
 * base/buf.h). */
struct tr_strv;
int tr_sim_list(struct tr_strv *ret, struct tr_err *err);

/* INVALID when a state, as it was read, does not keep the rules of its format: an unknown card, a
 * slice outside of it, a text without an end. Every reader asks this before it uses what it read.
 */
int tr_sim_check(const struct tr_sim_node *node, struct tr_err *err);

/* A copy of the node's state. NOT_FOUND when there is no such node, INVALID when it is damaged or
 * of another version. */
int tr_sim_read(const char *name, struct tr_sim_node *ret, struct tr_err *err);

/* What a reboot does: cards and MIG modes come back from VAR, slices and bindings do not. EXISTS
 * when the node is there already, NOT_FOUND when it was never created. */
int tr_sim_restore(const char *name, const char *library, struct tr_err *err);

/* What `nvidia-smi --gpu-reset` does to one card: its slices go, a pending MIG mode takes effect,
 * and a lost card is back. BUSY, with the holders named, while a binding to the card lives or the
 * driver is open in another process, if only to watch. */
int tr_sim_reset(const char *name, uint32_t gpu_idx, struct tr_err *err);

/* What unloading and loading the kernel's driver does: slices, persistence and compute modes go,
 * and on cards that do not keep it the MIG mode. A reboot also forgets faults and counts. BUSY
 * while a binding lives. */
int tr_sim_reload(const char *name, struct tr_err *err);
int tr_sim_reboot(const char *name, struct tr_err *err);

/* Marks all cards as handed into a virtual machine, where a card cannot be reset from inside: on
 * Ampere the MIG mode then waits for a reset or a reboot. */
int tr_sim_passthrough(const char *name, struct tr_err *err);

/* Adds an event, over the oldest. For use inside tr_sim_change. */
void tr_sim_event_add(struct tr_sim_node *node, uint32_t gpu_idx, uint64_t type, uint64_t data,
	uint32_t gi_id, uint32_t ci_id);

/*
 * Changes the state under the writers' lock: `change` gets a copy; when it returns 0 the copy is
 * published, otherwise nothing changes and its return value comes back. `dir` is the node's folder
 * (RUN/virtual/NAME). Used by the library too, which passes its own place. A compute instance that
 * `change` adds with view_ino 0 gets its view file here; the file of one that it removes goes.
 */
typedef int tr_sim_change_fn(struct tr_sim_node *node, void *arg, struct tr_err *err);
int tr_sim_change(const char *dir, tr_sim_change_fn *change, void *arg, struct tr_err *err);

/*
 * Binds a cgroup (path below the hierarchy's root, as in /proc/PID/cgroup) to a slice, or to a
 * whole card, by UUID ("MIG-..." or "GPU-..."). The same pair twice is one row. Rows whose cgroup
 * is gone are swept out on the way. NOT_FOUND for a UUID that is not there, NO_ROOM when full.
 */
int tr_sim_bind(const char *node, const char *uuid, const char *cgroup, struct tr_err *err);
int tr_sim_unbind(const char *node, const char *cgroup, struct tr_err *err);
/* Binds as tr_sim_bind does, unless somebody else is on it: BUSY names the holder. A card is held
 * by whoever holds a slice of it, and a slice by whoever holds its card. */
int tr_sim_claim(const char *node, const char *uuid, const char *cgroup, struct tr_err *err);

/* What a container needs to see one slice or one whole card: host paths. */
struct tr_sim_guest_mounts {
	char library[PATH_MAX];	  /* host file of the driver library */
	char state_dir[PATH_MAX]; /* host folder for TR_SIM_GUEST_DIR "/state" */
	char view[PATH_MAX];	  /* host file for TR_SIM_GUEST_DIR "/view/<uuid>" */
};
int tr_sim_guest_mounts(
	const char *node, const char *uuid, struct tr_sim_guest_mounts *ret, struct tr_err *err);

/*
 * The same as a container is to have it, appended once each: "HOST:TARGET:ro" for what is mounted,
 * and the names of device nodes. A node stands for one of the driver's, by TR_SIM_DEVICE: whoever
 * looks for it finds a character device, which takes and gives nothing.
 */
#define TR_SIM_DEVICE "/dev/null"
int tr_sim_guest_parts(const char *node, const char *uuid, struct tr_strv *mounts,
	struct tr_strv *devices, struct tr_err *err);

/* The number of /dev/nvidia-caps/nvidia-capN that gives access to a GPU instance; that of its
 * compute instance c is higher by 1 + c. */
uint32_t tr_sim_cap_minor(uint32_t gpu_idx, uint32_t gi_id);

/* What the kernel enforces for a slice on this node, after --scale: bytes of memory, and CPU time
 * in thousandths of one processor (the slice's share of the card's SMs, of all processors). */
struct tr_sim_limits {
	uint64_t memory_bytes;
	uint32_t cpu_millis;
};
int tr_sim_slice_limits(
	const char *node, const char *uuid, struct tr_sim_limits *ret, struct tr_err *err);
/* The SMs of a card as a whole; 0 when its model cannot be cut. */
uint32_t tr_sim_most_sm(const struct tr_gpu_model *model);

/*
 * The UUIDs of a node: 16 bytes each, the same every time for the same inputs. A MIG device's is
 * derived as the driver derives it (version 5 over chip, card and instance), so it depends on where
 * the slice sits and not on its profile.
 */
void tr_sim_gpu_identity(const char *node, uint32_t gpu_idx, struct tr_sim_gpu *ret_gpu);
void tr_sim_mig_uuid(
	const struct tr_sim_gpu *gpu, uint32_t gi_id, uint32_t ci_id, uint8_t ret_uuid[16]);
/* "GPU-..." or "MIG-...": 41 bytes with the NUL. */
void tr_sim_uuid_text(const char *prefix, const uint8_t uuid[16], char ret[41]);

/* Who a UUID names. gi_id is TR_SIM_WHOLE for a card. False when nobody. */
bool tr_sim_find_uuid(const struct tr_sim_node *node, const char *uuid, uint32_t *ret_gpu_idx,
	uint32_t *ret_gi_id, uint32_t *ret_ci_id);

/*
 * The processes but this one that have started the node's library and not shut it down, with or
 * without a slice: how many, and "pid 4711 (nvtop), ..." in ret, cut when longer. A card that
 * changes its mode by a reset waits for them, as for its holders. `map` is this process's own
 * mapping of the node's state.
 */
uint32_t tr_sim_clients(const void *map, char *ret, size_t size);
uint32_t tr_sim_node_clients(const char *name, char *ret, size_t size);

/* True while a binding's cgroup is there. */
bool tr_sim_cgroup_exists(const char *cgroup);
/* True when a live binding holds the card (gi_id TR_SIM_WHOLE: any of its slices too), or the
 * slice. */
bool tr_sim_is_bound(
	const struct tr_sim_node *node, uint32_t gpu_idx, uint32_t gi_id, uint32_t ci_id);

/* Bytes that a cgroup holds now: rss + shmem (v1: total_rss + total_shmem; v2: anon + shmem) of
 * memory.stat. False when the cgroup is gone or cannot be read. No cache. */
bool tr_sim_cgroup_memory(const char *cgroup, uint64_t *ret_bytes);
/* The same from an open memory.stat, whose position does not matter. */
bool tr_sim_cgroup_memory_fd(int fd, uint64_t *ret_bytes);
/* Opens a cgroup's memory.stat, O_CLOEXEC; "" is the caller's own cgroup as a container sees it
 * (the root of the hierarchy). -1 when it is gone. */
int tr_sim_cgroup_open_memory(const char *cgroup);
/* All that is charged to a cgroup, page cache and kernel memory included: no measure of what its
 * servers hold, but a cheap sign of change. Open as above; -1 also where there is no such file. */
int tr_sim_cgroup_open_usage(const char *cgroup);
bool tr_sim_cgroup_usage_fd(int fd, uint64_t *ret_bytes);
/* The cgroup's processes, in the caller's PID namespace, its children's included. ret holds
 * n_max; returns how many there are, -1 when the cgroup is gone. */
int tr_sim_cgroup_pids(const char *cgroup, int32_t *ret, int n_max);
/* Nanoseconds of CPU time that the cgroup has used; "" as above. False when it cannot be read. */
bool tr_sim_cgroup_cpu(const char *cgroup, uint64_t *ret_ns);
