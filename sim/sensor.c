/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, power, temperature and load: what moves while a card works. */
#include "sim/load.h"

#include <string.h>

static nvmlReturn_t card_board(nvmlDevice_t device, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_device(device, ret);

	if (r == NVML_SUCCESS && (ret->ci || !ret->product->board))
		r = NVML_ERROR_NOT_SUPPORTED;
	return r;
}

/* A clock in MHz; 0: unknown. */
static uint32_t clock_now(const struct tr_drv_target *target, unsigned type)
{
	const struct tr_gpu_board *board = target->product->board;
	bool is_busy = tr_load_permille(target) > 0;

	switch (type) {
	case NVML_CLOCK_MEM:
		return board->clock_memory;
	case NVML_CLOCK_VIDEO:
		return is_busy ? board->clock_video : board->clock_video_idle;
	default:
		return is_busy ? board->clock_graphics : board->clock_idle;
	}
}

static uint32_t clock_most(const struct tr_drv_target *target, unsigned type)
{
	const struct tr_gpu_board *board = target->product->board;

	if (type == NVML_CLOCK_MEM)
		return board->clock_memory;
	return type == NVML_CLOCK_VIDEO ? board->clock_video : board->clock_graphics;
}

static uint32_t clock_app(const struct tr_drv_target *target, unsigned type)
{
	const struct tr_gpu_board *board = target->product->board;

	if (type == NVML_CLOCK_MEM)
		return board->clock_memory;
	return type == NVML_CLOCK_VIDEO ? 0 : board->clock_app;
}

static uint32_t clock_boost(const struct tr_drv_target *target, unsigned type)
{
	return type == NVML_CLOCK_VIDEO || type == NVML_CLOCK_MEM ? 0 : clock_most(target, type);
}

typedef uint32_t clock_fn(const struct tr_drv_target *target, unsigned type);

static nvmlReturn_t clock_of(
	enum tr_sim_fn fn, nvmlDevice_t device, unsigned type, clock_fn *of, unsigned *mhz)
{
	struct tr_drv_target target;
	nvmlReturn_t r;
	uint32_t value;

	TR_DRV_CALL(fn);
	r = mhz && type < NVML_CLOCK_COUNT ? card_board(device, &target)
					   : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	value = of(&target, type);
	if (!value)
		return NVML_ERROR_NOT_SUPPORTED;
	*mhz = value;
	return NVML_SUCCESS;
}

#define CLOCK(name, of)                                                      \
	nvmlReturn_t name(nvmlDevice_t device, unsigned type, unsigned *mhz) \
	{                                                                    \
		return clock_of(TR_FN_##name, device, type, of, mhz);        \
	}

CLOCK(nvmlDeviceGetClockInfo, clock_now)
CLOCK(nvmlDeviceGetMaxClockInfo, clock_most)
CLOCK(nvmlDeviceGetMaxCustomerBoostClock, clock_boost)
CLOCK(nvmlDeviceGetApplicationsClock, clock_app)
CLOCK(nvmlDeviceGetDefaultApplicationsClock, clock_app)

nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, unsigned type, unsigned id, unsigned *mhz)
{
	static clock_fn *const by_id[] = { [NVML_CLOCK_ID_CURRENT] = clock_now,
		[NVML_CLOCK_ID_APP_CLOCK_TARGET] = clock_app,
		[NVML_CLOCK_ID_APP_CLOCK_DEFAULT] = clock_app,
		[NVML_CLOCK_ID_CUSTOMER_BOOST_MAX] = clock_boost };

	/* An id that is none is refused by way of the type. */
	return clock_of(TR_FN_nvmlDeviceGetClock, device,
		id < TR_COUNT(by_id) ? type : NVML_CLOCK_COUNT,
		by_id[id < TR_COUNT(by_id) ? id : 0], mhz);
}

/* In the manner of lists: the count goes in as room and comes out as need. */
static nvmlReturn_t room_for(unsigned n, unsigned *count, const unsigned *ret)
{
	unsigned room = *count;

	*count = n;
	if (room < n)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	return ret ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned *count, unsigned *mhz)
{
	const struct tr_gpu_board *board;
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSupportedMemoryClocks);
	r = count ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	board = target.product->board;
	if (!board->clock_memory)
		return NVML_ERROR_NOT_SUPPORTED;
	r = room_for(board->clock_memory_low ? 2 : 1, count, mhz);
	if (r != NVML_SUCCESS)
		return r;
	mhz[0] = board->clock_memory;
	if (board->clock_memory_low)
		mhz[1] = board->clock_memory_low;
	return NVML_SUCCESS;
}

