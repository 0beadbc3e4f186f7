/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MIG mode of a card. Nobody is thrown off: a card that somebody uses keeps its mode.
 */
#pragma once

#include "core/scene.h"

/* Who uses a card, by the driver's own list: "" when nobody. Slices count when `on` is false. */
int tr_mig_busy(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_buf *ret, struct tr_err *err);

/* BUSY, with what to type, while somebody uses the card. */
int tr_mig_check(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_err *err);

/* Changes the mode and checks that it took effect. BUSY names the holders and what to type;
 * PERMISSION; UNSUPPORTED. The caller holds the node's lock. */
int tr_mig_change(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_err *err);

/* "nvidia-smi -i 0 -mig 1\n" */
void tr_mig_text(const struct tr_card *card, bool on, struct tr_buf *ret);
