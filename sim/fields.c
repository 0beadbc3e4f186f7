/* SPDX-License-Identifier: Apache-2.0 */
/* Field values: readings by number, several in one call. Each field has an answer of its own; the
 * call fails only for what is no device. */
#include "sim/load.h"

#include <string.h>
#include <time.h>

enum {
	FI_ECC_CURRENT = 1,
	FI_ECC_PENDING = 2,
	FI_ECC_FIRST = 3,
	FI_ECC_LAST = 6,
	FI_HELD_FIRST = 74, /* by power, heat, sync boost, ... */
	FI_HELD_LAST = 81,
	FI_MEMORY_TEMP = 82,
	FI_TOTAL_ENERGY = 83,
	FI_PCIE_REPLAYS = 94,
	FI_PCIE_ROLLOVERS = 95,
	FI_REMAPPED_FIRST = 142,
	FI_REMAPPED_LAST = 145,
	FI_RESETLESS_MIG = 184,
	FI_POWER_AVERAGE = 185,
	FI_POWER_INSTANT = 186,
	FI_POWER_MIN = 187,
	FI_POWER_MAX = 188,
	FI_POWER_DEFAULT = 189,
	FI_POWER_CURRENT = 190,
	FI_ENERGY = 191,
	FI_POWER_REQUESTED = 192,
	FI_TLIMIT_SHUTDOWN = 193,
	FI_TLIMIT_SLOWDOWN = 194,
	FI_TLIMIT_MEMORY = 195,
	FI_TLIMIT_MOST = 196,
	FI_PCIE_RECOVERIES = 169,
	FI_PCIE_ERRORS_FIRST = 173,
	FI_PCIE_ERRORS_LAST = 183,
	FI_PCIE_SENT = 197,
	FI_PCIE_RECEIVED = 198,
	FI_MIG_MODE_INDEPENDENT = 199,
	FI_RECOVERY_ACTION = 230,
	FI_HELD_BY_HEAT_FIRST = 269,
	FI_HELD_BY_HEAT_LAST = 271,
	FI_NEVER_GIVEN = 274,
	FI_COUNT = 289, /* of driver 580 */
	SCOPE_GPU = 0,
	SCOPE_MEMORY = 2,
	/* A caller's array; more is garbage in the count. */
	COUNT_MAX = 4096,
};

static nvmlReturn_t put_unsigned(nvmlFieldValue_t *field, uint32_t value)
{
	field->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
	field->value.ullVal = 0;
	field->value.uiVal = value;
	return NVML_SUCCESS;
}

static nvmlReturn_t put_signed(nvmlFieldValue_t *field, int32_t value)
{
	field->valueType = NVML_VALUE_TYPE_SIGNED_INT;
	field->value.ullVal = 0;
	field->value.siVal = value;
	return NVML_SUCCESS;
}

static nvmlReturn_t put_long(nvmlFieldValue_t *field, uint64_t value)
{
	field->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
	field->value.ullVal = value;
	return NVML_SUCCESS;
}