/* Steps of 15 MHz from the most down, as these cards have. */
nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(
	nvmlDevice_t device, unsigned memory_mhz, unsigned *count, unsigned *mhz)
{
	enum { STEP = 15 };
	const struct tr_gpu_board *board;
	struct tr_drv_target target;
	nvmlReturn_t r;
	unsigned n;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetSupportedGraphicsClocks);
	r = count ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	board = target.product->board;
	if (!board->clock_least || board->clock_graphics < board->clock_least)
		return NVML_ERROR_NOT_SUPPORTED;
	if (memory_mhz == 0 ||
		(memory_mhz != board->clock_memory && memory_mhz != board->clock_memory_low))
		return NVML_ERROR_NOT_FOUND;
	n = (board->clock_graphics - board->clock_least) / STEP + 1;
	r = room_for(n, count, mhz);
	for (unsigned i = 0; r == NVML_SUCCESS && i < n; i++)
		mhz[i] = board->clock_graphics - i * STEP;
	return r;
}

static nvmlReturn_t state_of(enum tr_sim_fn fn, nvmlDevice_t device, unsigned *state)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = state ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*state = 0; /* P0, also at rest, as these cards are */
	return r;
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, unsigned *state)
{
	return state_of(TR_FN_nvmlDeviceGetPerformanceState, device, state);
}

nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t device, unsigned *state)
{
	return state_of(TR_FN_nvmlDeviceGetPowerState, device, state);
}

/* Bits: 0 idle, 1 application clocks, 2 power cap, 3 slowdown, 4 sync, 5-8 thermal and brakes. */
static nvmlReturn_t reasons_of(
	enum tr_sim_fn fn, nvmlDevice_t device, bool supported, unsigned long long *reasons)
{
	enum { IDLE = 1, ALL = 0x1ff };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = reasons ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*reasons = supported ? ALL : tr_load_permille(&target) ? 0 : IDLE;
	return r;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(
	nvmlDevice_t device, unsigned long long *reasons)
{
	return reasons_of(TR_FN_nvmlDeviceGetCurrentClocksThrottleReasons, device, false, reasons);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(
	nvmlDevice_t device, unsigned long long *reasons)
{
	return reasons_of(TR_FN_nvmlDeviceGetCurrentClocksEventReasons, device, false, reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(
	nvmlDevice_t device, unsigned long long *reasons)
{
	return reasons_of(TR_FN_nvmlDeviceGetSupportedClocksThrottleReasons, device, true, reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(
	nvmlDevice_t device, unsigned long long *reasons)
{
	return reasons_of(TR_FN_nvmlDeviceGetSupportedClocksEventReasons, device, true, reasons);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *mw)
{
	struct tr_drv_target target;
	nvmlReturn_t r;
	uint32_t power;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetPowerUsage);
	r = mw ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	power = tr_load_power(&target);
	if (!power)
		return NVML_ERROR_NOT_SUPPORTED;
	*mw = power;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj)
{
	struct tr_drv_target target;
	uint64_t energy;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetTotalEnergyConsumption);
	r = mj ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	energy = tr_load_energy(&target);
	if (!energy)
		return NVML_ERROR_NOT_SUPPORTED;
	*mj = energy;
	return NVML_SUCCESS;
}

static nvmlReturn_t temperature(
	enum tr_sim_fn fn, nvmlDevice_t device, unsigned sensor, uint32_t *ret)
{
	struct tr_drv_target target;
	uint32_t celsius;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	/* The only sensor that is asked for so is the chip's. */
	r = sensor == 0 ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	celsius = tr_load_temperature(&target, /* of_memory= */ false);
	if (!celsius)
		return NVML_ERROR_NOT_SUPPORTED;
	*ret = celsius;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *celsius)
{
	uint32_t ignored;

	return temperature(TR_FN_nvmlDeviceGetTemperature, device, celsius ? sensor : UINT32_MAX,
		celsius ? celsius : &ignored);
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_v1_t *ret)
{
	bool is_known = ret && ret->version == NVML_VERSION_WORD(nvmlTemperature_v1_t, 1);
	uint32_t celsius = 0;
	nvmlReturn_t r = temperature(TR_FN_nvmlDeviceGetTemperatureV, device,
		is_known ? ret->sensorType : UINT32_MAX, &celsius);

	if (r == NVML_ERROR_INVALID_ARGUMENT && ret && !is_known)
		return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		ret->temperature = (int32_t)celsius;
	return r;
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(
	nvmlDevice_t device, unsigned threshold, unsigned *celsius)
{
	enum { SHUTDOWN, SLOWDOWN, MEMORY_MOST, MOST, COUNT = 8 };
	const struct tr_gpu_board *board;
	struct tr_drv_target target;
	uint32_t value = 0;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetTemperatureThreshold);
	r = celsius && threshold < COUNT ? card_board(device, &target)
					 : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	board = target.product->board;
	if (threshold == SHUTDOWN)
		value = board->temp_shutdown;
	else if (threshold == SLOWDOWN)
		value = board->temp_slowdown;
	else if (threshold == MEMORY_MOST)
		value = board->temp_memory_limit;
	else if (threshold == MOST)
		value = board->temp_limit;
	if (!value)
		return NVML_ERROR_NOT_SUPPORTED;
	*celsius = value;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t device, nvmlMarginTemperature_v1_t *margin)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetMarginTemperature);
	r = margin ? card_board(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS &&
		margin->version != NVML_VERSION_WORD(nvmlMarginTemperature_v1_t, 1))
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS && !target.product->board->temp_has_margins)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		margin->marginTemperature = (int32_t)target.product->board->temp_limit -
					    (int32_t)tr_load_temperature(&target, false);
	return r;
}

/* A counter of the bus; what goes over it here is not known, and at rest it is near nothing. */
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned counter, unsigned *kib_s)
{
	enum { COUNTERS = 2 };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetPcieThroughput);
	r = kib_s && counter < COUNTERS ? tr_drv_device(device, &target)
					: NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && target.ci)
		r = NVML_ERROR_NOT_SUPPORTED;
	if (r == NVML_SUCCESS)
		*kib_s = 0;
	return r;
}

