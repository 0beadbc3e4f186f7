/* SPDX-License-Identifier: Apache-2.0 */
#include "core/card.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <stdio.h>
#include <string.h>

enum { MAX_GI_ENUMS = 64, MAX_INSTANCES = 16, MAX_CIS = 8, MAX_MIG_DEVICES = 64 };

/* --- What a card offers --- */

static void put_profile(struct tr_card *card, const char *name, uint32_t id, uint32_t slices,
	uint64_t memory_mib, uint32_t sm, uint32_t max)
{
	struct tr_plan_profile *profile = &card->profiles[card->n_profiles];

	*profile = (struct tr_plan_profile){
		.id = id, .compute_slices = slices, .memory_mib = memory_mib, .max = max
	};
	snprintf(profile->name, sizeof(profile->name), "%s",
		strncmp(name, "MIG ", 4) == 0 ? name + 4 : name);
	card->profile_sm[card->n_profiles++] = sm;
}

/* A driver that does not tell a profile's name (before R525) tells its id, which facts name. */
static void name_by_facts(struct tr_card *card)
{
	struct tr_plan_profile *profile = &card->profiles[card->n_profiles - 1];
	const struct tr_gi_profile *row =
		card->product ? tr_facts_profile_by_id(card->product->model, profile->id) : NULL;

	snprintf(profile->name, sizeof(profile->name), "%s", row ? row->name : "?");
}

static int read_placements(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	struct tr_plan_profile *profile = &card->profiles[card->n_profiles - 1];
	nvmlGpuInstancePlacement_t places[64];
	unsigned n = 0;

	if (TR_NVML(err, node->api, nvmlDeviceGetGpuInstancePossiblePlacements_v2,
		    (card->device, profile->id, NULL, &n)) < 0)
		return tr_wrap(err, "GPU %u, placements of %s", card->idx, profile->name);
	if (n > TR_COUNT(places))
		n = TR_COUNT(places);
	if (n > 0 && TR_NVML(err, node->api, nvmlDeviceGetGpuInstancePossiblePlacements_v2,
			     (card->device, profile->id, places, &n)) < 0)
		return tr_wrap(err, "GPU %u, placements of %s", card->idx, profile->name);
	for (unsigned i = 0; i < n && profile->n_starts < TR_PLAN_MAX_STARTS; i++) {
		profile->size = places[i].size;
		profile->starts[profile->n_starts++] = (uint8_t)places[i].start;
	}
	return 0;
}

/* One profile by its NVML enum; 1 behind the last, 2 for one that this card lacks. */
static int read_profile(
	const struct tr_node *node, struct tr_card *card, unsigned gi_enum, struct tr_err *err)
{
	nvmlGpuInstanceProfileInfo_v2_t named = { .version = NVML_VERSION_WORD(
							  nvmlGpuInstanceProfileInfo_v2_t, 2) };
	nvmlGpuInstanceProfileInfo_t plain = { 0 };
	nvmlReturn_t r = NVML_ERROR_FUNCTION_NOT_FOUND;

	if (node->api->nvmlDeviceGetGpuInstanceProfileInfoV)
		r = node->api->nvmlDeviceGetGpuInstanceProfileInfoV(card->device, gi_enum, &named);
	if (r == NVML_SUCCESS) {
		put_profile(card, named.name, named.id, named.sliceCount, named.memorySizeMB,
			named.multiprocessorCount, named.instanceCount);
		return 0;
	}
	if (r == NVML_ERROR_FUNCTION_NOT_FOUND && node->api->nvmlDeviceGetGpuInstanceProfileInfo) {
		r = node->api->nvmlDeviceGetGpuInstanceProfileInfo(card->device, gi_enum, &plain);
		if (r == NVML_SUCCESS) {
			put_profile(card, "", plain.id, plain.sliceCount, plain.memorySizeMB,
				plain.multiprocessorCount, plain.instanceCount);
			name_by_facts(card);
			return 0;
		}
	}
	if (r == NVML_ERROR_INVALID_ARGUMENT)
		return 1;
	if (r == NVML_ERROR_NOT_SUPPORTED)
		return 2;
	tr_nvml_check(err, node->api, r, "nvmlDeviceGetGpuInstanceProfileInfo");
	return tr_wrap(err, "GPU %u", card->idx);
}

