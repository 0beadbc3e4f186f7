/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tell.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

/* Per thread: one thread makes one change at a time. */
static _Thread_local int64_t began_ms;

void tr_tell_begin(void)
{
	began_ms = tr_now_ms(&tr_clock_real);
}

void tr_tell(const struct tr_change *change, enum tr_step_kind kind, const char *model,
	const char *command, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	if (!change || !change->on_step)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	change->on_step(change->arg,
		&(struct tr_step){ .kind = kind,
			.what = what,
			.model = model,
			.command = command,
			.seconds = (double)(tr_now_ms(&tr_clock_real) - began_ms) / 1000.0 });
}

bool tr_is_stopped(const struct tr_change *change)
{
	return change && change->stop_flag && *change->stop_flag;
}

bool tr_is_dry(const struct tr_change *change)
{
	return change && change->dry_run;
}

static const char *const step_texts[] = {
	[TR_STEP_MIG_ON] = "mig on",
	[TR_STEP_MIG_OFF] = "mig off",
	[TR_STEP_CUT] = "cut",
	[TR_STEP_FREE] = "free",
	[TR_STEP_PULL] = "pull",
	[TR_STEP_START] = "start",
	[TR_STEP_LOADING] = "loading",
	[TR_STEP_READY] = "ready",
	[TR_STEP_KEPT] = "keep",
	[TR_STEP_STOP] = "stop",
	[TR_STEP_CLEAN] = "clean",
	[TR_STEP_WAIT] = "wait",
	[TR_STEP_NOTE] = "note",
};

const char *tr_step_text(enum tr_step_kind kind)
{
	return (size_t)kind < TR_COUNT(step_texts) ? step_texts[kind] : "step";
}
