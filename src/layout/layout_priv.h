/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the reader of layout files: the two formats and what both need. */
#pragma once

#include "layout/layout.h"

/* Reads a file's tree into labels, in one format. */
int tr_layout__read_stock(
	struct tr_layout_file *layout, const struct tr_yaml *root, struct tr_err *err);
int tr_layout__read_own(
	struct tr_layout_file *layout, const struct tr_yaml *root, struct tr_err *err);

/* Reads one mapping of a label's list. */
typedef int tr_layout__read_spec_fn(const struct tr_layout_file *layout,
	const struct tr_yaml *value, struct tr_layout_spec *spec, struct tr_err *err);
/* The labels of `key`: a mapping of name to list, neither of them empty. */
int tr_layout__read_labels(struct tr_layout_file *layout, const struct tr_yaml *root,
	const char *key, tr_layout__read_spec_fn *read, struct tr_err *err);

/* Refuses keys that are none of `names`. */
int tr_layout__check_keys(const struct tr_layout_file *layout, const struct tr_yaml *mapping,
	const char *where, const char *const *names, size_t n, struct tr_err *err);
int tr_layout__no_memory(const struct tr_layout_file *layout, struct tr_err *err);

/* Plain text that YAML 1.1 takes for a whole number / a truth value; false when it is none. */
bool tr_layout__number(const struct tr_yaml *value, uint32_t max, uint32_t *ret);
bool tr_layout__truth(const struct tr_yaml *value, bool *ret);
