/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards on which slices run that may not move: as a models file says, or as a node shows.
 *
 *	running:
 *	  - {gpu: a100-80gb, slices: [3g.40gb:4=chat, 1g.10gb:0]}
 */
#pragma once

#include "facts/facts.h"
#include "yaml/yaml.h"

enum { TR_MODELS_RUNS = 12, TR_MODELS_RUNNING_MAX = 4096 };

struct tr_err;
struct tr_node;

struct tr_models_runs {
	const struct tr_gi_profile *profile;
	uint32_t start;
	char model[64]; /* of the file; "": somebody else's */
	char stack[64]; /* of a node; "": of none */
	struct tr_where at;
};

struct tr_models_running {
	const struct tr_gpu_model *gpu;
	int32_t idx; /* of the node's card; -1: of a file */
	size_t n;    /* 0: a card of the node that is empty */
	struct tr_models_runs slices[TR_MODELS_RUNS];
	struct tr_where at;
};

struct tr_models_cards {
	size_t n, cap;
	struct tr_models_running *v;
};

/* Grows the list; NULL when memory is out. */
struct tr_models_running *tr_models_running_add(struct tr_models_cards *cards);
void tr_models_running_done(struct tr_models_cards *cards);

/* All cards of a node that can be cut, with what stands on them; one that is held whole is left
 * out. */
int tr_models_running_read(struct tr_node *node, struct tr_models_cards *ret, struct tr_err *err);
