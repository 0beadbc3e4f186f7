/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout files: what a node's cards are to be cut into, by label.
 *
 * Two formats make the same structs. nvidia-mig-parted's ("version: v1") as it stands, as strict as
 * its own reader, and ours ("version: 1"), which also says where slices start:
 *
 *	version: v1                               version: 1
 *	mig-configs:                              layouts:
 *	  lab:                                      lab:
 *	    - device-filter: ["0x233510DE"]         - product: h200-141gb
 *	      devices: [0, 1]                         gpus: [0, 1]
 *	      mig-enabled: true                       slices: [3g.71gb:4, 2g.35gb:0, 1g.18gb]
 *	      mig-devices: {"3g.71gb": 1}
 *
 * Reading asks no GPU: whether a card has such a profile, and room, only a later stage can tell; it
 * complains at the places kept here. Every complaint is FILE:LINE:COLUMN and what is allowed.
 */
#pragma once

#include "base/buf.h"
#include "yaml/yaml.h"

struct tr_err;

enum { TR_LAYOUT_MAX_COUNT = 64 };

struct tr_layout_slice {
	char profile[64]; /* "2g.20gb", or an id; a "2c." that changes nothing is left out */
	uint32_t count;
	int32_t start;	    /* -1: anywhere; else count is 1 */
	struct tr_where at; /* of the profile */
	struct tr_where at_count;
};

/* A card by index, or (ours) by UUID. */
struct tr_layout_gpu {
	uint32_t idx;
	char uuid[96]; /* "" when by index */
	struct tr_where at;
};

struct tr_layout_filter {
	uint32_t id; /* PCI device << 16 | vendor, as NVML has it */
	bool has_subsystem;
	uint32_t subsystem;
};

/* What a group of cards is to be. In file order: a later one wins where both name a card. */
struct tr_layout_spec {
	size_t n_filters;
	struct tr_layout_filter *filters; /* none: every card */
	char product[64]; /* ours: a key of the facts, or ""; put into the filters */
	bool is_all;
	size_t n_gpus;
	struct tr_layout_gpu *gpus;
	bool mig_on;
	size_t n_slices;
	struct tr_layout_slice *slices;
	struct tr_where at, at_gpus, at_filter, at_slices;
};

struct tr_layout_label {
	char *name;
	struct tr_where at;
	size_t n_specs;
	struct tr_layout_spec *specs;
};

/* `file` of the labels that come with tranche. */
#define TR_LAYOUT_SHIPPED "<shipped>"

struct tr_layout_file {
	char *file;
	bool is_stock; /* nvidia-mig-parted's format */
	size_t n_labels;
	struct tr_layout_label *labels; /* in file order */
};

/* Reads a file ("-": standard input). The result is the caller's. */
int tr_layout_load(const char *file, struct tr_layout_file **ret, struct tr_err *err);
int tr_layout_parse(const char *file, const char *text, size_t len, struct tr_layout_file **ret,
	struct tr_err *err);
void tr_layout_free(struct tr_layout_file *layout);
TR_DEFINE_FREEP(struct tr_layout_file, tr_layout_free)

/* A file with one label and nothing in it, to be filled; `file` stands in complaints. */
int tr_layout_new(
	const char *file, const char *label, struct tr_layout_file **ret, struct tr_err *err);
/* Each grows an array; NULL when memory is out. */
struct tr_layout_spec *tr_layout_add_spec(struct tr_layout_label *label);
struct tr_layout_slice *tr_layout_add_slice(struct tr_layout_spec *spec);
struct tr_layout_gpu *tr_layout_add_gpu(struct tr_layout_spec *spec);
struct tr_layout_filter *tr_layout_add_filter(struct tr_layout_spec *spec);

/* The labels that nvidia-mig-parted ships (all-disabled, all-balanced, all-1g.18gb,
 * all-1g.18gb.me), made from the facts of every card that we know. */
int tr_layout_shipped(struct tr_layout_file **ret, struct tr_err *err);

/* NULL: the only label there is. NOT_FOUND lists the labels; INVALID when one must be named. */
int tr_layout_find(const struct tr_layout_file *layout, const char *label,
	const struct tr_layout_label **ret, struct tr_err *err);

/* INVALID, "FILE:LINE:COLUMN: ..."; without a place where line is 0, as in labels made by us. */
int tr_layout_fail(const struct tr_layout_file *layout, struct tr_where at, struct tr_err *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Writes a file that reads back as the same; `stock` leaves places out, which that format cannot
 * say. Appended to ret. */
void tr_layout_write(const struct tr_layout_file *layout, bool stock, struct tr_buf *ret);

/*
 * nvidia-mig-parted's grammar, "[Cc.]Gg.Mgb[+ATTR[,ATTR]]" or "...-ATTR": false when the text is no
 * such name, `why` says what is wrong. ret gets the name with a C that equals G left out.
 */
bool tr_layout_profile(const char *text, char ret[64], const char **why);