/* A driver that tells nothing while MIG is off (before R550): the facts do. */
static void profiles_by_facts(struct tr_card *card)
{
	const struct tr_gpu_model *model = card->product ? card->product->model : NULL;

	for (uint32_t i = 0; model && i < model->n_profiles; i++) {
		const struct tr_gi_profile *row = &model->profiles[i];
		struct tr_plan_profile *profile = &card->profiles[card->n_profiles];

		put_profile(card, row->name, row->id, row->slices, row->memory_mib, row->sm,
			row->max_instances);
		profile->size = row->size;
		profile->n_starts = row->n_starts;
		memcpy(profile->starts, row->starts, sizeof(row->starts));
	}
}

/* In the order of `nvidia-smi mig -lgip`: smallest first. Some 20 rows. */
static void sort_profiles(struct tr_card *card)
{
	for (size_t i = 1; i < card->n_profiles; i++) {
		for (size_t at = i; at > 0; at--) {
			struct tr_plan_profile *a = &card->profiles[at - 1];
			struct tr_plan_profile *b = &card->profiles[at];
			struct tr_plan_profile profile = *a;
			uint32_t sm = card->profile_sm[at - 1];

			if (a->compute_slices < b->compute_slices ||
				(a->compute_slices == b->compute_slices && a->size <= b->size))
				break;
			*a = *b;
			*b = profile;
			card->profile_sm[at - 1] = card->profile_sm[at];
			card->profile_sm[at] = sm;
		}
	}
}

static int read_profiles(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	for (unsigned e = 0; e < MAX_GI_ENUMS && card->n_profiles < TR_CARD_MAX_PROFILES; e++) {
		int r = read_profile(node, card, e, err);

		if (r < 0)
			return r;
		if (r == 1)
			break;
		if (r == 0 && read_placements(node, card, err) < 0) {
			/* Older drivers tell placements to root only. */
			if (err->code != TR_E_PERMISSION)
				return -(int)err->code;
			card->n_profiles = 0;
			break;
		}
	}
	if (card->n_profiles == 0)
		profiles_by_facts(card);
	sort_profiles(card);
	return 0;
}

/* --- What it holds --- */

static void add_slice(struct tr_card *card, const struct tr_card_slice *slice)
{
	size_t at = card->n_slices;

	if (at == TR_CARD_MAX_SLICES)
		return;
	for (; at > 0 && card->slices[at - 1].start > slice->start; at--)
		card->slices[at] = card->slices[at - 1];
	card->slices[at] = *slice;
	card->n_slices++;
}

/* The MIG devices of one GPU instance: a row each; one row without a device where there is none. */
static void add_instance(const struct tr_node *node, struct tr_card *card,
	const nvmlGpuInstanceInfo_t *info, const nvmlDevice_t *devices, unsigned n_devices)
{
	const struct tr_plan_profile *profile = tr_card_profile(card, info->profileId);
	struct tr_card_slice slice = { .gi_id = info->id,
		.profile_id = info->profileId,
		.start = info->placement.start,
		.size = info->placement.size };
	bool any = false;

	for (unsigned d = 0; d < n_devices; d++) {
		char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE] = "";
		const char *mig;
		unsigned gi_id;

		if (node->api->nvmlDeviceGetGpuInstanceId(devices[d], &gi_id) != NVML_SUCCESS ||
			gi_id != info->id)
			continue;
		slice.has_device = any = true;
		slice.device = devices[d];
		node->api->nvmlDeviceGetUUID(devices[d], slice.uuid, sizeof(slice.uuid));
		node->api->nvmlDeviceGetName(devices[d], name, sizeof(name));
		mig = strstr(name, " MIG ");
		snprintf(slice.profile, sizeof(slice.profile), "%s",
			mig && strstr(mig, "c.") ? mig + 5
			: profile		 ? profile->name
						 : "?");
		add_slice(card, &slice);
	}
	snprintf(slice.profile, sizeof(slice.profile), "%s", profile ? profile->name : "?");
	if (!any)
		add_slice(card, &slice);
}

