/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a device, each thing once; what is asked how stands in data/smi_calls.def. */
#include "smi/smi_priv.h"

#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

_Static_assert(sizeof(union tr_smi_answer) >= sizeof(nvmlEccSramErrorStatus_v1_t), "too small");
_Static_assert(sizeof(union tr_smi_answer) >= sizeof(nvmlWorkloadPowerProfileCurrentProfiles_v1_t),
	"too small");

/* Only the first bridge is ever shown. */
static nvmlReturn_t ask_bridges(const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	nvmlBridgeChipHierarchy_t bridges = { 0 };
	nvmlReturn_t r = DO(nvmlDeviceGetBridgeChipInfo, (dev, &bridges));

	if (r == NVML_SUCCESS && bridges.bridgeCount == 0)
		r = NVML_ERROR_NOT_SUPPORTED;
	a->u[0] = bridges.bridgeChipInfo[0].type;
	a->u[1] = bridges.bridgeChipInfo[0].fwVersion;
	return r;
}

static nvmlReturn_t ask_bbx(const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	unsigned long long at = 0;
	unsigned long duration_us = 0;
	nvmlReturn_t r = DO(nvmlDeviceGetLastBBXFlushTime, (dev, &at, &duration_us));

	memcpy(a->text, &at, sizeof(at));
	memcpy(a->text + sizeof(at), &duration_us, sizeof(duration_us));
	/* Never flushed yet: as if there were no such thing. */
	return r == NVML_ERROR_NOT_READY ? NVML_ERROR_NOT_SUPPORTED : r;
}

static nvmlReturn_t ask_capability(
	const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	int major = 0, minor = 0;
	nvmlReturn_t r = DO(nvmlDeviceGetCudaComputeCapability, (dev, &major, &minor));

	a->u[0] = (unsigned)major;
	a->u[1] = (unsigned)minor;
	return r;
}

static nvmlReturn_t ask_vgpu_driver(
	const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	(void)dev;
	return DO(nvmlGetVgpuDriverCapabilities, (0, &a->u[0]));
}

static nvmlReturn_t ask_dram_encryption(
	const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	nvmlDramEncryptionInfo_v1_t current = {
		.version = NVML_VERSION_WORD(nvmlDramEncryptionInfo_v1_t, 1),
	};
	nvmlDramEncryptionInfo_v1_t pending = current;
	nvmlReturn_t r = DO(nvmlDeviceGetDramEncryptionMode, (dev, &current, &pending));

	a->u[0] = current.encryptionState;
	a->u[1] = pending.encryptionState;
	return r;
}

/* A check that fails is an answer, too. */
static nvmlReturn_t ask_inforom(const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	nvmlReturn_t r = DO(nvmlDeviceValidateInforom, (dev));

	a->u[0] = r == NVML_SUCCESS;
	return r == NVML_ERROR_CORRUPTED_INFOROM ? NVML_SUCCESS : r;
}

static nvmlReturn_t ask_retired(
	const struct tr_nvml *api, nvmlDevice_t dev, unsigned cause, union tr_smi_answer *a)
{
	unsigned count = 0;
	nvmlReturn_t r = DO(nvmlDeviceGetRetiredPages, (dev, cause, &count, NULL));

	a->u[0] = count;
	return r == NVML_ERROR_INSUFFICIENT_SIZE ? NVML_SUCCESS : r;
}

static nvmlReturn_t ask_retired_single(
	const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	return ask_retired(api, dev, NVML_PAGE_RETIREMENT_CAUSE_SINGLE_BIT, a);
}

static nvmlReturn_t ask_retired_double(
	const struct tr_nvml *api, nvmlDevice_t dev, union tr_smi_answer *a)
{
	return ask_retired(api, dev, NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT, a);
}

struct field {
	uint32_t id, scope;
};

/* Which field value an ask is; id 0: it is none. */
static struct field field_of(enum tr_smi_ask ask)
{
#define TEXT(id, call)
#define TEXT0(id, call)
#define ATEXT(id, call, a)
#define U(id, call)
#define UU(id, call)
#define UUU(id, call)
#define AU(id, call, a)
#define AAU(id, call, a, b)
#define ULL(id, call)
#define AAULL(id, call, a, b)
#define AAAULL(id, call, a, b, c)
#define PLAIN(id, call, type)
#define MADE(id, call, type, number)
#define FIELD(name, field, in_scope) [TR_ASK_##name] = { field, in_scope },
#define OWN(id, function)
	static const struct field fields[TR_ASK_COUNT] = {
#include "data/smi_calls.def"
	};
#undef TEXT
#undef TEXT0
#undef ATEXT
#undef U
#undef UU
#undef UUU
#undef AU
#undef AAU
#undef ULL
#undef AAULL
#undef AAAULL
#undef PLAIN
#undef MADE
#undef FIELD
#undef OWN
	return fields[ask];
}

