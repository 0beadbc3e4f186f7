/* SPDX-License-Identifier: Apache-2.0 */
/* What plans for models, their reasons and what is written of them share. */
#pragma once

#include <tranche/plan.h>

#include "base/buf.h"
#include "core/models.h"

struct tr_fleet_run {
	struct tr_models_file *file;
	struct tr_card cards[TR_FLEET_KINDS];
	size_t n_held;
	struct tr_card *held_cards;
	struct tr_fleet_held *held;
	size_t *held_of; /* by running card */
	struct tr_fleet_model *models;
	struct tr_fleet_plan *plan;
	uint64_t price_step; /* thousandths; 0: no prices */
	struct tr_fleet ask;
};

/* What the public plan's pointers lead to. */
struct tr_models_own {
	struct tr_models_plan plan; /* first: the two are one pointer */
	struct tr_fleet_run run;
	struct tr_models_slice *slices;
	struct tr_strv files;
};

/* The row of the measurements by which a slice carries a model; NULL when none. */
const struct tr_profile_row *tr_fleet__row(
	const struct tr_fleet_run *run, size_t m, size_t kind, const struct tr_gi_profile *profile);
/* What a slice carries of a model: millionths of a request, or one replica. */
int64_t tr_fleet__carries(
	const struct tr_fleet_run *run, size_t m, size_t kind, const struct tr_gi_profile *profile);
/* Fills in what the model still needs beside what runs, and what slices carry of it. */
void tr_fleet__set_model(const struct tr_fleet_run *run, size_t m, struct tr_fleet_model *ret);
