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
 *
 * Reading it reads the measured profiles too. Complaints are FILE:LINE:COLUMN.
 */
#pragma once

#include "facts/facts.h"
#include "plan/fleet.h"
#include "plan/profile.h"
#include "yaml/yaml.h"

enum { TR_MODELS_MAX = 256 };

struct tr_err;

struct tr_models_gpu {
	const struct tr_gpu_model *model;
	int64_t count;		    /* -1: any number */
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
};

/* gpus: "a100-80gb=8,h200-141gb" in place of the file's, or NULL. The result is the caller's. */
int tr_models_load(
	const char *file, const char *gpus, struct tr_models_file **ret, struct tr_err *err);
void tr_models_free(struct tr_models_file *models);
TR_DEFINE_FREEP(struct tr_models_file, tr_models_free)

/* INVALID at a place of the file. */
int tr_models_fail(const struct tr_models_file *models, struct tr_where at, struct tr_err *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
