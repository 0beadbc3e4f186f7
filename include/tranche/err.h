/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error object of tranche.
 *
 * Every call that can fail returns 0, or -code with `err` filled in. The object belongs to the
 * caller, needs no heap (so it works when memory is out) and no free. It is never touched on
 * success. `msg` says what happened, to what, and why, outermost context first, lower case, no
 * full stop. `hint` says what to type next; it may be empty.
 */
#ifndef TRANCHE_ERR_H
#define TRANCHE_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with everything hidden but what is declared here. */
#pragma GCC visibility push(default)

enum tr_code {
	TR_E_OK = 0,
#define TR_ERR(name, exit_status, http_status, text) TR_E_##name,
#include <tranche/err.def>
#undef TR_ERR
	TR_E_COUNT
};

struct tr_err {
	enum tr_code code;
	char msg[1536]; /* cut when longer, never overrun */
	char hint[512];
};

/* The text of a code ("not found"). Never NULL; "unknown error" for a number that is no code. */
const char *tr_code_text(enum tr_code code);

/* The name of a code as in err.def ("NOT_FOUND"). Never NULL. */
const char *tr_code_name(enum tr_code code);

/* The status that the command line exits with for a code; 1 for a number that is no code. */
int tr_code_exit_status(enum tr_code code);

/* The status that an HTTP answer carries for a code; 500 for a number that is no code. */
int tr_code_http_status(enum tr_code code);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