static unsigned mig_devices(
	const struct tr_node *node, const struct tr_card *card, nvmlDevice_t ret[MAX_MIG_DEVICES])
{
	unsigned max = 0, n = 0;

	if (!node->api->nvmlDeviceGetMaxMigDeviceCount ||
		!node->api->nvmlDeviceGetMigDeviceHandleByIndex ||
		!node->api->nvmlDeviceGetGpuInstanceId ||
		node->api->nvmlDeviceGetMaxMigDeviceCount(card->device, &max) != NVML_SUCCESS)
		return 0;
	for (unsigned i = 0; i < max && n < MAX_MIG_DEVICES; i++)
		if (node->api->nvmlDeviceGetMigDeviceHandleByIndex(card->device, i, &ret[n]) ==
			NVML_SUCCESS)
			n++;
	return n;
}

static int read_slices(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	nvmlDevice_t devices[MAX_MIG_DEVICES];
	unsigned n_devices = mig_devices(node, card, devices);

	for (size_t p = 0; p < card->n_profiles; p++) {
		nvmlGpuInstance_t instances[MAX_INSTANCES];
		unsigned n = 0;

		if (TR_NVML(err, node->api, nvmlDeviceGetGpuInstances,
			    (card->device, card->profiles[p].id, instances, &n)) < 0) {
			if (err->code != TR_E_PERMISSION)
				return tr_wrap(err, "GPU %u", card->idx);
			card->slices_hidden = true;
			return 0;
		}
		for (unsigned i = 0; i < n && i < MAX_INSTANCES; i++) {
			nvmlGpuInstanceInfo_t info;

			if (TR_NVML(err, node->api, nvmlGpuInstanceGetInfo, (instances[i], &info)) <
				0)
				return tr_wrap(err, "GPU %u", card->idx);
			add_instance(node, card, &info, devices, n_devices);
		}
	}
	return 0;
}

/* --- One card --- */

