/* SPDX-License-Identifier: Apache-2.0 */
#include "facts/facts.h"

#include "facts/tables.h"

#include <stdlib.h>
#include <string.h>

const struct tr_gpu_model *tr_facts_models(size_t *ret_n)
{
	*ret_n = tr_facts__n_models;
	return tr_facts__models;
}

const struct tr_gpu_product *tr_facts_products(size_t *ret_n)
{
	*ret_n = tr_facts__n_products;
	return tr_facts__products;
}

const struct tr_gpu_product *tr_facts_product(const char *key)
{
	for (size_t i = 0; i < tr_facts__n_products; i++)
		if (strcmp(tr_facts__products[i].key, key) == 0)
			return &tr_facts__products[i];
	for (size_t i = 0; i < tr_facts__n_products; i++)
		if (strcmp(tr_facts__products[i].model->key, key) == 0)
			return &tr_facts__products[i];
	return NULL;
}

const struct tr_gpu_product *tr_facts_product_by_pci(uint32_t pci_device_id)
{
	for (size_t i = 0; i < tr_facts__n_products; i++)
		if (tr_facts__products[i].pci_device_id == pci_device_id)
			return &tr_facts__products[i];
	return NULL;
}

const struct tr_gpu_product *tr_facts_product_by_name(const char *name)
{
	for (size_t i = 0; i < tr_facts__n_products; i++)
		if (strcmp(tr_facts__products[i].name, name) == 0)
			return &tr_facts__products[i];
	return NULL;
}

const struct tr_gi_profile *tr_facts_profile_by_id(const struct tr_gpu_model *model, uint32_t id)
{
	for (uint32_t i = 0; i < model->n_profiles; i++)
		if (model->profiles[i].id == id)
			return &model->profiles[i];
	return NULL;
}

const struct tr_gi_profile *tr_facts_profile_by_enum(
	const struct tr_gpu_model *model, uint32_t nvml_enum)
{
	for (uint32_t i = 0; i < model->n_profiles; i++)
		if (model->profiles[i].nvml_enum == nvml_enum)
			return &model->profiles[i];
	return NULL;
}

const struct tr_gi_profile *tr_facts_profile_by_name(
	const struct tr_gpu_model *model, const char *name)
{
	if (strncmp(name, "MIG ", 4) == 0)
		name += 4;
	for (uint32_t i = 0; i < model->n_profiles; i++)
		if (strcmp(model->profiles[i].name, name) == 0)
			return &model->profiles[i];
	return NULL;
}

const struct tr_ci_profile *tr_facts_default_ci(const struct tr_gi_profile *profile)
{
	for (uint32_t i = 0; i < profile->n_ci_profiles; i++)
		if (profile->ci_profiles[i].is_default)
			return &profile->ci_profiles[i];
	return NULL;
}

int tr_facts_gi_id(
	const struct tr_gpu_model *model, enum tr_chip_kind chip, uint32_t start, uint32_t size)
{
	for (uint32_t i = 0; i < model->n_places[chip]; i++)
		if (model->places[chip][i].start == start && model->places[chip][i].size == size)
			return model->places[chip][i].gi_id;
	return -1;
}

/* Reads digits followed by `suffix`; moves *at behind them. Numbers of more than 4 digits are no
 * part of any name. */
static bool take_number(const char **at, const char *suffix, uint32_t *ret)
{
	size_t digits = strspn(*at, "0123456789"), len = strlen(suffix);

	if (digits == 0 || digits > 4 || strncmp(*at + digits, suffix, len) != 0)
		return false;
	*ret = (uint32_t)strtoul(*at, NULL, 10);
	*at += digits + len;
	return true;
}

bool tr_facts_parse_name(const char *text, struct tr_profile_name *ret)
{
	static const char *const attrs[] = { "", "+me", "+gfx", "+me.all", "-me" };
	struct tr_profile_name name = { 0 };

	if (strncmp(text, "MIG ", 4) == 0)
		text += 4;
	take_number(&text, "c.", &name.compute);
	if (!take_number(&text, "g.", &name.slices) || !take_number(&text, "gb", &name.gb))
		return false;
	if (name.compute == 0)
		name.compute = name.slices;
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		if (strcmp(text, attrs[i]) != 0)
			continue;
		memcpy(name.attr, attrs[i], strlen(attrs[i]) + 1);
		*ret = name;
		return true;
	}
	return false;
}

uint32_t tr_facts_name_gb(uint32_t memory_mib, uint32_t memory_total_mib)
{
	uint32_t eighths = (memory_mib * 8 + memory_total_mib - 1) / memory_total_mib;
	uint32_t total_gib = (memory_total_mib + 1023) / 1024;

	return (2 * eighths * total_gib + 8) / 16; /* rounded half up */
}