/* Unknown values are 0 in the tables. */
static nvmlReturn_t put_known(nvmlFieldValue_t *field, uint32_t value)
{
	return value ? put_unsigned(field, value) : NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t power_field(const struct tr_drv_target *target, nvmlFieldValue_t *field)
{
	const struct tr_gpu_board *board = target->product->board;

	/* A card measures its memory's average too; modules are of another kind of card. */
	if (field->scopeId == SCOPE_MEMORY && field->fieldId == FI_POWER_AVERAGE)
		return put_known(field, board->power_memory_idle);
	if (field->scopeId == SCOPE_MEMORY && field->fieldId >= FI_POWER_MIN)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (field->scopeId != SCOPE_GPU)
		return NVML_ERROR_NOT_SUPPORTED;
	switch (field->fieldId) {
	case FI_POWER_AVERAGE:
	case FI_POWER_INSTANT:
		return put_known(field, tr_load_power(target));
	case FI_POWER_MIN:
		return put_known(field, board->power_min);
	case FI_POWER_MAX:
		return put_known(field, board->power_max);
	default:
		return put_known(field, board->power_default);
	}
}

static nvmlReturn_t limit_field(const struct tr_drv_target *target, nvmlFieldValue_t *field)
{
	const struct tr_gpu_board *board = target->product->board;
	int32_t limit = (int32_t)board->temp_limit;

	if (!board->temp_has_margins)
		return NVML_ERROR_NOT_SUPPORTED;
	if (field->fieldId == FI_TLIMIT_SHUTDOWN)
		return put_signed(field, limit - (int32_t)board->temp_shutdown);
	if (field->fieldId == FI_TLIMIT_SLOWDOWN)
		return put_signed(field, limit - (int32_t)board->temp_slowdown);
	return put_signed(field, 0);
}

static nvmlReturn_t energy_field(const struct tr_drv_target *target, nvmlFieldValue_t *field)
{
	uint64_t mj = tr_load_energy(target);

	if (!mj || (field->fieldId == FI_ENERGY && field->scopeId != SCOPE_GPU))
		return NVML_ERROR_NOT_SUPPORTED;
	return put_long(field, mj);
}

static bool is_between(uint32_t id, uint32_t first, uint32_t last)
{
	return id >= first && id <= last;
}

static nvmlReturn_t board_field(const struct tr_drv_target *target, nvmlFieldValue_t *field)
{
	uint32_t id = field->fieldId;

	if (!target->product->board)
		return NVML_ERROR_NOT_SUPPORTED;
	if (is_between(id, FI_POWER_AVERAGE, FI_POWER_CURRENT) || id == FI_POWER_REQUESTED)
		return power_field(target, field);
	if (is_between(id, FI_TLIMIT_SHUTDOWN, FI_TLIMIT_MOST))
		return limit_field(target, field);
	if (id == FI_TOTAL_ENERGY || id == FI_ENERGY)
		return energy_field(target, field);
	if (id == FI_MEMORY_TEMP)
		return put_known(field, tr_load_temperature(target, /* of_memory= */ true));
	return NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t put_field(const struct tr_drv_target *target, nvmlFieldValue_t *field)
{
	bool has_ecc = !strstr(target->product->name, "GeForce");
	uint32_t id = field->fieldId;

	if (id == 0 || id == FI_NEVER_GIVEN || id >= FI_COUNT)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (target->ci)
		return NVML_ERROR_NOT_SUPPORTED;
	if (id == FI_ECC_CURRENT || id == FI_ECC_PENDING)
		return has_ecc ? put_long(field, 1) : NVML_ERROR_NOT_SUPPORTED;
	if (is_between(id, FI_ECC_FIRST, FI_ECC_LAST))
		return has_ecc ? put_long(field, 0) : NVML_ERROR_NOT_SUPPORTED;
	if (is_between(id, FI_REMAPPED_FIRST, FI_REMAPPED_LAST))
		return has_ecc && target->product->board && target->product->board->remap_banks
			       ? put_long(field, 0)
			       : NVML_ERROR_NOT_SUPPORTED;
	if (id == FI_PCIE_REPLAYS || id == FI_PCIE_ROLLOVERS || id == FI_PCIE_RECOVERIES ||
		id == FI_PCIE_SENT || id == FI_PCIE_RECEIVED ||
		is_between(id, FI_PCIE_ERRORS_FIRST, FI_PCIE_ERRORS_LAST))
		return put_unsigned(field, 0);
	/* How long clocks were held down, and what would mend the card: never, and nothing. */
	if (is_between(id, FI_HELD_FIRST, FI_HELD_LAST) ||
		is_between(id, FI_HELD_BY_HEAT_FIRST, FI_HELD_BY_HEAT_LAST))
		return put_long(field, 0);
	if (id == FI_RECOVERY_ACTION)
		return put_unsigned(field, 0);
	if (id == FI_RESETLESS_MIG)
		return put_unsigned(
			field, target->model->has_mig && !target->model->mig_mode_needs_reset);
	if (id == FI_MIG_MODE_INDEPENDENT)
		return put_unsigned(field, target->model->has_mig);
	return board_field(target, field);
}

static int64_t now_us(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetFieldValues);
	r = values && count > 0 && count <= COUNT_MAX ? tr_drv_device(device, &target)
						      : NVML_ERROR_INVALID_ARGUMENT;
	for (int i = 0; r == NVML_SUCCESS && i < count; i++) {
		values[i].timestamp = now_us();
		values[i].nvmlReturn = put_field(&target, &values[i]);
		values[i].latencyUsec = now_us() - values[i].timestamp;
	}
	return r;
}

/* Nothing here counts anything that could be set back. */
nvmlReturn_t nvmlDeviceClearFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceClearFieldValues);
	r = values && count > 0 && count <= COUNT_MAX ? tr_drv_device(device, &target)
						      : NVML_ERROR_INVALID_ARGUMENT;
	for (int i = 0; r == NVML_SUCCESS && i < count; i++)
		values[i].nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
	return r;
}