/* Load cannot be asked for in MIG mode, neither of the card nor of a slice. */
static nvmlReturn_t plain_card(nvmlDevice_t device, struct tr_drv_target *ret)
{
	nvmlReturn_t r = tr_drv_device(device, ret);

	if (r == NVML_SUCCESS && (ret->ci || ret->gpu->mig_current))
		r = NVML_ERROR_NOT_SUPPORTED;
	return r;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetUtilizationRates);
	r = rates ? plain_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r != NVML_SUCCESS)
		return r;
	/* A real card that is fully busy keeps a quarter of its memory's bandwidth so. */
	rates->gpu = tr_load_permille(&target) / 10;
	rates->memory = rates->gpu / 4;
	return NVML_SUCCESS;
}

/* The media engines: nothing here uses them. */
static nvmlReturn_t media_load(
	enum tr_sim_fn fn, nvmlDevice_t device, unsigned *percent, unsigned *period_us)
{
	enum { PERIOD_US = 167000 };
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(fn);
	r = percent && period_us ? plain_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS) {
		*percent = 0;
		*period_us = PERIOD_US;
	}
	return r;
}

#define MEDIA(name)                                                                    \
	nvmlReturn_t name(nvmlDevice_t device, unsigned *percent, unsigned *period_us) \
	{                                                                              \
		return media_load(TR_FN_##name, device, percent, period_us);           \
	}

MEDIA(nvmlDeviceGetEncoderUtilization)
MEDIA(nvmlDeviceGetDecoderUtilization)
MEDIA(nvmlDeviceGetJpgUtilization)
MEDIA(nvmlDeviceGetOfaUtilization)

nvmlReturn_t nvmlDeviceGetEncoderStats(
	nvmlDevice_t device, unsigned *n_sessions, unsigned *fps, unsigned *latency_us)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetEncoderStats);
	r = n_sessions && fps && latency_us ? tr_drv_card(device, &target)
					    : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*n_sessions = *fps = *latency_us = 0;
	return r;
}

nvmlReturn_t nvmlDeviceGetFBCStats(nvmlDevice_t device, nvmlFBCStats_t *stats)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlDeviceGetFBCStats);
	r = stats ? tr_drv_card(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS)
		*stats = (nvmlFBCStats_t){ 0 };
	return r;
}
