/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models files: what models are to be served, and by which cards.
 *
 *	version: 1
 *	gpus:
 *	  a100-80gb: {count: 8, price: 1380}
 *	models:
 *	  bert: {rate: 843, latency: 2153ms, profiles: bert.csv}
 *	  chat: {memory: 18Gi, replicas: 2}
 *	running:
 *	  - {gpu: a100-80gb, slices: [3g.40gb:4=chat, 1g.10gb:0]}
 *
 * Reading it reads the measured profiles too. Complaints are FILE:LINE:COLUMN.
 */
#pragma once

#include "core/models_running.h"
#include "facts/facts.h"
#include "plan/fleet.h"
#include "plan/profile.h"
#include "yaml/yaml.h"

enum { TR_MODELS_MAX = 256 };

struct tr_err;

struct tr_models_gpu {
	const struct tr_gpu_model *model;
	int64_t count; /* -1: any number; those that run something included */
	int64_t n_running;
	uint32_t per_node;	    /* cards of a node, for what is written */
	uint64_t price_thousandths; /* 0: not given */
	struct tr_where at;
};

struct tr_models_item {
	char *name;
	uint64_t rate_thousandths; /* 0: by memory and replicas */
	int64_t latency_us;
	uint64_t memory_bytes; /* 0: any */
	uint32_t replicas;
	struct tr_profile profiles[TR_FLEET_KINDS]; /* by kind of card; n 0: none */
	char *profile_file[TR_FLEET_KINDS];
	const struct tr_yaml *profiles_at;
	const struct tr_yaml *serve; /* how, in the words of a stack file; NULL: not said */
	struct tr_where at;
};

struct tr_models_file {
	char *file;
	struct tr_yaml *root;
	size_t n_gpus;
	struct tr_models_gpu gpus[TR_FLEET_KINDS];
	char currency[8];
	uint32_t max_processes; /* 0: any number that was measured */
	size_t n_items;
	struct tr_models_item *items;
	struct tr_models_cards running; /* none of them empty */
	bool has_node;			/* they are a node's */
	struct tr_models_cards empty;	/* that node's other cards */
};

/* gpus: "a100-80gb=8,h200-141gb" in place of the file's, or NULL. node: its cards are there, and
 * what is on them stays; or NULL. The result is the caller's. */
int tr_models_load(const char *file, const char *gpus, struct tr_node *node,
	struct tr_models_file **ret, struct tr_err *err);
void tr_models_free(struct tr_models_file *models);
TR_DEFINE_FREEP(struct tr_models_file, tr_models_free)

/* Inside: the file's `running`, once its cards and models are read; the node's in its place. */
int tr_models__read_running(
	struct tr_models_file *models, struct tr_node *node, struct tr_err *err);

struct tr_buf;
struct tr_model;
struct tr_stack;
/* Inside: the lines of a `serve` mapping, as a stack file has them: as they stand, or (with its
 * model as read) with paths that lead there from any folder, and no port. */
void tr_models__put_serve(
	const struct tr_yaml *serve, const struct tr_model *model, struct tr_buf *ret);
/* Inside: reads it as one model of a stack. ret (may be NULL) is the caller's. */
int tr_models__check_serve(const struct tr_models_file *models, const struct tr_models_item *item,
	struct tr_stack **ret, struct tr_err *err);
/* Inside: false when no such card is known, or it cannot be cut. */
bool tr_models__find_gpu(const char *key, const struct tr_gpu_model **ret);

/* INVALID at a place of the file. */
int tr_models_fail(const struct tr_models_file *models, struct tr_where at, struct tr_err *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
