/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/mon.h"

#include "smi/rows.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

enum { MON_CELL = 16, MAX_SAMPLES = 1024 };

struct options {
	const char *ids, *select, *extra, *file, *format;
	long count, delay_s;
	bool is_csv, has_head, has_units;
};

/* A cell that is not known is "-". */
static void put_number(char ret[MON_CELL], bool is_known, long long number)
{
	if (is_known)
		snprintf(ret, MON_CELL, "%lld", number);
	else
		snprintf(ret, MON_CELL, "-");
}

/* --- Cards -------------------------------------------------------------------------------- */

struct metric {
	char set; /* of -s */
	const char *name, *unit;
	enum tr_smi_ask ask;
	uint16_t at, size;
	long long divide; /* what NVML says, by this; 0: a violation, told as 0 until it grows */
};

#define PART(type, m) offsetof(type, m), sizeof(((type *)0)->m)

static const struct metric metrics[] = {
	{ 'p', "pwr", "W", TR_ASK_POWER, 0, 4, 1000 },
	{ 'p', "gtemp", "C", TR_ASK_TEMPERATURE, PART(nvmlTemperature_v1_t, temperature), 1 },
	{ 'p', "mtemp", "C", TR_ASK_MEMORY_TEMPERATURE, 0, 8, 1 },
	{ 'u', "sm", "%", TR_ASK_UTILIZATION, PART(nvmlUtilization_t, gpu), 1 },
	{ 'u', "mem", "%", TR_ASK_UTILIZATION, PART(nvmlUtilization_t, memory), 1 },
	{ 'u', "enc", "%", TR_ASK_ENC_UTIL, 0, 4, 1 },
	{ 'u', "dec", "%", TR_ASK_DEC_UTIL, 0, 4, 1 },
	{ 'u', "jpg", "%", TR_ASK_JPG_UTIL, 0, 4, 1 },
	{ 'u', "ofa", "%", TR_ASK_OFA_UTIL, 0, 4, 1 },
	{ 'c', "mclk", "MHz", TR_ASK_CLOCK_MEM, 0, 4, 1 },
	{ 'c', "pclk", "MHz", TR_ASK_CLOCK_SM, 0, 4, 1 },
	{ 'v', "pviol", "%", TR_ASK_NS_POWER_CAP, 0, 8, 0 },
	{ 'v', "tviol", "bool", TR_ASK_NS_HW_THERMAL, 0, 8, 0 },
	{ 'm', "fb", "MB", TR_ASK_MEMORY, PART(nvmlMemory_v2_t, used), 1 << 20 },
	{ 'm', "bar1", "MB", TR_ASK_BAR1, PART(nvmlBAR1Memory_t, bar1Used), 1 << 20 },
	{ 'm', "ccpm", "MB", TR_ASK_PROTECTED_MEMORY, PART(nvmlMemory_t, used), 1 << 20 },
	{ 'e', "sbecc", "errs", TR_ASK_ECC_C_V_TOTAL, 0, 8, 1 },
	{ 'e', "dbecc", "errs", TR_ASK_ECC_U_V_TOTAL, 0, 8, 1 },
	{ 'e', "pci", "errs", TR_ASK_PCIE_REPLAYS, 0, 4, 1 },
	{ 't', "rxpci", "MB/s", TR_ASK_PCIE_RX, 0, 4, 1000 },
	{ 't', "txpci", "MB/s", TR_ASK_PCIE_TX, 0, 4, 1000 },
};

struct before {
	long long violation[TR_COUNT(metrics)];
	bool is_known;
};

static bool is_selected(const struct options *o, char set)
{
	return strchr(o->select, set) != NULL;
}

static long long number_of(const struct tr_smi_slot *slot, uint16_t at, uint16_t size)
{
	uint32_t small;
	int64_t wide;

	if (size == sizeof(wide)) {
		memcpy(&wide, (const char *)&slot->a + at, sizeof(wide));
		return wide;
	}
	memcpy(&small, (const char *)&slot->a + at, sizeof(small));
	return small;
}

static void metric_cell(struct tr_smi_dev *dev, size_t i, const struct options *o,
	struct before *before, char ret[MON_CELL])
{
	const struct metric *m = &metrics[i];
	const struct tr_smi_slot *slot = tr_smi__ask(dev, m->ask);
	long long number = number_of(slot, m->at, m->size), grown;

