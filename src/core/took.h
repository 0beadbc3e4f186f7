/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long things took when they were last done on a node: for the estimate of the next plan. In
 * the store. What was never done there is unknown.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tr_node;

enum tr_took_kind {
	TR_TOOK_MODE,  /* a change of MIG mode; name: the card's UUID */
	TR_TOOK_STOP,  /* a server; name: "STACK/MODEL" */
	TR_TOOK_START, /* the same, from its start until it answers */
};

/* Remembers one. That it could not be written is no reason to fail what was timed. */
void tr_took_note(const struct tr_node *node, enum tr_took_kind kind, const char *name, int64_t ms);
/* False when it is unknown. */
bool tr_took(const struct tr_node *node, enum tr_took_kind kind, const char *name, int64_t *ret_ms);

/* The same for a model of a stack. */
void tr_took_note_server(const struct tr_node *node, enum tr_took_kind kind, const char *stack,
	const char *model, int64_t ms);
bool tr_took_server(const struct tr_node *node, enum tr_took_kind kind, const char *stack,
	const char *model, int64_t *ret_ms);
