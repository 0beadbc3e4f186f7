/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines: the programs that serve a model. Rows of data (data/engines.def), and one function that
 * turns a row and a model into a command line.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct tr_err;
struct tr_model;

/* An argument of the user's that an engine does not take. */
struct tr_engine_refusal {
	const char *flag;  /* as typed, or with "=VALUE" behind it; NULL ends a list */
	const char *value; /* only with this value; NULL: with any */
	const char *why;   /* "tranche sets it" */
};

/* A flag that an engine gets unless the user gives it; of several rows for one flag, the last whose
 * from_mib the slice has. Rows of a flag stand together, the smallest from_mib first. */
struct tr_engine_default {
	const char *flag, *value; /* flag NULL ends a list */
	uint32_t from_mib;	  /* memory of the slice */
};

struct tr_engine {
	const char *name;	   /* as in the stack file */
	const char *image;	   /* default image; NULL: the file must name one for containers */
	const char *image_virtual; /* the same on a virtual node: an engine that needs no GPU */
	const char *program;	   /* under runtime process; NULL: args[0] of the model */
	bool needs_model;
	/* Templates, NULL-terminated, NULL for none: see tr_engine_command. */
	const char *const *args_program; /* first, behind the program ("serve") ... */
	const char *const *args_image;	 /* ... or first in a container, behind its entry point */
	const char *const *args;	 /* then these */
	const char *const *args_file;	 /* behind them when the model is a file or folder ... */
	const char *const *args_hub;	 /* ... or a hub id; NULL: this engine takes none */
	const char *ready_path;	   /* HTTP 200 here means ready; NULL: a listening port does */
	const char *models_target; /* where a model file's folder is mounted in a container */
	const char *cache_target;  /* where `cache` is mounted */
	const char *cache_env;	   /* the variable that says so; NULL: none */
	bool names_apart;	   /* an argument that is "${NAMES}" becomes one for each name */
	const struct tr_engine_default *defaults; /* NULL: none */
	const struct tr_engine_refusal *refused;  /* NULL: it takes every argument */
	const char *containers_only; /* why it cannot be a plain process on a slice; NULL: it can */
	uint32_t shm_mib;	     /* shared memory that its container needs; 0: the usual */
};

/* NULL when there is no engine of that name. */
const struct tr_engine *tr_engine_find(const char *name);
/* "llama.cpp, vllm, ...": for messages. Appended to ret. */
void tr_engine_names(struct tr_buf *ret);

/* What a command line may refer to. */
struct tr_engine_vars {
	const char *host;	/* ${HOST} address to listen on */
	uint16_t port;		/* ${PORT} */
	const char *model;	/* ${MODEL} as the server sees it (mounted path, or the hub id) */
	bool is_file;		/* model is a file or folder on this machine */
	const char *names;	/* ${NAMES} see tr_model_names; ${NAME} is the first of them */
	const char *slice_uuid; /* ${SLICE_UUID} */
	uint32_t slice_memory_mib; /* ${SLICE_MEMORY_MIB} */
	bool in_container;	   /* then the program is left out: the image's entry point is it */
};

/* The server's argument vector: program (unless in a container), the row's arguments, its defaults,
 * the model's own `args` last, each with ${...} put in. INVALID for an unknown ${NAME}, which lists
 * the known ones ($$ is a dollar). */
int tr_engine_command(const struct tr_model *model, const struct tr_engine_vars *vars,
	struct tr_strv *ret, struct tr_err *err);

/* INVALID when an argument of the user's holds an unknown ${NAME}, or one that is not closed. */
int tr_engine_check_arg(const char *arg, struct tr_err *err);

/* What the server calls itself, appended: "chat,Qwen/Qwen3-4B", with a file's or folder's last part
 * in place of the hub id. One name where the second could not be told from the comma between. */
void tr_model_names(const struct tr_model *model, struct tr_buf *ret);

/* True when `model` names a file or folder on this machine: starts with '/', './', '../', or ends
 * in .gguf; everything else is a hub id. */
bool tr_model_is_path(const char *model);
