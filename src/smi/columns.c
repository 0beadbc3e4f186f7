/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/columns.h"

#include "base/near.h"
#include "smi/rows.h"

#include <string.h>

/* What one line is about: a card, and for most lists something on it. */
struct line {
	struct tr_smi_dev *dev;
	const struct tr_smi_proc *proc;
	unsigned memory_clock, graphics_clock, pid, cause;
	uint64_t address;
	const struct tr_smi_slot *accounting; /* a struct nvmlAccountingStats_t in its bytes */
};

/* Columns of what is not a card. Those of the card are rows, by the name that stands in `row`. */
struct tr_smi_column {
	const char *name, *also, *row, *unit;
	nvmlReturn_t (*write)(const struct line *line, char ret[TR_SMI_VALUE]);
};

struct tr_smi_list {
	const char *of;
	const struct tr_smi_column *columns; /* name NULL at the end; NULL: the rows themselves */
	void (*each)(
		struct tr_smi_dev *dev, void (*put)(void *arg, const struct line *line), void *arg);
};

#define PUT(...) ((void)snprintf(ret, TR_SMI_VALUE, __VA_ARGS__), (nvmlReturn_t)NVML_SUCCESS)

static nvmlReturn_t write_pid(const struct line *l, char ret[TR_SMI_VALUE])
{
	return PUT("%u", l->proc ? l->proc->pid : l->pid);
}

static nvmlReturn_t write_process_name(const struct line *l, char ret[TR_SMI_VALUE])
{
	return PUT("%s", l->proc->name);
}

static nvmlReturn_t write_used_memory(const struct line *l, char ret[TR_SMI_VALUE])
{
	if (l->proc->bytes == NVML_VALUE_NOT_AVAILABLE)
		return NVML_ERROR_NOT_SUPPORTED;
	return PUT("%llu", ((unsigned long long)l->proc->bytes + (1u << 20) - 1) >> 20);
}

static nvmlReturn_t write_memory_clock(const struct line *l, char ret[TR_SMI_VALUE])
{
	return PUT("%u", l->memory_clock);
}

static nvmlReturn_t write_graphics_clock(const struct line *l, char ret[TR_SMI_VALUE])
{
	return PUT("%u", l->graphics_clock);
}

