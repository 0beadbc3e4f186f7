/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tranche, killed: linked with the program in place of main's own calls (ld --wrap), it counts what
 * a change of layout writes and does. TRANCHE_KILL_AT=N is a SIGKILL at the Nth moment, before a
 * call or behind it. Unset, it only counts: the sum goes to the file that TRANCHE_KILL_COUNT names.
 */
#include "core/apply.h"
#include "core/cut.h"
#include "core/journal.h"
#include "core/relayout.h"
#include "run/run_priv.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static unsigned long n_moments;

static void moment(void)
{
	const char *at = getenv("TRANCHE_KILL_AT");

	n_moments++;
	if (at && strtoul(at, NULL, 10) == n_moments)
		kill(getpid(), SIGKILL);
}

__attribute__((destructor)) static void say_count(void)
{
	const char *path = getenv("TRANCHE_KILL_COUNT");
	FILE *file = path ? fopen(path, "we") : NULL;

	if (!file)
		return;
	fprintf(file, "%lu\n", n_moments);
	fclose(file);
}

#define WRAP(name, parameters, arguments)    \
	int __real_##name parameters;        \
	int __wrap_##name parameters;        \
	int __wrap_##name parameters         \
	{                                    \
		int r;                       \
                                             \
		moment();                    \
		r = __real_##name arguments; \
		moment();                    \
		return r;                    \
	}

/* The journal and the rows. */
WRAP(tr_journal_open,
	(struct tr_store * store, const char *node, const struct tr_journal *journal,
		struct tr_err *err),
	(store, node, journal, err))
WRAP(tr_journal_add,
	(struct tr_store * store, const char *node, size_t from,
		const struct tr_journal_step *steps, size_t n, struct tr_err *err),
	(store, node, from, steps, n, err))
WRAP(tr_journal_mark,
	(struct tr_store * store, const char *node, size_t seq, enum tr_journal_state state,
		struct tr_err *err),
	(store, node, seq, state, err))
WRAP(tr_journal_close,
	(struct tr_store * store, const char *node, const char *label, const char *text,
		struct tr_err *err),
	(store, node, label, text, err))
WRAP(tr_store_rows_put,
	(struct tr_store * store, const char *node, const struct tr_row *rows, size_t n,
		struct tr_err *err),
	(store, node, rows, n, err))
WRAP(tr_store_row_drop,
	(struct tr_store * store, const char *node, const char *gpu_uuid, uint32_t start,
		struct tr_err *err),
	(store, node, gpu_uuid, start, err))

/* The slices, and the compute instance between a GPU instance's birth and its use. */
WRAP(tr_cut_make,
	(const struct tr_node *node, const struct tr_card *card,
		const struct tr_plan_profile *profile, uint32_t start, struct tr_err *err),
	(node, card, profile, start, err))

int __real_tr_nvml_check(
	struct tr_err *err, const struct tr_nvml *api, nvmlReturn_t result, const char *sym);
int __wrap_tr_nvml_check(
	struct tr_err *err, const struct tr_nvml *api, nvmlReturn_t result, const char *sym);
int __wrap_tr_nvml_check(
	struct tr_err *err, const struct tr_nvml *api, nvmlReturn_t result, const char *sym)
{
	if (strstr(sym, "InstanceDestroy") || strstr(sym, "CreateGpuInstance"))
		moment();
	return __real_tr_nvml_check(err, api, result, sym);
}

/* The servers: half stopped, half started. */
WRAP(tr_run__claim,
	(const struct tr_server_spec *spec, const char *runtime, const char *launch,
		struct tr_err *err),
	(spec, runtime, launch, err))
WRAP(tr_run__unclaim, (const char *name, struct tr_err *err), (name, err))
WRAP(tr_stack_apply, (struct tr_stack_run * run, struct tr_err *err), (run, err))
