/* SPDX-License-Identifier: Apache-2.0 */
/* Where a slice goes on a fleet, and what changes when one leaves: tranche plan --arrive, --leave.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tr_call;
struct tr_err;

struct tr_arrive_opts {
	const char *fleet, *arrive, *leave, *name;
	uint32_t moves; /* 0: none */
	bool save;
};

#define TR_ARRIVE_OPTS(type, member)                                                    \
	{ "fleet", 0, TR_OPT_STRING, offsetof(type, member.fleet), "FILE",              \
		"cards and what runs on them", 0 },                                     \
		{ "arrive", 0, TR_OPT_STRING, offsetof(type, member.arrive), "PROFILE", \
			"where would such a slice go", 0 },                             \
		{ "name", 0, TR_OPT_STRING, offsetof(type, member.name), "NAME",        \
			"of the slice that arrives", 0 },                               \
		{ "moves", 0, TR_OPT_COUNT, offsetof(type, member.moves), "N",          \
			"others that may move for it", 0 },                             \
		{ "leave", 0, TR_OPT_STRING, offsetof(type, member.leave), "NAME",      \
			"that slice goes", 0 },                                         \
	{                                                                               \
		"save", 0, TR_OPT_FLAG, offsetof(type, member.save), NULL,              \
			"write the changed fleet to its file", 0                        \
	}

/* True when any of them was given. */
bool tr_arrive_is_meant(const struct tr_arrive_opts *o);
int tr_arrive_run(const struct tr_call *call, const struct tr_arrive_opts *o, struct tr_err *err);