static int read_names(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	nvmlPciInfo_t pci = { 0 };

	if (TR_NVML(err, node->api, nvmlDeviceGetHandleByIndex_v2, (card->idx, &card->device)) <
			0 ||
		TR_NVML(err, node->api, nvmlDeviceGetName,
			(card->device, card->name, sizeof(card->name))) < 0 ||
		TR_NVML(err, node->api, nvmlDeviceGetUUID,
			(card->device, card->uuid, sizeof(card->uuid))) < 0 ||
		TR_NVML(err, node->api, nvmlDeviceGetPciInfo_v3, (card->device, &pci)) < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	snprintf(card->pci, sizeof(card->pci), "%.*s", (int)sizeof(pci.busId), pci.busId);
	card->pci_id = pci.pciDeviceId;
	card->pci_subsystem = pci.pciSubSystemId;
	card->product = tr_facts_product_by_pci(pci.pciDeviceId >> 16);
	if (!card->product)
		card->product = tr_facts_product_by_name(card->name);
	return 0;
}

static int read_clients(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	TR_AUTO_BUF who = { 0 };
	size_t n = 0;

	if (tr_holders_read(node, card->device, &holders, &n, err) < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	tr_holders_name(holders, n, &who);
	snprintf(card->clients, sizeof(card->clients), "%s", tr_buf_str(&who));
	return tr_buf_ok(&who, err);
}

static int read_card(const struct tr_node *node, struct tr_card *card, struct tr_err *err)
{
	unsigned current = 0, pending = 0;
	nvmlMemory_t memory;
	nvmlReturn_t r;

	if (read_names(node, card, err) < 0)
		return -(int)err->code;
	/* In a container that holds one slice the card's own memory is not ours to see. */
	if (node->api->nvmlDeviceGetMemoryInfo(card->device, &memory) == NVML_SUCCESS) {
		card->has_memory = true;
		card->memory_bytes = memory.total;
		card->memory_used_bytes = memory.used;
	}
	if (!node->api->nvmlDeviceGetMigMode)
		return 0;
	r = node->api->nvmlDeviceGetMigMode(card->device, &current, &pending);
	if (r == NVML_ERROR_NOT_SUPPORTED)
		return 0;
	if (tr_nvml_check(err, node->api, r, "nvmlDeviceGetMigMode") < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	card->has_mig_mode = true;
	card->mig_on = current == NVML_DEVICE_MIG_ENABLE;
	card->mig_pending = pending == NVML_DEVICE_MIG_ENABLE;
	if (read_profiles(node, card, err) < 0)
		return -(int)err->code;
	return card->mig_on ? read_slices(node, card, err) : read_clients(node, card, err);
}

int tr_cards_read(const struct tr_node *node, struct tr_cards *ret, struct tr_err *err)
{
	TR_AUTO(tr_cards_done) struct tr_cards cards = { 0 };
	unsigned n = 0;

	if (TR_NVML(err, node->api, nvmlDeviceGetCount_v2, (&n)) < 0)
		return -(int)err->code;
	cards.v = calloc(n ? n : 1, sizeof(*cards.v));
	if (!cards.v)
		return tr_fail(err, TR_E_NO_MEMORY, "read the cards: out of memory");
	for (; cards.n < n; cards.n++) {
		cards.v[cards.n].idx = (uint32_t)cards.n;
		if (read_card(node, &cards.v[cards.n], err) < 0)
			return -(int)err->code;
	}
	*ret = cards;
	cards = (struct tr_cards){ 0 };
	return 0;
}

void tr_cards_done(struct tr_cards *cards)
{
	free(cards->v);
	*cards = (struct tr_cards){ 0 };
}

int tr_card_find(
	const struct tr_cards *cards, uint32_t idx, const struct tr_card **ret, struct tr_err *err)
{
	if (idx >= cards->n) {
		tr_fail(err, TR_E_NOT_FOUND, "there is no GPU %u: the node has %zu", idx, cards->n);
		return tr_hint(err, "tranche gpus   lists them");
	}
	*ret = &cards->v[idx];
	return 0;
}

const struct tr_card *tr_card_by_uuid(const struct tr_cards *cards, const char *uuid)
{
	for (size_t i = 0; i < cards->n; i++)
		if (strcmp(cards->v[i].uuid, uuid) == 0)
			return &cards->v[i];
	return NULL;
}

const struct tr_card_slice *tr_card_slice_at(const struct tr_card *card, uint32_t start)
{
	for (size_t i = 0; i < card->n_slices; i++)
		if (card->slices[i].start == start)
			return &card->slices[i];
	return NULL;
}

const struct tr_plan_profile *tr_card_profile(const struct tr_card *card, uint32_t profile_id)
{
	for (size_t i = 0; i < card->n_profiles; i++)
		if (card->profiles[i].id == profile_id)
			return &card->profiles[i];
	return NULL;
}

uint32_t tr_card_profile_sm(const struct tr_card *card, uint32_t profile_id)
{
	for (size_t i = 0; i < card->n_profiles; i++)
		if (card->profiles[i].id == profile_id)
			return card->profile_sm[i];
	return 0;
}

static const char *oldest_driver(enum tr_arch arch)
{
	switch (arch) {
	case TR_ARCH_HOPPER:
		return "R525";
	case TR_ARCH_BLACKWELL:
		return "R570";
	case TR_ARCH_AMPERE:
	case TR_ARCH_ADA:
		break;
	}
	return "R450";
}

bool tr_card_can_slice(const struct tr_card *card, char why[256])
{
	TR_AUTO_BUF able = { 0 };
	size_t n;
	const struct tr_gpu_model *models = tr_facts_models(&n);

	if (card->has_mig_mode)
		return true;
	/* The card has MIG, and its driver knows nothing of it. */
	if (card->product && card->product->model->has_mig) {
		snprintf(why, 256,
			"the driver does not offer MIG for '%s': %s or newer is needed, and a "
			"container must be given the card with its utility functions",
			card->name, oldest_driver(card->product->model->arch));
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (models[i].has_mig)
			tr_buf_addf(&able, "%s%s", able.len ? ", " : "", models[i].title);
	snprintf(why, 256, "'%s' has no MIG; among those that have: %s", card->name,
		tr_buf_str(&able));
	return false;
}

/* --- Who is on it --- */

static void name_process(struct tr_holder *holder)
{
	char path[64];
	TR_AUTO_FREE char *text = NULL;
	struct tr_err ignored;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)holder->pid);
	if (tr_read_file(path, 256, &text, NULL, &ignored) == 0)
		snprintf(holder->command, sizeof(holder->command), "%.*s", (int)strcspn(text, "\n"),
			text);
}

enum { MAX_PROCESSES = 256 };

/* NOT_SUPPORTED is an empty list: not every card draws. */
static int list_processes(const struct tr_node *node, nvmlDevice_t device,
	nvmlReturn_t (*list)(nvmlDevice_t, unsigned *, nvmlProcessInfo_t *),
	nvmlProcessInfo_t ret[MAX_PROCESSES], unsigned *ret_n, struct tr_err *err)
{
	unsigned n = MAX_PROCESSES;
	nvmlReturn_t r = list ? list(device, &n, ret) : NVML_ERROR_NOT_SUPPORTED;

	*ret_n = r == NVML_SUCCESS ? n : 0;
	return r == NVML_ERROR_NOT_SUPPORTED
		       ? 0
		       : tr_nvml_check(err, node->api, r, "nvmlDeviceGet...RunningProcesses_v3");
}

int tr_holders_read(const struct tr_node *node, nvmlDevice_t device, struct tr_holder **ret,
	size_t *ret_n, struct tr_err *err)
{
	nvmlProcessInfo_t infos[2][MAX_PROCESSES];
	struct tr_holder *holders;
	unsigned n[2];
	size_t at = 0;

	if (list_processes(node, device, node->api->nvmlDeviceGetComputeRunningProcesses_v3,
		    infos[0], &n[0], err) < 0 ||
		list_processes(node, device, node->api->nvmlDeviceGetGraphicsRunningProcesses_v3,
			infos[1], &n[1], err) < 0)
		return -(int)err->code;
	holders = calloc(n[0] + n[1] + 1, sizeof(*holders));
	if (!holders)
		return tr_fail(err, TR_E_NO_MEMORY, "read the processes: out of memory");
	for (int kind = 0; kind < 2; kind++) {
		for (unsigned i = 0; i < n[kind]; i++, at++) {
			uint64_t bytes = infos[kind][i].usedGpuMemory;

			holders[at].pid = (int32_t)infos[kind][i].pid;
			holders[at].has_memory = bytes != NVML_VALUE_NOT_AVAILABLE;
			holders[at].memory_bytes = holders[at].has_memory ? bytes : 0;
			name_process(&holders[at]);
		}
	}
	*ret = holders;
	*ret_n = at;
	return 0;
}

void tr_holders_name(const struct tr_holder *holders, size_t n, struct tr_buf *ret)
{
	for (size_t i = 0; i < n && i < 4; i++)
		tr_buf_addf(ret, "%spid %d (%s)", i ? ", " : "", (int)holders[i].pid,
			*holders[i].command ? holders[i].command : "gone");
	if (n > 4)
		tr_buf_addf(ret, " and %zu more", n - 4);
}
