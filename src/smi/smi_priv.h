/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of src/smi share: a device with its answers, and the devices that are meant.
 *
 * An answer is kept with its return code, so that a failed call is not repeated either. Answers
 * live for one output; a loop forgets them between outputs and keeps the session.
 */
#pragma once

#include "base/err.h"
#include "nvml/nvml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT(id, call)		     TR_ASK_##id,
#define TEXT0(id, call)		     TR_ASK_##id,
#define ATEXT(id, call, a)	     TR_ASK_##id,
#define U(id, call)		     TR_ASK_##id,
#define UU(id, call)		     TR_ASK_##id,
#define UUU(id, call)		     TR_ASK_##id,
#define AU(id, call, a)		     TR_ASK_##id,
#define AAU(id, call, a, b)	     TR_ASK_##id,
#define ULL(id, call)		     TR_ASK_##id,
#define AAULL(id, call, a, b)	     TR_ASK_##id,
#define AAAULL(id, call, a, b, c)    TR_ASK_##id,
#define PLAIN(id, call, type)	     TR_ASK_##id,
#define MADE(id, call, type, number) TR_ASK_##id,
#define FIELD(id, field, scope)	     TR_ASK_##id,
#define OWN(id, function)	     TR_ASK_##id,
enum tr_smi_ask {
#include "data/smi_calls.def"
	TR_ASK_COUNT,
	TR_ASK_NONE = TR_ASK_COUNT, /* a row that asks nothing */
};
#undef TEXT
#undef TEXT0
#undef ATEXT
#undef U
#undef UU
#undef UUU
#undef AU
#undef AAU
#undef ULL
#undef AAULL
#undef AAAULL
#undef PLAIN
#undef MADE
#undef FIELD
#undef OWN

/* All answers fit; each begins at its start, so (offset, size) finds a part of any. */
union tr_smi_answer {
	unsigned u[4];
	unsigned long long ull;
	char text[104];
};

struct tr_smi_slot {
	bool is_asked;
	nvmlReturn_t r;
	union tr_smi_answer a;
};

struct tr_smi_proc {
	uint32_t pid, gi_id, ci_id; /* NVML_NO_INSTANCE: none */
	uint64_t bytes;		    /* NVML_VALUE_NOT_AVAILABLE: unknown */
	bool is_compute, is_graphics, is_mps;
	char name[512];
};

struct tr_smi_procs {
	nvmlReturn_t r;
	size_t n;
	struct tr_smi_proc *v;
};

struct tr_smi_dev {
	struct tr_smi *smi; /* borrowed, must outlive */
	nvmlDevice_t handle;
	struct tr_smi_slot *slots; /* TR_ASK_COUNT */
	struct tr_smi_procs procs;
	bool has_procs;
	/* Its MIG devices; a MIG device has none. */
	bool has_migs;
	size_t n_migs;
	struct tr_smi_dev *migs;
};

struct tr_smi {
	struct tr_nvml *api;
	FILE *out, *errout;
	bool is_virtual;
	unsigned n_gpus; /* that NVML counts */
	char driver[80]; /* "" until asked */
	char *i_text;	 /* the value of -i; NULL: every device */
	size_t n_devs;	 /* that are meant */
	struct tr_smi_dev *devs;
};

/* Finds and loads the library, and starts NVML; on failure prints what scripts know and returns
 * its exit status, else 0. */
int tr_smi__open(struct tr_smi *smi, const char *node);
void tr_smi__close(struct tr_smi *smi);

/* Finds the devices that -i names, or all. 0, or the exit status, printed. */
int tr_smi__pick(struct tr_smi *smi, const char *ids);
/* Forgets every answer. */
void tr_smi__forget(struct tr_smi *smi);

/* The answer to one call, asked now if it was not. Never NULL; look at r first. */
const struct tr_smi_slot *tr_smi__ask(struct tr_smi_dev *dev, enum tr_smi_ask ask);
/* Asks all of these that are field values, in one call. */
void tr_smi__ask_fields(struct tr_smi_dev *dev, const enum tr_smi_ask *asks, size_t n);
/* The same, as a number or a text; 0 or "" when it failed. */
unsigned tr_smi__number(struct tr_smi_dev *dev, enum tr_smi_ask ask);
const char *tr_smi__text(struct tr_smi_dev *dev, enum tr_smi_ask ask);
/* Who runs on it, names looked up: in NVML's order, or by pid within each instance. */
const struct tr_smi_procs *tr_smi__procs(struct tr_smi_dev *dev);
const struct tr_smi_procs *tr_smi__procs_by_pid(struct tr_smi_dev *dev);
/* True when MIG is on now. */
bool tr_smi__is_mig(struct tr_smi_dev *dev);
/* Its MIG devices, by index; how many. */
size_t tr_smi__migs(struct tr_smi_dev *dev, struct tr_smi_dev **ret);

/* "C", "G", "C+G", "M+C". */
const char *tr_smi__proc_type(const struct tr_smi_proc *proc);

enum { TR_SMI_MAX_CLOCKS = 256, TR_SMI_MAX_ACCOUNTED = 4096 };
/* Lists: the clocks on offer, and whose use of the card was kept count of. */
nvmlReturn_t tr_smi__memory_clocks(
	struct tr_smi_dev *dev, unsigned ret[TR_SMI_MAX_CLOCKS], unsigned *ret_n);
nvmlReturn_t tr_smi__graphics_clocks(struct tr_smi_dev *dev, unsigned memory_clock,
	unsigned ret[TR_SMI_MAX_CLOCKS], unsigned *ret_n);
nvmlReturn_t tr_smi__accounted(
	struct tr_smi_dev *dev, unsigned ret[TR_SMI_MAX_ACCOUNTED], unsigned *ret_n);

/* As nvidia-smi words them: "Not Supported". Never NULL. */
const char *tr_smi__error_text(nvmlReturn_t r);
/* The exit status for a return code. */
int tr_smi__exit(nvmlReturn_t r);
const char *tr_smi__driver(struct tr_smi *smi);
/* "13.0"; "N/A" when unknown. */
void tr_smi__cuda(struct tr_smi *smi, char ret[16]);
/* "Mon Nov 23 01:45:36 2026". */
void tr_smi__time(char ret[32]);