	if (m->divide) {
		put_number(ret, slot->r == NVML_SUCCESS, number / m->divide);
		return;
	}
	/* Nanoseconds lost since the line before, of the time between: a share, or whether. */
	grown = before->is_known ? number - before->violation[i] : 0;
	before->violation[i] = number;
	number = m->unit[0] == '%' ? grown / (o->delay_s * 10000000) : grown > 0;
	put_number(ret, slot->r == NVML_SUCCESS, number);
}

/* The date and time that -o asks for, in the head, in its second line, or of now. */
static void put_prefix(const struct tr_smi *smi, const struct options *o, int line)
{
	static const char *const heads[][2] = { { "#Date", "Time" }, { "#YYYYMMDD", "HH:MM:SS" } };
	bool has_date = o->extra && strpbrk(o->extra, "Dd");
	bool has_time = o->extra && strpbrk(o->extra, "Tt");
	time_t now = time(NULL);
	struct tm tm = { 0 };
	char date[16], clock[16];

	if (!has_date && !has_time)
		return;
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y%m%d", &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (line == 2)
		fprintf(smi->out, " %-12s", has_date ? date : clock);
	else
		fprintf(smi->out, "%-13s",
			has_date ? heads[line][0]
			: line	 ? "#HH:MM:SS"
				 : "#Time");
	if (has_date && has_time)
		fprintf(smi->out, line == 2 ? "%-11s" : "%-12s",
			line == 2 ? clock : heads[line][1]);
}

/* "# gpu", or beside a date " gpu". */
static void put_first(const struct tr_smi *smi, const struct options *o, const char *word, int line)
{
	put_prefix(smi, o, line);
	if (o->extra)
		fprintf(smi->out, "%4s", word);
	else
		fprintf(smi->out, o->is_csv ? "#%s" : "# %s", word);
}

static void dmon_head(const struct tr_smi *smi, const struct options *o, int line)
{
	put_first(smi, o, line ? "Idx" : "gpu", line);
	for (size_t i = 0; i < TR_COUNT(metrics); i++)
		if (is_selected(o, metrics[i].set))
			fprintf(smi->out, o->is_csv ? ", %s" : "%7s",
				line ? metrics[i].unit : metrics[i].name);
	fputs(o->is_csv ? "\n" : " \n", smi->out);
}

static void dmon_line(struct tr_smi_dev *dev, const struct options *o, struct before *before)
{
	FILE *out = dev->smi->out;
	char cell[MON_CELL];

	put_prefix(dev->smi, o, 2);
	fprintf(out, o->is_csv ? " %u" : "%5u", tr_smi__number(dev, TR_ASK_INDEX));
	for (size_t i = 0; i < TR_COUNT(metrics); i++) {
		if (!is_selected(o, metrics[i].set))
			continue;
		metric_cell(dev, i, o, before, cell);
		fprintf(out, o->is_csv ? ", %s" : "%7s", cell);
	}
	before->is_known = true;
	fputs(o->is_csv ? "\n" : " \n", out);
}

/* --- Processes ---------------------------------------------------------------------------- */

static const char *const use_names[] = { "sm", "mem", "enc", "dec", "jpg", "ofa" };

static void pmon_head(const struct tr_smi *smi, const struct options *o, int line)
{
	put_first(smi, o, line ? "Idx" : "gpu", line);
	fprintf(smi->out, "%12s%7s", line ? "#" : "pid", line ? "C/G" : "type");
	for (size_t i = 0; is_selected(o, 'u') && i < TR_COUNT(use_names); i++)
		fprintf(smi->out, "%7s", line ? "%" : use_names[i]);
	if (is_selected(o, 'm'))
		fprintf(smi->out, "%7s%7s", line ? "MB" : "fb", line ? "MB" : "ccpm");
	fprintf(smi->out, "    %s \n", line ? "name" : "command");
}

