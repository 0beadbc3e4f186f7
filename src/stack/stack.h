/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack file (tranche.yaml): what one user asks for, read and checked.
 *
 * Reading starts nothing and asks no GPU. Every complaint names file:line:column and what is
 * allowed there. Paths in the file are relative to the file's folder; they come out absolute.
 */
#pragma once

#include "base/buf.h"
#include "yaml/yaml.h"

#include <stdint.h>

struct tr_err;
struct tr_engine;

enum tr_want_kind { TR_WANT_PROFILE, TR_WANT_MEMORY, TR_WANT_AUTO, TR_WANT_WHOLE };

struct tr_slice_want {
	enum tr_want_kind kind;
	char *profile;	       /* TR_WANT_PROFILE: as typed ("2g.20gb", or an id "14") */
	uint64_t memory_bytes; /* TR_WANT_MEMORY */
};

struct tr_model {
	char *name;  /* key under models: [a-z0-9][a-z0-9._-]{0,62} */
	char *model; /* hub id, absolute folder or file; NULL only for engine command */
	const struct tr_engine *engine;
	char *image; /* NULL: the engine's own */
	struct tr_slice_want slice;
	uint32_t replicas; /* 1..64 */
	uint16_t port;	   /* 0: not asked for; replica i gets port + i */
	int32_t gpu;	   /* index; -1: any */
	char *env_file;	   /* absolute; NULL: none */
	char *cache;	   /* absolute folder; NULL: none */
	struct tr_strv args;
	struct tr_strv env;	/* KEY=VALUE */
	struct tr_strv volumes; /* HOST:TARGET[:ro], HOST absolute */
	struct tr_where at, at_slice, at_model, at_image, at_port, at_gpu, at_env_file;
};

enum tr_stack_per { TR_STACK_PER_MONTH, TR_STACK_PER_HOUR, TR_STACK_PER_YEAR };

struct tr_stack {
	char *file;	      /* as given */
	char *name;	      /* [a-z0-9][a-z0-9-]{0,30}; default: the file's folder, made to fit */
	char *gateway_listen; /* "127.0.0.1:8080"; NULL: no gateway asked for */
	double price_per_gpu; /* per `price_per` */
	enum tr_stack_per price_per;
	char *price_currency; /* NULL: no price given */
	size_t n_models;
	struct tr_model *models; /* in file order */
	char *text;		 /* the file as it stood */
};

/* Reads a file ("-": standard input, then name is required in it). ret is the caller's. */
int tr_stack_load(const char *file, struct tr_stack **ret, struct tr_err *err);
/* The same from memory; `file` is used in messages and for relative paths. */
int tr_stack_parse(
	const char *file, const char *text, size_t len, struct tr_stack **ret, struct tr_err *err);
void tr_stack_free(struct tr_stack *stack);
TR_DEFINE_FREEP(struct tr_stack, tr_stack_free)

/* Bytes of "18G", "1.5Gi": a slice's memory as the file writes it. False for anything else. */
bool tr_stack_size(const char *text, uint64_t *ret_bytes);

/* Gives the stack another name (copied). INVALID for one that a file could not give. */
int tr_stack_rename(struct tr_stack *stack, const char *name, struct tr_err *err);

/* INVALID, "FILE:LINE:COLUMN: ..." for a place in the file. */
int tr_stack_fail(const struct tr_stack *stack, struct tr_where at, struct tr_err *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
