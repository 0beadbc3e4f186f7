/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GPM: what a card or a GPU instance did between two samples. Hopper and later.
 *
 * A sample is the CPU time that the servers had used. Samples are rows of a table that grows by
 * pages and is given back as a whole, so a handle that is garbage is refused and never followed.
 */
#include "sim/load.h"

#include <string.h>

enum { PAGE = 256, MAX_PAGES = 256, METRICS_MAX = 4096 };

#define SAMPLE_TAG ((uintptr_t)0x7454 << 48)

struct sample {
	bool in_use, is_taken;
	uint32_t gpu_idx, gi_id, use; /* `use`: how often this row was given out */
	int64_t wall_ns;
	uint64_t cpu_ns;
};

static struct sample *pages[MAX_PAGES];

static struct sample *find_sample(nvmlGpmSample_t handle)
{
	uintptr_t number = (uintptr_t)handle;
	uint32_t i = number & 0xffff;
	struct sample *sample;

	if ((number & (uintptr_t)0xffff << 48) != SAMPLE_TAG || !pages[i / PAGE])
		return NULL;
	sample = &pages[i / PAGE][i % PAGE];
	return sample->in_use && sample->use == (number >> 16 & 0xffffffff) ? sample : NULL;
}

void tr_drv_forget_samples(void)
{
	for (uint32_t p = 0; p < MAX_PAGES; p++) {
		free(pages[p]);
		pages[p] = NULL;
	}
}

static bool has_gpm(const struct tr_gpu_model *model)
{
	return model->arch == TR_ARCH_HOPPER || model->arch == TR_ARCH_BLACKWELL;
}

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpmQueryDeviceSupport);
	r = support ? tr_drv_device(device, &target) : NVML_ERROR_INVALID_ARGUMENT;
	/* A plain number here, not the word with the size in it. */
	if (r == NVML_SUCCESS && support->version != 1)
		r = NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	if (r == NVML_SUCCESS)
		support->isSupportedDevice = has_gpm(target.model);
	return r;
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample)
{
	TR_DRV_CALL(TR_FN_nvmlGpmSampleAlloc);
	if (!sample)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (uint32_t p = 0; p < MAX_PAGES; p++) {
		if (!pages[p])
			pages[p] = calloc(PAGE, sizeof(*pages[p]));
		if (!pages[p])
			return NVML_ERROR_MEMORY;
		for (uint32_t i = 0; i < PAGE; i++) {
			struct sample *row = &pages[p][i];

			if (row->in_use)
				continue;
			*row = (struct sample){ .in_use = true, .use = row->use + 1 };
			*sample = (nvmlGpmSample_t)(SAMPLE_TAG | (uintptr_t)row->use << 16 |
						    (p * PAGE + i));
			return NVML_SUCCESS;
		}
	}
	return NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample)
{
	struct sample *row;

	TR_DRV_CALL(TR_FN_nvmlGpmSampleFree);
	row = find_sample(sample);
	if (!row)
		return NVML_ERROR_INVALID_ARGUMENT;
	row->in_use = false;
	return NVML_SUCCESS;
}

static nvmlReturn_t take(const struct tr_drv_target *target, uint32_t gi_id, nvmlGpmSample_t sample)
{
	struct sample *row = find_sample(sample);

	if (!row)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (!has_gpm(target->model))
		return NVML_ERROR_NOT_SUPPORTED;
	row->gpu_idx = target->gpu_idx;
	row->gi_id = gi_id;
	row->cpu_ns = tr_load_cpu_ns(target->gpu_idx, gi_id);
	row->wall_ns = tr_load_now_ns();
	row->is_taken = true;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample)
{
	struct tr_drv_target target;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpmSampleGet);
	r = tr_drv_card(device, &target);
	return r == NVML_SUCCESS ? take(&target, TR_SIM_WHOLE, sample) : r;
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned gi_id, nvmlGpmSample_t sample)
{
	struct tr_drv_target target, instance;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpmMigSampleGet);
	r = tr_drv_card(device, &target);
	if (r == NVML_SUCCESS && !find_sample(sample))
		r = NVML_ERROR_INVALID_ARGUMENT;
	if (r == NVML_SUCCESS && !has_gpm(target.model))
		r = NVML_ERROR_NOT_SUPPORTED;
	/* As captured: without such an instance, also with MIG off. */
	if (r == NVML_SUCCESS)
		r = gi_id < TR_SIM_MAX_GIS
			    ? tr_drv_target(target.gpu_idx, gi_id, TR_SIM_WHOLE, &instance)
			    : NVML_ERROR_INVALID_ARGUMENT;
	return r == NVML_SUCCESS ? take(&target, gi_id, sample) : r;
}

/* Metrics that nothing on a virtual card can move: media engines, then the links. */
static bool is_idle(uint32_t id)
{
	return (id >= 20 && id <= 21) || (id >= 30 && id <= 37) || (id >= 40 && id <= 47) ||
	       (id >= 50 && id <= 51) || (id >= 60 && id <= 97);
}

static const char *short_name(uint32_t id)
{
	if (id == NVML_GPM_METRIC_GRAPHICS_UTIL)
		return "gract";
	return id == NVML_GPM_METRIC_SM_UTIL ? "smutil" : NULL;
}

static void put_metric(nvmlGpmMetric_t *metric, double percent)
{
	bool is_util = metric->metricId == NVML_GPM_METRIC_GRAPHICS_UTIL ||
		       metric->metricId == NVML_GPM_METRIC_SM_UTIL;

	metric->value = is_util ? percent : 0;
	metric->nvmlReturn =
		is_util || is_idle(metric->metricId) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
	metric->metricInfo.shortName = short_name(metric->metricId);
	metric->metricInfo.longName = metric->metricInfo.shortName;
	metric->metricInfo.unit = is_util ? "%" : NULL;
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get)
{
	const struct sample *a, *b;
	struct tr_drv_target target;
	double percent;
	nvmlReturn_t r;

	TR_DRV_CALL(TR_FN_nvmlGpmMetricsGet);
	if (!get)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (get->version != 1)
		return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	a = find_sample(get->sample1);
	b = find_sample(get->sample2);
	if (!a || !b || !a->is_taken || !b->is_taken || a->gpu_idx != b->gpu_idx ||
		a->gi_id != b->gi_id || get->numMetrics == 0 || get->numMetrics > METRICS_MAX ||
		b->wall_ns <= a->wall_ns)
		return NVML_ERROR_INVALID_ARGUMENT;
	r = tr_drv_target(a->gpu_idx, a->gi_id, TR_SIM_WHOLE, &target);
	if (r != NVML_SUCCESS)
		return r;
	percent = b->cpu_ns <= a->cpu_ns
			  ? 0
			  : 100.0 * (double)(b->cpu_ns - a->cpu_ns) /
				    tr_load_share_ns(&target, b->wall_ns - a->wall_ns);
	for (uint32_t i = 0; i < get->numMetrics; i++)
		put_metric(&get->metrics[i], percent > 100 ? 100 : percent);
	return NVML_SUCCESS;
}
