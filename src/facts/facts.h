/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each GPU model can be cut into.
 *
 * The tables are generated from data/gpus/ at build (tools/gen_facts.py); each row's source stands
 * there. Three spaces of numbers, never mixed: a profile's `id` is what nvidia-smi prints and
 * calls take; its `nvml_enum` is only the argument of profile queries; a GPU-instance id says
 * where an instance sits (tr_facts_gi_id). Placements count memory slices. Everything returned is
 * static and const.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the driver's calls take on hardware: TR_MS_GI_CREATE, ... (data/times.def). */
enum tr_time {
#define TR_TIME(name, ms) TR_MS_##name = (ms),
#include "data/times.def"
#undef TR_TIME
};

enum tr_arch { TR_ARCH_AMPERE, TR_ARCH_ADA, TR_ARCH_HOPPER, TR_ARCH_BLACKWELL };

/* Which chip kind a card is: where its short half lies decides the GPU-instance ids. */
enum tr_chip_kind { TR_CHIP_NORMAL, TR_CHIP_SWAPPED };

enum tr_ci_rule { TR_CI_NONE, TR_CI_FIRST_FIT, TR_CI_CTS_ALIGNED };

struct tr_ci_profile {
	const char *name; /* "1c.3g.40gb" */
	uint32_t id;	  /* equals its NVML enum */
	uint32_t slices;  /* compute slices */
	uint32_t sm;
	uint32_t max_instances;
	bool is_default; /* spans its GPU instance */
};

struct tr_gi_profile {
	const char *name; /* "2g.20gb" */
	uint32_t id, nvml_enum;
	uint32_t slices; /* compute slices */
	uint32_t memory_mib;
	uint32_t sm, ce, dec, enc, jpeg, ofa;
	bool p2p;
	uint32_t max_instances;
	uint32_t size; /* memory slices of each placement */
	uint32_t n_starts;
	uint8_t starts[8];
	uint32_t n_ci_profiles;
	const struct tr_ci_profile *ci_profiles;
};

struct tr_gi_place {
	uint8_t start, size, gi_id;
};

struct tr_gpu_model;

/* What a card says of itself beside MIG. 0 or NULL: unknown. Clocks in MHz, temperatures in degrees
 * Celsius, power in milliwatts. */
struct tr_gpu_board {
	const char *part_number, *vbios, *inforom_image, *inforom_oem, *inforom_ecc;
	uint32_t pci_subsystem_id, pcie_gen, pcie_width;
	uint32_t clock_graphics, clock_memory, clock_video; /* the most */
	uint32_t clock_app;				    /* graphics, by default */
	uint32_t clock_idle, clock_video_idle;
	uint32_t clock_memory_low, clock_least; /* a second memory clock; the least of graphics */
	uint32_t power_idle, power_default, power_min, power_max, power_memory_idle;
	uint32_t temp_idle, temp_memory_idle;
	uint32_t temp_limit, temp_memory_limit, temp_shutdown, temp_slowdown;
	bool temp_has_margins; /* limits are told as what is left to them */
	uint32_t bar1_mib;
	uint32_t bar1_mig_mib;	 /* what slices share; 0: unknown */
	uint64_t reserved_bytes; /* of memory, by the driver */
	uint32_t remap_banks, bus_bits, cores;
};

struct tr_gpu_product {
	const char *key;  /* "a100-sxm4-80gb": what `tranche virtual create` takes */
	const char *name; /* "NVIDIA A100-SXM4-80GB" */
	uint32_t pci_device_id;
	const struct tr_gpu_model *model;
	const struct tr_gpu_board *board; /* NULL: unknown */
};

struct tr_gpu_model {
	const char *key, *title; /* "a100-80gb", "A100-80GB" */
	enum tr_arch arch;
	bool has_mig;
	bool mig_mode_survives_reboot; /* kept in the InfoROM (Ampere) */
	bool mig_mode_needs_reset;
	enum tr_ci_rule ci_rule;
	uint32_t memory_total_mib;
	uint32_t compute_slices, memory_slices;
	uint32_t n_profiles;
	const struct tr_gi_profile *profiles; /* in the order of nvidia-smi mig -lgip */
	uint32_t n_places[2];		      /* by enum tr_chip_kind; 0: no such kind */
	const struct tr_gi_place *places[2];
};

/* All models, all products; ret_n is how many. */
const struct tr_gpu_model *tr_facts_models(size_t *ret_n);
const struct tr_gpu_product *tr_facts_products(size_t *ret_n);

/* By a product's key or a model's (its first product); NULL when unknown. */
const struct tr_gpu_product *tr_facts_product(const char *key);
/* By what the driver says: PCI device id (the upper 16 bits of NVML's pciDeviceId), or the name
 * that NVML gives. NULL when unknown. */
const struct tr_gpu_product *tr_facts_product_by_pci(uint32_t pci_device_id);
const struct tr_gpu_product *tr_facts_product_by_name(const char *name);

/* NULL when the model has no such profile. The name may carry a leading "MIG ". */
const struct tr_gi_profile *tr_facts_profile_by_id(const struct tr_gpu_model *model, uint32_t id);
const struct tr_gi_profile *tr_facts_profile_by_enum(
	const struct tr_gpu_model *model, uint32_t nvml_enum);
const struct tr_gi_profile *tr_facts_profile_by_name(
	const struct tr_gpu_model *model, const char *name);

/* The compute-instance profile that spans the GPU instance; never NULL for a generated row. */
const struct tr_ci_profile *tr_facts_default_ci(const struct tr_gi_profile *profile);

/* The id of a GPU instance at this place; -1 when the model knows no such place. */
int tr_facts_gi_id(
	const struct tr_gpu_model *model, enum tr_chip_kind chip, uint32_t start, uint32_t size);

/*
 * A profile's name, taken apart: "1c.3g.40gb+me" is compute 1, slices 3, gb 40, attr "+me".
 * compute equals slices where the name has no "Cc." part. False when the text is no name.
 */
struct tr_profile_name {
	uint32_t compute, slices, gb;
	char attr[16];
};
bool tr_facts_parse_name(const char *text, struct tr_profile_name *ret);

/* The GB that the driver puts into a profile's name: the share of the card rounded up to an eighth,
 * times the card's GiB rounded up (see docs/design/facts.md). */
uint32_t tr_facts_name_gb(uint32_t memory_mib, uint32_t memory_total_mib);