/* As a signed 64-bit number, whatever NVML sends it as. */
static int64_t number_of(const nvmlFieldValue_t *value)
{
	switch (value->valueType) {
	case NVML_VALUE_TYPE_DOUBLE:
		return (int64_t)value->value.dVal;
	case NVML_VALUE_TYPE_UNSIGNED_INT:
		return value->value.uiVal;
	case NVML_VALUE_TYPE_SIGNED_INT:
		return value->value.siVal;
	case NVML_VALUE_TYPE_UNSIGNED_SHORT:
		return value->value.usVal;
	default:
		return value->value.sllVal;
	}
}

void tr_smi__ask_fields(struct tr_smi_dev *dev, const enum tr_smi_ask *asks, size_t n)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlFieldValue_t values[TR_ASK_COUNT] = { 0 };
	enum tr_smi_ask which[TR_ASK_COUNT];
	nvmlReturn_t r;
	int count = 0;

	for (size_t i = 0; i < n; i++) {
		struct field f = asks[i] < TR_ASK_COUNT ? field_of(asks[i]) : (struct field){ 0 };

		if (!f.id || dev->slots[asks[i]].is_asked)
			continue;
		dev->slots[asks[i]].is_asked = true;
		values[count].fieldId = f.id;
		values[count].scopeId = f.scope;
		which[count++] = asks[i];
	}
	if (count == 0)
		return;
	r = DO(nvmlDeviceGetFieldValues, (dev->handle, count, values));
	for (int i = 0; i < count; i++) {
		struct tr_smi_slot *slot = &dev->slots[which[i]];
		int64_t number = number_of(&values[i]);

		slot->r = r == NVML_SUCCESS ? values[i].nvmlReturn : r;
		memcpy(&slot->a, &number, sizeof(number));
	}
}

#define AT(part) ((void *)(part))

static nvmlReturn_t ask_now(
	const struct tr_nvml *api, nvmlDevice_t dev, enum tr_smi_ask ask, union tr_smi_answer *ret)
{
	switch (ask) {
#define TEXT(id, call)    \
	case TR_ASK_##id: \
		return DO(call, (dev, ret->text, 96));
#define TEXT0(id, call)   \
	case TR_ASK_##id: \
		return DO(call, (dev, ret->text));
#define ATEXT(id, call, a) \
	case TR_ASK_##id:  \
		return DO(call, (dev, a, ret->text, 96));
#define U(id, call)       \
	case TR_ASK_##id: \
		return DO(call, (dev, &ret->u[0]));
#define UU(id, call)      \
	case TR_ASK_##id: \
		return DO(call, (dev, &ret->u[0], &ret->u[1]));
#define UUU(id, call)     \
	case TR_ASK_##id: \
		return DO(call, (dev, &ret->u[0], &ret->u[1], &ret->u[2]));
#define AU(id, call, a)   \
	case TR_ASK_##id: \
		return DO(call, (dev, a, &ret->u[0]));
#define AAU(id, call, a, b) \
	case TR_ASK_##id:   \
		return DO(call, (dev, a, b, &ret->u[0]));
#define ULL(id, call)     \
	case TR_ASK_##id: \
		return DO(call, (dev, &ret->ull));
#define AAULL(id, call, a, b) \
	case TR_ASK_##id:     \
		return DO(call, (dev, a, b, &ret->ull));
#define AAAULL(id, call, a, b, c) \
	case TR_ASK_##id:         \
		return DO(call, (dev, a, b, c, &ret->ull));
#define PLAIN(id, call, type) \
	case TR_ASK_##id:     \
		return DO(call, (dev, (type *)AT(ret)));
#define MADE(id, call, type, number)                         \
	case TR_ASK_##id:                                    \
		ret->u[0] = NVML_VERSION_WORD(type, number); \
		return DO(call, (dev, (type *)AT(ret)));
#define FIELD(id, field, scope) case TR_ASK_##id:
#define OWN(id, function) \
	case TR_ASK_##id: \
		return function(api, dev, ret);
#include "data/smi_calls.def"
	default:
		return NVML_ERROR_NOT_SUPPORTED;
	}
}

const struct tr_smi_slot *tr_smi__ask(struct tr_smi_dev *dev, enum tr_smi_ask ask)
{
	static const struct tr_smi_slot nothing = { .is_asked = true, .r = NVML_SUCCESS };
	struct tr_smi_slot *slot;

	if (ask >= TR_ASK_COUNT)
		return &nothing;
	slot = &dev->slots[ask];
	if (!slot->is_asked && field_of(ask).id)
		tr_smi__ask_fields(dev, &ask, 1);
	if (!slot->is_asked) {
		slot->is_asked = true;
		slot->r = ask_now(dev->smi->api, dev->handle, ask, &slot->a);
	}
	return slot;
}

unsigned tr_smi__number(struct tr_smi_dev *dev, enum tr_smi_ask ask)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, ask);

	return slot->r == NVML_SUCCESS ? slot->a.u[0] : 0;
}

const char *tr_smi__text(struct tr_smi_dev *dev, enum tr_smi_ask ask)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, ask);

	return slot->r == NVML_SUCCESS ? slot->a.text : "";
}