/* What each process used of late; the last sample of each counts. */
static unsigned ask_use(struct tr_smi_dev *dev, nvmlProcessUtilizationInfo_v1_t *v)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlProcessesUtilizationInfo_v1_t info = {
		.version = NVML_VERSION_WORD(nvmlProcessesUtilizationInfo_v1_t, 1),
		.processSamplesCount = MAX_SAMPLES,
		.procUtilArray = v,
	};
	nvmlReturn_t r = DO(nvmlDeviceGetProcessesUtilizationInfo, (dev->handle, &info));

	return r == NVML_SUCCESS && info.processSamplesCount <= MAX_SAMPLES
		       ? info.processSamplesCount
		       : 0;
}

static void put_use(FILE *out, const struct tr_smi_proc *proc,
	const nvmlProcessUtilizationInfo_v1_t *v, unsigned n)
{
	const nvmlProcessUtilizationInfo_v1_t *found = NULL;
	char cells[TR_COUNT(use_names)][MON_CELL];

	for (unsigned i = 0; proc && i < n; i++)
		if (v[i].pid == proc->pid && (!found || v[i].timeStamp >= found->timeStamp))
			found = &v[i];
	/* A process without a sample, and an engine that it does not use, are "-". */
	put_number(cells[0], found, found ? found->smUtil : 0);
	put_number(cells[1], found, found ? found->memUtil : 0);
	put_number(cells[2], found && found->encUtil, found ? found->encUtil : 0);
	put_number(cells[3], found && found->decUtil, found ? found->decUtil : 0);
	put_number(cells[4], found && found->jpgUtil, found ? found->jpgUtil : 0);
	put_number(cells[5], found && found->ofaUtil, found ? found->ofaUtil : 0);
	for (size_t i = 0; i < TR_COUNT(cells); i++)
		fprintf(out, "%7s", cells[i]);
}

static void pmon_line(struct tr_smi_dev *dev, const struct options *o,
	const struct tr_smi_proc *proc, const nvmlProcessUtilizationInfo_v1_t *v, unsigned n)
{
	FILE *out = dev->smi->out;
	const char *name = proc ? proc->name : "-", *slash = strrchr(name, '/');
	char pid[MON_CELL], memory[MON_CELL], protected_memory[MON_CELL];
	bool has_bytes = proc && proc->bytes != NVML_VALUE_NOT_AVAILABLE;

	put_number(pid, proc, proc ? proc->pid : 0);
	put_number(memory, has_bytes, has_bytes ? (long long)(proc->bytes >> 20) : 0);
	put_number(protected_memory, proc, 0);
	put_prefix(dev->smi, o, 2);
	fprintf(out, "%5u%11s%6s", tr_smi__number(dev, TR_ASK_INDEX), pid,
		proc ? tr_smi__proc_type(proc) : "-");
	if (is_selected(o, 'u'))
		put_use(out, proc, v, n);
	if (is_selected(o, 'm'))
		fprintf(out, "%7s%7s", memory, protected_memory);
	fprintf(out, "    %-15.15s\n", slash ? slash + 1 : name);
}

static void pmon_lines(struct tr_smi_dev *dev, const struct options *o)
{
	const struct tr_smi_procs *procs = tr_smi__procs_by_pid(dev);
	nvmlProcessUtilizationInfo_v1_t *v = calloc(MAX_SAMPLES, sizeof(*v));
	unsigned n = v && procs->n && is_selected(o, 'u') ? ask_use(dev, v) : 0;

	for (size_t i = 0; i < procs->n; i++)
		pmon_line(dev, o, &procs->v[i], v, n);
	if (procs->n == 0)
		pmon_line(dev, o, NULL, v, n);
	free(v);
}

/* --- Both --------------------------------------------------------------------------------- */

struct monitor {
	const char *name, *sets, *usual, *help;
	void (*head)(const struct tr_smi *smi, const struct options *o, int line);
};

static int usage(const struct tr_smi *smi, const struct monitor *m)
{
	fprintf(smi->out,
		"tranche smi %s: watch %s\n\n"
		"Usage: tranche smi %s [OPTION]...\n\n"
		"  -i LIST       these cards only: indexes, UUIDs, PCI bus ids\n"
		"  -c COUNT      so many lines for each, then end\n"
		"  -d SECONDS    between two (default 1)\n"
		"  -s SETS       which columns, of: %s (default %s)\n"
		"  -o D|T|DT     date and time in front\n"
		"  -f FILE       write there instead\n",
		m->name, m->help, m->name, m->sets, m->usual);
	return 0;
}

