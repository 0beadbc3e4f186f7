/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting and freeing one slice, and the rows that say whose it is.
 *
 * A row is written before the slice is cut and confirmed after; a run that is killed in between
 * leaves a row that the next one reads (tr_cut_sweep). The caller holds the node's lock.
 */
#pragma once

#include "core/scene.h"

/* The row for a slice that is about to be cut, not confirmed. */
void tr_cut_row(const struct tr_card *card, const struct tr_plan_profile *profile, uint32_t start,
	const char *stack, const char *model, uint32_t replica, struct tr_row *ret);

/* Makes the GPU instance at its place and the compute instance that spans it; all or nothing. */
int tr_cut_make(const struct tr_node *node, const struct tr_card *card,
	const struct tr_plan_profile *profile, uint32_t start, struct tr_err *err);

/* Destroys the compute instances at a place, then the GPU instance. A slice that a server has just
 * left may stay in use for a moment: IN_USE is tried again for 2 s, and for 10 s when the driver
 * lists nobody on it. Nothing there is fine. */
int tr_cut_destroy(
	const struct tr_node *node, const struct tr_card *card, uint32_t start, struct tr_err *err);

/* tr_cut_destroy, and the row is dropped. */
int tr_cut_free(
	struct tr_node *node, const struct tr_card *card, uint32_t start, struct tr_err *err);

/* What a person would type, one command a line. */
void tr_cut_make_text(const struct tr_card *card, const struct tr_plan_profile *profile,
	uint32_t start, struct tr_buf *ret);
void tr_cut_destroy_text(
	const struct tr_card *card, const struct tr_card_slice *slice, struct tr_buf *ret);

/*
 * Sets right what a killed run left: a row without a slice is dropped; a slice of no stack that was
 * never confirmed, or one with no compute instance, is freed; one of a stack is confirmed. A slice
 * that somebody else holds is left alone and its row dropped. Tells each (TR_STEP_CLEAN).
 * ret_changed: the scene must be read again.
 */
int tr_cut_sweep(struct tr_node *node, const struct tr_scene *scene, const struct tr_change *change,
	bool *ret_changed, struct tr_err *err);