/* A card that retires no pages still has a line for each cause. */
static nvmlReturn_t write_address(const struct line *l, char ret[TR_SMI_VALUE])
{
	return l->address ? PUT("0x%016llx", (unsigned long long)l->address)
			  : NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t write_nothing(const struct line *l, char ret[TR_SMI_VALUE])
{
	(void)l;
	(void)ret;
	return NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t write_cause(const struct line *l, char ret[TR_SMI_VALUE])
{
	return PUT("%s", l->cause ? "Double Bit ECC" : "Single Bit ECC");
}

static nvmlReturn_t accounting(const struct line *l, size_t at, size_t size, char *ret)
{
	uint64_t wide = 0;
	uint32_t small;

	if (l->accounting->r != NVML_SUCCESS)
		return l->accounting->r;
	if (size == sizeof(wide)) {
		memcpy(&wide, (const char *)&l->accounting->a + at, sizeof(wide));
	} else {
		memcpy(&small, (const char *)&l->accounting->a + at, sizeof(small));
		wide = small;
	}
	return PUT("%llu", (unsigned long long)wide);
}

#define ACCOUNTED(name, member)                                                        \
	static nvmlReturn_t write_##name(const struct line *l, char ret[TR_SMI_VALUE]) \
	{                                                                              \
		return accounting(l, offsetof(nvmlAccountingStats_t, member),          \
			sizeof(((nvmlAccountingStats_t *)0)->member), ret);            \
	}

ACCOUNTED(gpu_utilization, gpuUtilization)
ACCOUNTED(mem_utilization, memoryUtilization)
ACCOUNTED(time, time)

static nvmlReturn_t write_max_memory(const struct line *l, char ret[TR_SMI_VALUE])
{
	nvmlAccountingStats_t stats;

	memcpy(&stats, &l->accounting->a, sizeof(stats));
	return l->accounting->r == NVML_SUCCESS
		       ? PUT("%llu", (unsigned long long)stats.maxMemoryUsage >> 20)
		       : l->accounting->r;
}

/* The card's columns are called so in every list but the card's own. */
#define OF_CARD                                                                             \
	{ .name = "timestamp", .row = "timestamp" }, { .name = "gpu_name", .row = "name" }, \
		{ .name = "gpu_bus_id", .row = "pci.bus_id" },                              \
		{ .name = "gpu_serial", .row = "serial" },                                  \
	{                                                                                   \
		.name = "gpu_uuid", .row = "uuid"                                           \
	}

static const struct tr_smi_column process_columns[] = {
	OF_CARD,
	{ .name = "pid", .write = write_pid },
	{ .name = "process_name", .also = "name", .write = write_process_name },
	{ .name = "used_gpu_memory",
		.also = "used_memory",
		.unit = "MiB",
		.write = write_used_memory },
	{ 0 },
};

static const struct tr_smi_column clock_columns[] = {
	OF_CARD,
	{ .name = "memory", .also = "mem", .unit = "MHz", .write = write_memory_clock },
	{ .name = "graphics", .also = "gr", .unit = "MHz", .write = write_graphics_clock },
	{ 0 },
};

static const struct tr_smi_column page_columns[] = {
	OF_CARD,
	{ .name = "retired_pages.address", .write = write_address },
	{ .name = "retired_pages.timestamp", .write = write_nothing },
	{ .name = "retired_pages.cause", .write = write_cause },
	{ 0 },
};

#define REMAPPED(what)                                                      \
	{                                                                   \
		.name = "remapped_rows." what, .row = "remapped_rows." what \
	}
static const struct tr_smi_column remapped_columns[] = {
	OF_CARD,
	{ .name = "remapped_rows.correctable",
		.also = "remapped_rows.sbe",
		.row = "remapped_rows.correctable" },
	REMAPPED("correctable_inactive"),
	{ .name = "remapped_rows.uncorrectable",
		.also = "remapped_rows.dbe",
		.row = "remapped_rows.uncorrectable" },
	REMAPPED("uncorrectable_inactive"),
	REMAPPED("pending"),
	REMAPPED("failure"),
	REMAPPED("histogram.max"),
	REMAPPED("histogram.high"),
	REMAPPED("histogram.partial"),
	REMAPPED("histogram.low"),
	REMAPPED("histogram.none"),
	{ 0 },
};

static const struct tr_smi_column accounted_columns[] = {
	OF_CARD,
	{ .name = "vgpu_instance", .write = write_nothing },
	{ .name = "pid", .write = write_pid },
	{ .name = "gpu_utilization",
		.also = "gpu_util",
		.unit = "%",
		.write = write_gpu_utilization },
	{ .name = "mem_utilization",
		.also = "mem_util",
		.unit = "%",
		.write = write_mem_utilization },
	{ .name = "max_memory_usage", .unit = "MiB", .write = write_max_memory },
	{ .name = "time", .unit = "ms", .write = write_time },
	{ 0 },
};

typedef void put_fn(void *arg, const struct line *line);

static void each_card(struct tr_smi_dev *dev, put_fn *put, void *arg)
{
	put(arg, &(struct line){ .dev = dev });
}

static void each_process(struct tr_smi_dev *dev, put_fn *put, void *arg)
{
	const struct tr_smi_procs *procs = tr_smi__procs(dev);

	for (size_t i = 0; i < procs->n; i++)
		if (procs->v[i].is_compute || procs->v[i].is_mps)
			put(arg, &(struct line){ .dev = dev, .proc = &procs->v[i] });
}

static void each_clock(struct tr_smi_dev *dev, put_fn *put, void *arg)
{
	unsigned memory[TR_SMI_MAX_CLOCKS], graphics[TR_SMI_MAX_CLOCKS], n, n_graphics;

	if (tr_smi__memory_clocks(dev, memory, &n) != NVML_SUCCESS)
		return;
	for (unsigned m = 0; m < n; m++) {
		if (tr_smi__graphics_clocks(dev, memory[m], graphics, &n_graphics) != NVML_SUCCESS)
			continue;
		for (unsigned g = 0; g < n_graphics; g++)
			put(arg, &(struct line){ .dev = dev,
					 .memory_clock = memory[m],
					 .graphics_clock = graphics[g] });
	}
}

static void each_page(struct tr_smi_dev *dev, put_fn *put, void *arg)
{
	const struct tr_nvml *api = dev->smi->api;

	for (unsigned cause = 0; cause < 2; cause++) {
		unsigned long long pages[TR_SMI_MAX_CLOCKS] = { 0 };
		unsigned n = TR_SMI_MAX_CLOCKS;
		nvmlReturn_t r =
			api->nvmlDeviceGetRetiredPages
				? api->nvmlDeviceGetRetiredPages(dev->handle, cause, &n, pages)
				: NVML_ERROR_NOT_SUPPORTED;

		if (r != NVML_SUCCESS)
			n = 1;
		for (unsigned i = 0; i < n && i < TR_SMI_MAX_CLOCKS; i++)
			put(arg, &(struct line){ .dev = dev, .cause = cause, .address = pages[i] });
	}
}

static void each_accounted(struct tr_smi_dev *dev, put_fn *put, void *arg)
{
	const struct tr_nvml *api = dev->smi->api;
	unsigned pids[TR_SMI_MAX_ACCOUNTED], n;

	if (tr_smi__accounted(dev, pids, &n) != NVML_SUCCESS)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct tr_smi_slot slot = { .r = NVML_ERROR_FUNCTION_NOT_FOUND };
		nvmlAccountingStats_t stats = { 0 };

		if (api->nvmlDeviceGetAccountingStats)
			slot.r = api->nvmlDeviceGetAccountingStats(dev->handle, pids[i], &stats);
		memcpy(&slot.a, &stats, sizeof(stats));
		put(arg, &(struct line){ .dev = dev, .pid = pids[i], .accounting = &slot });
	}
}

static const struct tr_smi_list lists[] = {
	{ "gpu", NULL, each_card },
	{ "compute-apps", process_columns, each_process },
	{ "supported-clocks", clock_columns, each_clock },
	{ "retired-pages", page_columns, each_page },
	{ "remapped-rows", remapped_columns, each_card },
	{ "accounted-apps", accounted_columns, each_accounted },
};

static const struct tr_smi_list *find_list(const char *of)
{
	for (size_t i = 0; i < TR_COUNT(lists); i++)
		if (strcmp(lists[i].of, of) == 0)
			return &lists[i];
	return &lists[0];
}

static bool is_name(const char *name, const char *word, size_t len)
{
	return name && strlen(name) == len && strncmp(name, word, len) == 0;
}

static bool find_column(
	const struct tr_smi_list *list, const char *word, size_t len, struct tr_smi_chosen *ret)
{
	if (!list->columns) {
		const struct tr_smi_row *row = tr_smi__find_column(word, len);

		*ret = (struct tr_smi_chosen){ .name = row ? row->csv : NULL, .row = row };
		return row != NULL;
	}
	for (const struct tr_smi_column *c = list->columns; c->name; c++) {
		if (!is_name(c->name, word, len) && !is_name(c->also, word, len))
			continue;
		*ret = (struct tr_smi_chosen){ .name = c->name, .own = c };
		if (c->row)
			ret->row = tr_smi__find_column(c->row, strlen(c->row));
		return true;
	}
	return false;
}

static const char *unit_of(const struct tr_smi_chosen *c)
{
	if (!c->row)
		return c->own->unit;
	return c->row->format && !c->row->format->is_unit_of_text ? c->row->format->unit : NULL;
}

static void each_name(
	const struct tr_smi_list *list, void (*put)(void *arg, const char *name), void *arg)
{
	for (const struct tr_smi_column *c = list->columns; c && c->name; c++) {
		put(arg, c->name);
		if (c->also)
			put(arg, c->also);
	}
	for (size_t i = 0; !list->columns && i < tr_smi__n_rows; i++)
		if (tr_smi__rows[i].csv)
			put(arg, tr_smi__rows[i].csv);
}

static void offer(void *near, const char *name)
{
	tr_near_offer(near, name, strlen(name));
}

static int unknown(
	const struct tr_smi_list *list, const char *word, size_t len, FILE *out, FILE *errout)
{
	char name[128];
	struct tr_near near = { .wrong = name };

	fprintf(out, "Field \"%.*s\" is not a valid field to query.\n\n", (int)len, word);
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	each_name(list, offer, &near);
	for (size_t i = 0; i < near.n; i++)
		fprintf(errout, "  try: tranche smi --query-%s=%.*s --format=csv\n", list->of,
			(int)near.len[i], near.v[i]);
	if (!near.n)
		fprintf(errout, "  try: tranche smi --help-query-%s\n", list->of);
	return 2;
}

static int parse_format(const char *format, struct tr_smi_columns *ret, FILE *out)
{
	while (format && *format) {
		size_t len = strcspn(format, ", ");

		if (is_name("noheader", format, len)) {
			ret->has_head = false;
		} else if (is_name("nounits", format, len)) {
			ret->has_units = false;
		} else if (!is_name("csv", format, len)) {
			fputs("Format modifier is not recognized.\n", out);
			return 2;
		}
		format += len + strspn(format + len, ", ");
	}
	return 0;
}

int tr_smi__parse_columns(const char *of, const char *names, const char *format,
	struct tr_smi_columns *ret, FILE *out, FILE *errout)
{
	*ret = (struct tr_smi_columns){
		.list = find_list(of), .has_head = true, .has_units = true
	};
	while (*names) {
		size_t len = strcspn(names, ",");

		if (ret->n == TR_SMI_MAX_COLUMNS ||
			!find_column(ret->list, names, len, &ret->v[ret->n]))
			return unknown(ret->list, names, len, out, errout);
		ret->n++;
		names += len + (names[len] == ',');
	}
	return parse_format(format, ret, out);
}

/* The value as CSV has it: with its unit, or in brackets why there is none. */
static bool value_of(const struct tr_smi_chosen *c, const struct line *line, bool has_units,
	char ret[TR_SMI_VALUE + 2])
{
	char text[TR_SMI_VALUE];
	nvmlReturn_t r;
	size_t len;

	if (c->row) {
		if (tr_smi__value(line->dev, c->row, TR_SMI_CSV, has_units, ret))
			return true;
		snprintf(text, sizeof(text), "%s", ret);
	} else {
		r = c->own->write(line, ret);
		len = strlen(ret);
		if (r == NVML_SUCCESS && c->own->unit && has_units)
			snprintf(ret + len, TR_SMI_VALUE - len, " %s", c->own->unit);
		if (r == NVML_SUCCESS)
			return true;
		snprintf(text, sizeof(text), "%s", tr_smi__missing(r));
	}
	snprintf(ret, TR_SMI_VALUE + 2, "[%s]", text);
	return false;
}

struct printing {
	FILE *out;
	const struct tr_smi_columns *columns;
	size_t n_lines;
};

static void put_csv(void *arg, const struct line *line)
{
	struct printing *p = arg;
	char text[TR_SMI_VALUE + 2];

	for (size_t i = 0; i < p->columns->n; i++) {
		value_of(&p->columns->v[i], line, p->columns->has_units, text);
		fprintf(p->out, "%s%s", i ? ", " : "", text);
	}
	fputc('\n', p->out);
}

/* What is unknown is left out; values keep their units. */
static void put_json(void *arg, const struct line *line)
{
	struct printing *p = arg;
	char text[TR_SMI_VALUE + 2];
	bool has_any = false;

	fputs(p->n_lines++ ? ",\n  {" : "\n  {", p->out);
	for (size_t i = 0; i < p->columns->n; i++) {
		if (!value_of(&p->columns->v[i], line, p->columns->has_units, text))
			continue;
		fprintf(p->out, "%s\"%s\": \"", has_any ? ", " : " ", p->columns->v[i].name);
		tr_smi__put_escaped(p->out, TR_SMI_JSON, text);
		fputc('"', p->out);
		has_any = true;
	}
	fputs(has_any ? " }" : "}", p->out);
}

static void put_head(FILE *out, const struct tr_smi_columns *columns)
{
	for (size_t i = 0; i < columns->n; i++) {
		const char *unit = unit_of(&columns->v[i]);

		fprintf(out, "%s%s", i ? ", " : "", columns->v[i].name);
		if (unit)
			fprintf(out, " [%s]", unit);
	}
	fputc('\n', out);
}

/* Field values of all columns in one call. */
static void prefetch(struct tr_smi_dev *dev, const struct tr_smi_columns *columns)
{
	enum tr_smi_ask asks[TR_SMI_MAX_COLUMNS];
	size_t n = 0;

	for (size_t i = 0; i < columns->n; i++)
		if (columns->v[i].row)
			asks[n++] = columns->v[i].row->ask;
	tr_smi__ask_fields(dev, asks, n);
}

void tr_smi__columns(struct tr_smi *smi, struct tr_smi_columns *columns)
{
	struct printing p = { .out = smi->out, .columns = columns };

	if (columns->is_json)
		fputc('[', smi->out);
	else if (columns->has_head)
		put_head(smi->out, columns);
	columns->has_head = false;
	for (size_t i = 0; i < smi->n_devs; i++) {
		prefetch(&smi->devs[i], columns);
		columns->list->each(&smi->devs[i], columns->is_json ? put_json : put_csv, &p);
	}
	if (columns->is_json)
		fputs(p.n_lines ? "\n]\n" : "]\n", smi->out);
}

static void put_name(void *out, const char *name)
{
	fprintf(out, "%s\n", name);
}

void tr_smi__put_columns(const char *of, FILE *out)
{
	each_name(find_list(of), put_name, out);
}
