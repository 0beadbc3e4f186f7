/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several commands show: the node, slices, models; and how numbers look.
 */
#pragma once

#include "cli/json.h"
#include "cli/table.h"

#include <tranche/tranche.h>

TR_DEFINE_FREEP(struct tr_node, tr_node_close)
TR_DEFINE_FREEP(struct tr_gpus, tr_gpus_free)
TR_DEFINE_FREEP(struct tr_profiles, tr_profiles_free)
TR_DEFINE_FREEP(struct tr_slices, tr_slices_free)
TR_DEFINE_FREEP(struct tr_replicas, tr_replicas_free)
TR_DEFINE_FREEP(struct tr_virtuals, tr_virtuals_free)
TR_DEFINE_FREEP(struct tr_virtual_faults, tr_virtual_faults_free)
TR_DEFINE_FREEP(struct tr_virtual_trace, tr_virtual_trace_free)

/* Opens the node that a call names. A change of layout that was cut off is said on stderr. */
struct tr_call;
int tr_show_node_open(const struct tr_call *call, struct tr_node **ret, struct tr_err *err);

/* "virtual node 'demo', driver 580.159.04" and what its scale means; nothing on hardware. */
void tr_show_node(const struct tr_node *node, FILE *out);
/* "virtual", "node", "driver", "scale" of the top object; NULL node: virtual without a name. */
void tr_show_node_json(struct tr_js *js, const struct tr_node *node);

/* "virtual node 'lab' was reset", or its name as JSON. */
struct tr_call;
int tr_show_virtual_done(
	const struct tr_call *call, const char *node, const char *what, struct tr_err *err);

/* "37MiB / 19968MiB" as one cell; "-" when unknown. */
void tr_show_memory(struct tr_table *table, bool has_memory, uint64_t used, uint64_t total);
/* "5s", "2m10s", "3h05m", "4d02h"; "-" for 0, which is unknown. */
void tr_show_age(struct tr_table *table, int64_t since_unix_ms, int64_t now_unix_ms);
/* "stack/model-replica". */
void tr_show_model_name(struct tr_buf *ret, const char *stack, const char *model, uint32_t replica);
/* A hint: COMMAND and each of the names (lines), a line each. */
void tr_show_stack_names(struct tr_buf *ret, const char *command, const char *names);
/* "0-1": the memory slices that a placement takes. */
void tr_show_place(struct tr_table *table, uint32_t start, uint32_t size);

/* Slices as a table, as JSON, or one UUID a line. */
int tr_show_slices(const struct tr_node *node, const struct tr_slices *slices, struct tr_err *err);
int tr_show_slices_json(
	const struct tr_node *node, const struct tr_slices *slices, struct tr_err *err);
void tr_show_slice_ids(const struct tr_node *node, const struct tr_slices *slices);
/* One slice's keys; with_owner: also whose it is and who is on it. */
void tr_show_slice_fields(
	struct tr_js *js, json_t *object, const struct tr_slice *slice, bool with_owner);

/* The models, as `ps` shows them; as JSON; and where they are reached, as `up` ends. */
int tr_show_replicas(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err);
int tr_show_replicas_json(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err);
int tr_show_endpoints(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err);
