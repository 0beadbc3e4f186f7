/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's own recipe for names (open kernel modules): a namespace, then tagged chunks of
 * length and bytes. Its per-card number is secret, so ours is derived from the node's name.
 */
#include "sim/state/state.h"

#include "base/sha1.h"

#include <string.h>

static const uint8_t namespace_bytes[16] = { 0xc8, 0x16, 0xc9, 0xa3, 0x52, 0x24, 0x56, 0xbf, 0x9d,
	0x9a, 0xac, 0x7e, 0xa7, 0x03, 0xfb, 0x5b };

struct recipe {
	uint8_t bytes[64];
	size_t len;
};

static void add(struct recipe *to, const void *bytes, size_t len)
{
	memcpy(to->bytes + to->len, bytes, len);
	to->len += len;
}

static void add_number(struct recipe *to, uint64_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to->bytes[to->len++] = (uint8_t)(number >> (8 * i));
}

static void add_card(struct recipe *to, const struct tr_sim_gpu *gpu)
{
	const struct tr_gpu_product *product = tr_facts_product(gpu->product_key);

	add(to, namespace_bytes, sizeof(namespace_bytes));
	add(to, "NVIDIA GPU", 10);
	add_number(to, 2, 1);
	add_number(to, product ? product->pci_device_id : 0, 2);
	add_number(to, 8, 1);
	add_number(to, gpu->serial, 8);
}

void tr_sim_gpu_identity(const char *node, uint32_t gpu_idx, struct tr_sim_gpu *ret_gpu)
{
	struct recipe seed = { 0 }, card = { 0 };
	uint8_t digest[20];

	add(&seed, node, strnlen(node, TR_SIM_NAME_MAX));
	add_number(&seed, gpu_idx, 4);
	tr_sha1(seed.bytes, seed.len, digest);
	memcpy(&ret_gpu->serial, digest, sizeof(ret_gpu->serial));
	add_card(&card, ret_gpu);
	tr_uuid5(card.bytes, card.len, ret_gpu->uuid);
}

void tr_sim_mig_uuid(
	const struct tr_sim_gpu *gpu, uint32_t gi_id, uint32_t ci_id, uint8_t ret_uuid[16])
{
	struct recipe slice = { 0 };

	add_card(&slice, gpu);
	add_number(&slice, 11, 1);
	add(&slice, "SMC", 3);
	add_number(&slice, gi_id, 4);
	add_number(&slice, ci_id, 4);
	tr_uuid5(slice.bytes, slice.len, ret_uuid);
}

void tr_sim_uuid_text(const char *prefix, const uint8_t uuid[16], char ret[41])
{
	memcpy(ret, prefix, 4);
	tr_uuid_text(uuid, ret + 4);
}

bool tr_sim_find_uuid(const struct tr_sim_node *node, const char *uuid, uint32_t *ret_gpu_idx,
	uint32_t *ret_gi_id, uint32_t *ret_ci_id)
{
	char text[41];

	for (uint32_t g = 0; g < node->n_gpus; g++) {
		const struct tr_sim_gpu *gpu = &node->gpus[g];

		tr_sim_uuid_text("GPU-", gpu->uuid, text);
		if (strcmp(text, uuid) == 0) {
			*ret_gpu_idx = g;
			*ret_gi_id = *ret_ci_id = TR_SIM_WHOLE;
			return true;
		}
		for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
			for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
				if (!gpu->gis[i].exists || !gpu->gis[i].cis[c].exists)
					continue;
				tr_sim_uuid_text("MIG-", gpu->gis[i].cis[c].uuid, text);
				if (strcmp(text, uuid) != 0)
					continue;
				*ret_gpu_idx = g;
				*ret_gi_id = i;
				*ret_ci_id = c;
				return true;
			}
		}
	}
	return false;
}
