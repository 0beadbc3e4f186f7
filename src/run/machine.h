/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a doctor finds on the machine itself: programs, control groups, services that clash, CDI
 * specs. Each finding says what is there, whether it matters, and what to type. Nothing is changed,
 * but for a control group that is made and removed at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum tr_finding_kind { TR_FINDING_OK, TR_FINDING_NOTE, TR_FINDING_PROBLEM };

struct tr_finding {
	enum tr_finding_kind kind;
	char what[24]; /* "podman", "control groups" */
	char text[320];
	char fix[256]; /* what to type, a line or two; "" when there is nothing to do */
};

struct tr_findings {
	size_t n;
	struct tr_finding *v;
	bool failed; /* out of memory */
};
void tr_findings_done(struct tr_findings *findings);
/* fix NULL: none. */
void tr_findings_add(struct tr_findings *findings, enum tr_finding_kind kind, const char *what,
	const char *fix, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* podman, docker, runc, crun, tranche-shim, and their traps on this machine. */
void tr_machine_runtimes(struct tr_findings *ret);
/* Which version, and whether a server's limits can be set. */
void tr_machine_cgroups(struct tr_findings *ret);
/* Programs that hold cards or hand them out themselves, by the names in PROC/PID/comm. On a virtual
 * node (`matters` false) they do no harm. */
void tr_machine_services(const char *proc, bool matters, struct tr_findings *ret);
/* Docker daemons, by the names in PROC/PID/comm: is there a hook on a daemon's PATH, by which
 * `docker run
 * --gpus` reaches a virtual node? Nothing is said where the PATH cannot be read, or none runs. */
void tr_machine_hook(const char *proc, struct tr_findings *ret);
/* nvidia-ctk, and whether the CDI specs in these folders name every slice: a spec that is older
 * than the slices starts containers on none, or on the wrong one. */
void tr_machine_cdi(const char *const *dirs, size_t n_dirs, const char *const *uuids,
	size_t n_uuids, struct tr_findings *ret);
