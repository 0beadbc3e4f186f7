/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards as the driver shows them at one moment: what they are, what they can hold, what they hold.
 *
 * GPU-instance ids live here and in cut.c, nowhere else in the library: a slice's place (card and
 * first memory slice) is its name everywhere else.
 */
#pragma once

#include "core/node.h"
#include "facts/facts.h"
#include "plan/plan.h"

enum { TR_CARD_MAX_PROFILES = 32, TR_CARD_MAX_SLICES = 64 };

/* A GPU instance, and one compute instance of it where there is one. */
struct tr_card_slice {
	uint32_t gi_id;
	uint32_t profile_id; /* of the GPU instance */
	uint32_t start, size;
	bool has_device; /* false: a GPU instance with no compute instance */
	nvmlDevice_t device;
	char uuid[96];
	char profile[64]; /* "2g.20gb"; "1c.2g.20gb" for a part of an instance */
};

struct tr_card {
	nvmlDevice_t device;
	uint32_t idx;
	char name[96], uuid[96], pci[32];
	uint32_t pci_id, pci_subsystem; /* device << 16 | vendor */
	bool has_memory;
	uint64_t memory_bytes, memory_used_bytes;
	bool has_mig_mode, mig_on, mig_pending;
	const struct tr_gpu_product *product; /* NULL: a card that data/gpus does not know */
	size_t n_profiles;
	struct tr_plan_profile profiles[TR_CARD_MAX_PROFILES];
	uint32_t profile_sm[TR_CARD_MAX_PROFILES];
	char clients[256];  /* MIG off: who uses the card, "" when nobody */
	bool slices_hidden; /* the driver shows GPU instances to root only */
	size_t n_slices;
	struct tr_card_slice slices[TR_CARD_MAX_SLICES]; /* by start */
};

struct tr_cards {
	size_t n;
	struct tr_card *v;
};

/* Reads all cards of the node. Free with tr_cards_done. */
int tr_cards_read(const struct tr_node *node, struct tr_cards *ret, struct tr_err *err);
void tr_cards_done(struct tr_cards *cards);

/* NOT_FOUND says which there are. */
int tr_card_find(
	const struct tr_cards *cards, uint32_t idx, const struct tr_card **ret, struct tr_err *err);
const struct tr_card *tr_card_by_uuid(const struct tr_cards *cards, const char *uuid);
/* The slice at a place; NULL when none is there. */
const struct tr_card_slice *tr_card_slice_at(const struct tr_card *card, uint32_t start);
const struct tr_plan_profile *tr_card_profile(const struct tr_card *card, uint32_t profile_id);
/* SMs of a profile; 0 when the card has no such profile. */
uint32_t tr_card_profile_sm(const struct tr_card *card, uint32_t profile_id);

/* False when the card cannot be sliced; `why` says so, with the cards that can. */
bool tr_card_can_slice(const struct tr_card *card, char why[256]);

/* The processes that the driver lists on a device, those that compute and those that draw; *ret is
 * the caller's (tr_holders_freep). */
int tr_holders_read(const struct tr_node *node, nvmlDevice_t device, struct tr_holder **ret,
	size_t *ret_n, struct tr_err *err);
static inline void tr_holders_freep(struct tr_holder **holders)
{
	free(*holders);
	*holders = NULL;
}
/* "pid 41 (python3), pid 52 (Xorg)"; at most four are named. */
struct tr_buf;
void tr_holders_name(const struct tr_holder *holders, size_t n, struct tr_buf *ret);
