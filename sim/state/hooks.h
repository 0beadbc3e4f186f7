/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on order, and the count of calls: what a test does to a virtual node beside using it.
 *
 *	RUN/virtual/NAME/state/hooks	one struct tr_sim_hooks, mapped by every process that
 *					loaded the node's driver
 *
 * The driver looks at `active` at the beginning of each call, one load of a shared page; nothing
 * else costs anything while no fault is set and no trace is on. Whoever may not write the file (a
 * container, another user) still meets the faults, counts calls for himself alone, and is not
 * traced. Writers of the rows hold the node's lock; the counters are atomic.
 */
#pragma once

#include "sim/state/state.h"

#include <nvml_names.h> /* made by the build, from data/nvml-symbols.txt */
#include <stdatomic.h>

enum {
	TR_SIM_MAX_FAULTS = 32,
	TR_SIM_MAX_TRACED = 512, /* processes; later ones are not counted but told */
	TR_SIM_FN_ROOM = 448,	 /* counters in a row; more than there are names */
	TR_SIM_HOOK_TRACE = 1u << 0,
	TR_SIM_HOOK_FAULTS = 1u << 1,
	TR_SIM_HOOK_SLOW = 1u << 2,
};

_Static_assert((int)TR_FN_COUNT <= (int)TR_SIM_FN_ROOM, "room for every name");

enum tr_sim_fault_kind {
	TR_SIM_FAULT_CALL, /* a call answers with `code` */
	TR_SIM_FAULT_LOST, /* a card has fallen off its bus */
	TR_SIM_FAULT_XID,  /* an error report; number 79 loses the card too */
	TR_SIM_FAULT_SLOW, /* creating and destroying takes as long as on hardware */
};

/*
 * What the fault language says:
 *
 *	FUNCTION=CODE		every call of it answers CODE: "TIMEOUT", or a number
 *	FUNCTION:N=CODE		the Nth from now, once
 *	FUNCTION:N+=CODE	the Nth from now and all that follow
 *	...@PID			only of this process, counting its calls alone
 *	gpu-lost[:GPU]		xid NUMBER[:GPU]	slow
 *
 * FUNCTION may end in '*', which stands for any end.
 */
struct tr_sim_fault {
	enum tr_sim_fault_kind kind;
	char function[64];
	uint32_t nth;
	bool for_good;
	int32_t code; /* of nvmlReturn_t */
	int32_t pid;  /* 0: all */
	uint32_t xid, gpu_idx;
};

enum { TR_SIM_FAULT_TEXT = 128 };

/* INVALID says what is wrong with the text. */
int tr_sim_fault_parse(const char *text, struct tr_sim_fault *ret, struct tr_err *err);
void tr_sim_fault_text(const struct tr_sim_fault *fault, char ret[TR_SIM_FAULT_TEXT]);
/* "INSUFFICIENT_RESOURCES" for 23; NULL for a number that NVML does not have. */
const char *tr_sim_code_name(int32_t code);

struct tr_sim_fault_row {
	atomic_uint in_use;
	uint32_t nth, for_good;
	int32_t code, pid;
	atomic_uint n_seen; /* calls that matched, by all processes */
	char function[64];
};

struct tr_sim_trace_row {
	atomic_int pid; /* 0: free */
	atomic_uint n_calls[TR_SIM_FN_ROOM];
};

struct tr_sim_hooks {
	char magic[8];
	uint32_t size;	    /* of this struct: another version's file is left alone */
	atomic_uint active; /* TR_SIM_HOOK_* */
	atomic_uint epoch;  /* moves when the trace is cleared: rows are found anew */
	atomic_uint n_untraced;
	struct tr_sim_fault_row faults[TR_SIM_MAX_FAULTS];
	struct tr_sim_trace_row traced[TR_SIM_MAX_TRACED];
};

/* Makes STATE_DIR/hooks, all off. */
int tr_sim__hooks_make(const char *state_dir, struct tr_err *err);
/* Maps STATE_DIR/hooks; NULL when it is missing, of another version, or no memory is left. */
struct tr_sim_hooks *tr_sim_hooks_map(const char *state_dir, bool *ret_writable);
void tr_sim_hooks_unmap(struct tr_sim_hooks *hooks);

/* Sets one more fault on a node; a card is lost, and an error reported, at once. NO_ROOM when
 * TR_SIM_MAX_FAULTS are set, NOT_FOUND for a node or card that is not there. */
int tr_sim_fault_add(const char *node, const struct tr_sim_fault *fault, struct tr_err *err);
/* Takes all faults back, lost cards included. */
int tr_sim_fault_clear(const char *node, struct tr_err *err);
/* The faults that are set; ret holds TR_SIM_MAX_FAULTS + TR_SIM_MAX_GPUS + 1. */
struct tr_sim_fault_state {
	struct tr_sim_fault fault;
	uint32_t n_seen;
};
enum { TR_SIM_FAULTS_ROOM = TR_SIM_MAX_FAULTS + TR_SIM_MAX_GPUS + 1 };
int tr_sim_fault_list(const char *node, struct tr_sim_fault_state ret[TR_SIM_FAULTS_ROOM],
	uint32_t *ret_n, struct tr_err *err);

/* Turns counting on (from zero) or off (what was counted stays readable). */
int tr_sim_trace_set(const char *node, bool on, struct tr_err *err);
struct tr_sim_trace {
	bool on;
	uint32_t n_untraced; /* calls of processes for which there was no row */
};
/* Tells each process and function that was counted, by row. */
typedef void tr_sim_trace_fn(int32_t pid, const char *function, uint32_t n_calls, void *arg);
int tr_sim_trace_read(const char *node, tr_sim_trace_fn *call, void *arg, struct tr_sim_trace *ret,
	struct tr_err *err);
