/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/blocks.h"

#include "smi/rows.h"

#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)
#define BLOCK(name)                \
	void tr_smi__block_##name( \
		struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row)

/* --- MIG devices ------------------------------------------------------------------------- */

/* A line of a MIG device; depths are the text's, XML is one deeper, inside the list. */
struct mig_row {
	unsigned depth;
	const char *text, *xml;
	bool is_group;
	struct tr_smi_row value; /* only what tr_smi__value reads */
};

#define HEAD(d, t, x)          \
	{                      \
		d, t, x, true, \
		{              \
			0      \
		}              \
	}
/* The part is two arguments. */
#define LINE(d, t, x, a, part, f) LINE_(d, t, x, a, part, f)
#define LINE_(d, t, x, a, offset, length, f)                                                       \
	{                                                                                          \
		d, t, x, false,                                                                    \
		{                                                                                  \
			.kind = TR_SMI_ROW_FIELD, .ask = TR_ASK_##a, .at = offset, .size = length, \
			.format = &tr_smi__##f                                                     \
		}                                                                                  \
	}
#define START(size)	0, size
#define MEMBER(type, m) offsetof(type, m), sizeof(((type *)0)->m)

static const struct mig_row mig_rows[] = {
	HEAD(1, "MIG Device", "mig_device"),
	LINE(2, "Index", "index", INDEX, START(4), NUMBER),
	LINE(2, "GPU Instance ID", "gpu_instance_id", GI_ID, START(4), NUMBER),
	LINE(2, "Compute Instance ID", "compute_instance_id", CI_ID, START(4), NUMBER),
	HEAD(2, "Device Attributes", "device_attributes"),
	HEAD(3, "Shared", "shared"),
	LINE(4, "Multiprocessor count", "multiprocessor_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, multiprocessorCount), NUMBER),
	LINE(4, "Copy Engine count", "copy_engine_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, sharedCopyEngineCount), NUMBER),
	LINE(4, "Encoder count", "encoder_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, sharedEncoderCount), NUMBER),
	LINE(4, "Decoder count", "decoder_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, sharedDecoderCount), NUMBER),
	LINE(4, "OFA count", "ofa_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, sharedOfaCount), NUMBER),
	LINE(4, "JPG count", "jpg_count", ATTRIBUTES,
		MEMBER(nvmlDeviceAttributes_t, sharedJpegCount), NUMBER),
	HEAD(2, "ECC Errors", "ecc_error_count"),
	HEAD(3, "Volatile", "volatile_count"),
	LINE(4, "SRAM Uncorrectable", "sram_uncorrectable", ECC_U_V_SRAM, START(8), NUMBER),
	HEAD(2, "FB Memory Usage", "fb_memory_usage"),
	LINE(3, "Total", "total", MEMORY, MEMBER(nvmlMemory_v2_t, total), MIB),
	LINE(3, "Reserved", "reserved", MEMORY, MEMBER(nvmlMemory_v2_t, reserved), MIB),
	LINE(3, "Used", "used", MEMORY, MEMBER(nvmlMemory_v2_t, used), MIB),
	LINE(3, "Free", "free", MEMORY, MEMBER(nvmlMemory_v2_t, free), MIB),
	HEAD(2, "BAR1 Memory Usage", "bar1_memory_usage"),
	LINE(3, "Total", "total", BAR1, MEMBER(nvmlBAR1Memory_t, bar1Total), MIB_DOWN),
	LINE(3, "Used", "used", BAR1, MEMBER(nvmlBAR1Memory_t, bar1Used), MIB_DOWN),
	LINE(3, "Free", "free", BAR1, MEMBER(nvmlBAR1Memory_t, bar1Free), MIB),
};

static void mig_device(struct tr_smi_sheet *sheet, struct tr_smi_dev *mig)
{
	unsigned deeper = sheet->style == TR_SMI_TEXT ? 0 : 1;
	char value[TR_SMI_VALUE];

	for (size_t i = 0; i < TR_COUNT(mig_rows); i++) {
		const struct mig_row *r = &mig_rows[i];

		if (r->is_group) {
			tr_smi__sheet_group(sheet, r->depth + deeper, r->text, r->xml);
			continue;
		}
		if (tr_smi__value(mig, &r->value, sheet->style, true, value))
			tr_smi__sheet_field(sheet, r->depth + deeper, r->text, r->xml, value, NULL);
		else
			tr_smi__sheet_field(sheet, r->depth + deeper, r->text, r->xml, NULL, value);
	}
}

BLOCK(mig_devices)
{
	struct tr_smi_dev *migs = NULL;
	size_t n = tr_smi__migs(dev, &migs);

	if (sheet->style == TR_SMI_TEXT && n == 0) {
		if (tr_smi__is_mig(dev))
			tr_smi__sheet_field(sheet, row->depth, "MIG Devices", NULL, "None", NULL);
		return;
	}
	if (sheet->style != TR_SMI_TEXT)
		tr_smi__sheet_list(sheet, row->depth, NULL, row->xml);
	if (sheet->style == TR_SMI_XML && n == 0)
		fputs("\t\t\tNone\n", sheet->out);
	for (size_t i = 0; i < n; i++)
		mig_device(sheet, &migs[i]);
	tr_smi__sheet_close(sheet, row->depth);
}

/* --- Samples ----------------------------------------------------------------------------- */

enum { MAX_SAMPLES = 1024 };

struct summary {
	nvmlReturn_t r;
	size_t n;
	uint64_t first_us, last_us;
	double max, min, sum;
};

static double number_of(unsigned type, const nvmlValue_t *value)
{
	switch (type) {
	case NVML_VALUE_TYPE_DOUBLE:
		return value->dVal;
	case NVML_VALUE_TYPE_UNSIGNED_INT:
		return value->uiVal;
	case NVML_VALUE_TYPE_SIGNED_INT:
		return value->siVal;
	default:
		return (double)value->ullVal;
	}
}

static void summarize(struct tr_smi_dev *dev, unsigned kind, struct summary *ret)
{
	const struct tr_nvml *api = dev->smi->api;
	unsigned type = NVML_VALUE_TYPE_UNSIGNED_INT, n = MAX_SAMPLES;
	nvmlSample_t *samples = calloc(MAX_SAMPLES, sizeof(*samples));

	*ret = (struct summary){ .r = NVML_ERROR_MEMORY };
	if (!samples)
		return;
	ret->r = DO(nvmlDeviceGetSamples, (dev->handle, kind, 0, &type, &n, samples));
	for (unsigned i = 0; ret->r == NVML_SUCCESS && i < n && i < MAX_SAMPLES; i++) {
		double number = number_of(type, &samples[i].sampleValue);

		if (ret->n++ == 0) {
			ret->first_us = samples[i].timeStamp;
			ret->max = ret->min = number;
		}
		ret->last_us = samples[i].timeStamp;
		ret->max = number > ret->max ? number : ret->max;
		ret->min = number < ret->min ? number : ret->min;
		ret->sum += number;
	}
	if (ret->r == NVML_SUCCESS && ret->n == 0)
		ret->r = NVML_ERROR_NOT_FOUND;
	free(samples);
}

static void sample_line(struct tr_smi_sheet *sheet, unsigned depth, const char *text,
	const struct summary *s, double number, const char *unit)
{
	bool is_power = strcmp(unit, "W") == 0;
	char value[64];

	if (is_power)
		snprintf(value, sizeof(value), "%.2f W", number / 1000);
	else
		snprintf(value, sizeof(value), "%lld %s", (long long)number, unit);
	tr_smi__sheet_field(sheet, depth, text, NULL, s->r == NVML_SUCCESS ? value : NULL,
		tr_smi__missing(s->r));
}

static void samples(struct tr_smi_sheet *sheet, struct tr_smi_dev *dev,
	const struct tr_smi_row *row, unsigned kind, const char *unit)
{
	unsigned depth = row->depth + 1;
	struct summary s;
	char text[64];

	summarize(dev, kind, &s);
	tr_smi__sheet_group(sheet, row->depth, row->text, NULL);
	snprintf(text, sizeof(text), "%.2f sec", (double)(s.last_us - s.first_us) / 1e6);
	tr_smi__sheet_field(sheet, depth, "Duration", NULL, s.r == NVML_SUCCESS ? text : NULL,
		tr_smi__missing(s.r));
	snprintf(text, sizeof(text), "%zu", s.n);
	tr_smi__sheet_field(sheet, depth, "Number of Samples", NULL,
		s.r == NVML_SUCCESS ? text : NULL, tr_smi__missing(s.r));
	sample_line(sheet, depth, "Max", &s, s.max, unit);
	sample_line(sheet, depth, "Min", &s, s.min, unit);
	sample_line(sheet, depth, "Avg", &s, s.n ? s.sum / (double)s.n : 0, unit);
}

#define SAMPLES(name, kind, unit)                     \
	BLOCK(samples_##name)                         \
	{                                             \
		samples(sheet, dev, row, kind, unit); \
	}

SAMPLES(gpu, NVML_GPU_UTILIZATION_SAMPLES, "%")
SAMPLES(memory, NVML_MEMORY_UTILIZATION_SAMPLES, "%")
SAMPLES(enc, NVML_ENC_UTILIZATION_SAMPLES, "%")
SAMPLES(dec, NVML_DEC_UTILIZATION_SAMPLES, "%")
SAMPLES(jpg, NVML_JPG_UTILIZATION_SAMPLES, "%")
SAMPLES(ofa, NVML_OFA_UTILIZATION_SAMPLES, "%")
SAMPLES(power, NVML_TOTAL_POWER_SAMPLES, "W")
SAMPLES(sm_clock, NVML_PROCESSOR_CLK_SAMPLES, "MHz")
SAMPLES(mem_clock, NVML_MEMORY_CLK_SAMPLES, "MHz")

/* --- Supported clocks -------------------------------------------------------------------- */

BLOCK(supported_clocks)
{
	unsigned memory[TR_SMI_MAX_CLOCKS], graphics[TR_SMI_MAX_CLOCKS], n, n_graphics;
	nvmlReturn_t r = tr_smi__memory_clocks(dev, memory, &n);
	unsigned depth = row->depth + 1;
	char text[32];

	if (r != NVML_SUCCESS) {
		tr_smi__sheet_field(
			sheet, row->depth, row->text, row->xml, NULL, tr_smi__missing(r));
		return;
	}
	tr_smi__sheet_list(sheet, row->depth, row->text, row->xml);
	for (unsigned m = 0; m < n; m++) {
		snprintf(text, sizeof(text), "%u MHz", memory[m]);
		if (sheet->style == TR_SMI_TEXT)
			tr_smi__sheet_field(sheet, depth, "Memory", NULL, text, NULL);
		tr_smi__sheet_group(sheet, depth, NULL, "supported_mem_clock");
		tr_smi__sheet_field(sheet, depth + 1, NULL, "value", text, NULL);
		if (sheet->style == TR_SMI_JSON)
			tr_smi__sheet_list(sheet, depth + 1, NULL, "supported_graphics_clock");
		if (tr_smi__graphics_clocks(dev, memory[m], graphics, &n_graphics) != NVML_SUCCESS)
			continue;
		for (unsigned g = 0; g < n_graphics; g++) {
			snprintf(text, sizeof(text), "%u MHz", graphics[g]);
			tr_smi__sheet_field(sheet, depth + 1 + (sheet->style == TR_SMI_JSON),
				"Graphics", "supported_graphics_clock", text, NULL);
		}
	}
	tr_smi__sheet_close(sheet, row->depth);
}

/* --- Processes --------------------------------------------------------------------------- */

/* The text keeps a narrower layout from an older time. */
static void process_line(struct tr_smi_sheet *sheet, unsigned depth, const char *text,
	const char *xml, const char *value, bool is_known)
{
	enum { OLD_COLUMN = 42 };

	if (sheet->style == TR_SMI_TEXT)
		fprintf(sheet->out, "%*s%-*s: %s\n", (int)depth * 4, "",
			OLD_COLUMN - (int)depth * 4, text, value);
	else
		tr_smi__sheet_field(
			sheet, 3, NULL, xml, is_known ? value : NULL, is_known ? NULL : value);
}

static void process(struct tr_smi_sheet *sheet, const struct tr_smi_proc *proc)
{
	bool has_ids = proc->gi_id != NVML_NO_INSTANCE;
	char gi[16] = "N/A", ci[16] = "N/A", pid[16], bytes[32] = "N/A";

	if (has_ids) {
		snprintf(gi, sizeof(gi), "%u", proc->gi_id);
		snprintf(ci, sizeof(ci), "%u", proc->ci_id);
	}
	snprintf(pid, sizeof(pid), "%u", proc->pid);
	if (proc->bytes != NVML_VALUE_NOT_AVAILABLE)
		snprintf(bytes, sizeof(bytes), "%llu MiB",
			((unsigned long long)proc->bytes + (1u << 20) - 1) >> 20);
	tr_smi__sheet_group(sheet, 2, NULL, "process_info");
	process_line(sheet, 2, "GPU instance ID", "gpu_instance_id", gi, has_ids);
	process_line(sheet, 2, "Compute instance ID", "compute_instance_id", ci, has_ids);
	process_line(sheet, 2, "Process ID", "pid", pid, true);
	process_line(sheet, 3, "Type", "type", tr_smi__proc_type(proc), true);
	process_line(sheet, 3, "Name", "process_name", proc->name, true);
	process_line(sheet, 3, "Used GPU Memory", "used_memory", bytes,
		proc->bytes != NVML_VALUE_NOT_AVAILABLE);
}

BLOCK(processes)
{
	const struct tr_smi_procs *procs = tr_smi__procs_by_pid(dev);

	if (sheet->style == TR_SMI_TEXT && procs->n == 0) {
		tr_smi__sheet_field(sheet, row->depth, row->text, NULL,
			procs->r == NVML_SUCCESS ? "None" : NULL, tr_smi__missing(procs->r));
		return;
	}
	tr_smi__sheet_list(sheet, row->depth, row->text, row->xml);
	for (size_t i = 0; i < procs->n; i++)
		process(sheet, &procs->v[i]);
	tr_smi__sheet_close(sheet, row->depth);
}

/* --- Accounting -------------------------------------------------------------------------- */

static void accounted_one(struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, unsigned pid)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlAccountingStats_t stats = { 0 };
	nvmlReturn_t r = DO(nvmlDeviceGetAccountingStats, (dev->handle, pid, &stats));
	const struct {
		const char *text, *xml, *unit;
		unsigned long long value;
	} lines[] = {
		{ "GPU Utilization", "gpu_util", " %", stats.gpuUtilization },
		{ "Memory Utilization", "memory_util", " %", stats.memoryUtilization },
		{ "Max memory usage", "max_memory_usage", " MiB", stats.maxMemoryUsage >> 20 },
		{ "Time", "time", " ms", stats.time },
		{ "Is Running", "is_running", "", stats.isRunning },
	};
	char text[64];

	tr_smi__sheet_group(sheet, 2, NULL, "accounted_process_info");
	snprintf(text, sizeof(text), "%u", pid);
	tr_smi__sheet_field(
		sheet, sheet->style == TR_SMI_TEXT ? 2 : 3, "Process ID", "pid", text, NULL);
	for (size_t i = 0; i < TR_COUNT(lines); i++) {
		snprintf(text, sizeof(text), "%llu%s", lines[i].value, lines[i].unit);
		tr_smi__sheet_field(sheet, 3, lines[i].text, lines[i].xml,
			r == NVML_SUCCESS ? text : NULL, tr_smi__missing(r));
	}
}

BLOCK(accounted)
{
	unsigned pids[TR_SMI_MAX_ACCOUNTED], n = 0;
	nvmlReturn_t r = tr_smi__accounted(dev, pids, &n);

	if (sheet->style == TR_SMI_TEXT && n == 0) {
		tr_smi__sheet_field(sheet, row->depth, row->text, NULL,
			r == NVML_SUCCESS ? "None" : NULL, tr_smi__missing(r));
		return;
	}
	tr_smi__sheet_list(sheet, row->depth, row->text, row->xml);
	for (unsigned i = 0; i < n; i++)
		accounted_one(sheet, dev, pids[i]);
	tr_smi__sheet_close(sheet, row->depth);
}