static bool is_word(const char *word, const char *name, const char *other)
{
	return strcmp(word, name) == 0 || strcmp(word, other) == 0;
}

static int parse(const struct tr_smi *smi, const struct monitor *m, const char *const *words,
	struct options *o, bool *ret_done)
{
	const char *count = NULL, *delay = NULL;
	char *end = NULL;

	*ret_done = false;
	for (; *words; words++) {
		const char **value = is_word(*words, "-i", "--id")	       ? &o->ids
				     : is_word(*words, "-c", "--count")	       ? &count
				     : is_word(*words, "-d", "--delay")	       ? &delay
				     : is_word(*words, "-s", "--select")       ? &o->select
				     : is_word(*words, "-o", "--options")      ? &o->extra
				     : is_word(*words, "-f", "--filename")     ? &o->file
				     : is_word(*words, "--format", "--format") ? &o->format
									       : NULL;

		if (is_word(*words, "-h", "--help")) {
			*ret_done = true;
			return usage(smi, m);
		}
		if (!value || !words[1]) {
			fprintf(smi->out, "Option \"%s\" is not recognized.\n", *words);
			return 2;
		}
		*value = *++words;
	}
	o->count = count ? strtol(count, &end, 10) : 0;
	if (count && (o->count <= 0 || *end)) {
		fputs("Invalid value for number of samples to be displayed\n\n", smi->out);
		*ret_done = true;
		return usage(smi, m);
	}
	o->delay_s = delay ? strtol(delay, NULL, 10) : 1;
	if (o->delay_s < 1)
		o->delay_s = 1;
	o->is_csv = o->format && strstr(o->format, "csv");
	o->has_units = !o->format || !strstr(o->format, "nounit");
	o->has_head = !o->format || !strstr(o->format, "noheader");
	if (strspn(o->select, m->sets) == strlen(o->select) && *o->select)
		return 0;
	fputs("Failed to find any metric to display\nFailed to process command line \n\n",
		smi->out);
	return 255;
}

static void sleep_until(struct timespec *next, long seconds)
{
	next->tv_sec += seconds;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

static void watch(
	struct tr_smi *smi, const struct monitor *m, const struct options *o, bool is_dmon)
{
	struct before *before = calloc(smi->n_devs, sizeof(*before));
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	if (o->has_head)
		m->head(smi, o, 0);
	if (o->has_units)
		m->head(smi, o, 1);
	for (long n = 0; before; tr_smi__forget(smi)) {
		for (size_t i = 0; i < smi->n_devs; i++) {
			if (is_dmon)
				dmon_line(&smi->devs[i], o, &before[i]);
			else
				pmon_lines(&smi->devs[i], o);
		}
		if ((o->count && ++n >= o->count) || fflush(smi->out) != 0)
			break;
		sleep_until(&next, o->delay_s);
	}
	free(before);
}

static int monitor(const char *node, struct tr_smi *smi, const struct monitor *m,
	const char *const *words, bool is_dmon)
{
	struct options o = { .select = m->usual };
	FILE *out = smi->out;
	bool is_done;
	int status = parse(smi, m, words, &o, &is_done);

	if (status || is_done)
		return status;
	status = tr_smi__open(smi, node);
	if (!status)
		status = tr_smi__pick(smi, o.ids);
	if (status)
		return status;
	if (o.file)
		smi->out = fopen(o.file, "we");
	if (!smi->out) {
		smi->out = out;
		fprintf(out, "Failed to open file %s: %s\n", o.file, strerror(errno));
		return 255;
	}
	watch(smi, m, &o, is_dmon);
	if (smi->out != out && fclose(smi->out) != 0)
		status = 255;
	smi->out = out;
	return status;
}

int tr_smi__dmon(const char *node, struct tr_smi *smi, const char *const *words)
{
	static const struct monitor m = { "dmon", "pucvmet", "puc",
		"cards: power and temperature (p), use (u), clocks (c),\n"
		"violations (v), memory (m), errors (e), PCIe (t)",
		dmon_head };

	return monitor(node, smi, &m, words, true);
}

int tr_smi__pmon(const char *node, struct tr_smi *smi, const char *const *words)
{
	static const struct monitor m = { "pmon", "um", "u", "processes: use (u), memory (m)",
		pmon_head };

	return monitor(node, smi, &m, words, false);
}
