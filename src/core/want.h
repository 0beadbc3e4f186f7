/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stack asks for, one entry a server, and what a server is started from.
 */
#pragma once

#include "core/scene.h"
#include "stack/engine.h"
#include "stack/stack.h"

/* Replica i of a model. Everything that is a pointer is borrowed from the stack. */
struct tr_want {
	const struct tr_stack *stack;
	const struct tr_model *model;
	uint32_t replica;
	char who[80];	  /* "chat-0": for people */
	char server[160]; /* "tranche_NODE_STACK_MODEL_0"; '_' is in no node's and no stack's name
			   */
	char hash[41];	  /* of all that the server is started from, but its slice */
	uint16_t port;	  /* 0: any free one */
};

struct tr_wants {
	size_t n;
	struct tr_want *v;
};

/* The servers of a stack on a node under a runtime, in file order. Reads env files (their text is
 * part of the hash). Free with tr_wants_done. */
int tr_wants_make(const struct tr_node *node, const struct tr_stack *stack,
	const struct tr_runtime *runtime, struct tr_wants *ret, struct tr_err *err);
void tr_wants_done(struct tr_wants *wants);

/* The want that a server is; NULL when the stack does not ask for it. */
const struct tr_want *tr_want_of_server(
	const struct tr_wants *wants, const struct tr_server *server);
/* The same for a row. */
const struct tr_want *tr_want_of_row(const struct tr_wants *wants, const struct tr_row *row);

/*
 * What a want says to the planner. `auto` becomes an amount of memory: the model's files and a
 * quarter more for its cache, 512 MiB at least for the engine. INVALID, with the place in the file,
 * when the size of the model cannot be known.
 */
int tr_want_plan(const struct tr_node *node, const struct tr_want *want, struct tr_plan_want *ret,
	struct tr_err *err);

/* Where a server goes. */
struct tr_place {
	char uuid[96];	 /* "MIG-...", "GPU-..." */
	bool is_planned; /* not cut yet: uuid is words for people, limits are not known */
	uint64_t memory_mib;
	uint16_t port;
};

/* A server's spec with the strings that it points to. It points into itself: never copied. */
struct tr_spec {
	struct tr_server_spec s;
	char *image;
	char *gpus; /* docker's --gpus value */
	struct tr_place place;
};

/* Builds the spec of a want at a place. The spec borrows from `want`. */
int tr_spec_make(const struct tr_node *node, const struct tr_want *want,
	const struct tr_runtime *runtime, const struct tr_place *place, struct tr_spec *ret,
	struct tr_err *err);
void tr_spec_done(struct tr_spec *spec);
/* Adds to a spec what binds it to its place: environment, devices, mounts, limits. */
int tr_spec_bind(const struct tr_node *node, const struct tr_runtime *runtime, struct tr_spec *spec,
	struct tr_err *err);

/* Slices of a driver are bound by podman through a CDI spec, which knows those alone that were
 * there when it was made. Is there what makes one? Before anything is cut. */
int tr_spec_check_tool(
	const struct tr_node *node, const struct tr_runtime *runtime, struct tr_err *err);
/* Sees to it that the spec's slice can be bound: makes the CDI spec anew where it does not name it,
 * or (is_new) may name it as it was before it was cut again, and tells that. In a dry run tells
 * how. */
int tr_spec_ready(const struct tr_node *node, const struct tr_runtime *runtime,
	const struct tr_spec *spec, bool is_new, const struct tr_change *change,
	struct tr_err *err);

/* The model's files, env_file and the hosts of volumes are there; INVALID or NOT_FOUND with the
 * place in the stack file. With make_cache, the cache folder is made. */
int tr_want_check(const struct tr_want *want, bool make_cache, struct tr_err *err);
