/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/rows.h"

#include "smi/blocks.h"

#include <string.h>

#define Q		 TR_SMI_Q
#define X		 TR_SMI_X
#define SECTION(name)	 (1u << (TR_SMI_SECTIONS + TR_SMI_SECTION_##name))
#define MEMORY		 SECTION(MEMORY)
#define UTILIZATION	 SECTION(UTILIZATION)
#define ECC		 SECTION(ECC)
#define TEMPERATURE	 SECTION(TEMPERATURE)
#define POWER		 SECTION(POWER)
#define CLOCK		 SECTION(CLOCK)
#define COMPUTE		 SECTION(COMPUTE)
#define PIDS		 SECTION(PIDS)
#define PERFORMANCE	 SECTION(PERFORMANCE)
#define SUPPORTED_CLOCKS SECTION(SUPPORTED_CLOCKS)
#define PAGE_RETIREMENT	 SECTION(PAGE_RETIREMENT)
#define ACCOUNTING	 SECTION(ACCOUNTING)
#define ENCODER_STATS	 SECTION(ENCODER_STATS)
#define TARGET_TEMP	 SECTION(SUPPORTED_GPU_TARGET_TEMP)
#define FBC_STATS	 SECTION(FBC_STATS)
#define ROW_REMAPPER	 SECTION(ROW_REMAPPER)
#define GSP		 SECTION(GSP_FIRMWARE_VERSION)
#define POWER_SMOOTHING	 SECTION(POWER_SMOOTHING)
#define POWER_PROFILES	 SECTION(POWER_PROFILES)

/* Parts of an answer: offset, size. */
#define N(i)		      (i) * sizeof(unsigned), sizeof(unsigned)
#define WIDE		      0, sizeof(uint64_t)
#define WIDE_AT(offset)	      (offset), sizeof(uint64_t)
#define TEXT_		      0, 0
#define OF(type, member)      offsetof(type, member), sizeof(((type *)0)->member)
#define OF_TEXT(type, member) offsetof(type, member), 0

#define REASON(n)	 REASON_##n
#define tr_smi__REASON_0 tr_smi__reasons[0]
#define tr_smi__REASON_1 tr_smi__reasons[1]
#define tr_smi__REASON_2 tr_smi__reasons[2]
#define tr_smi__REASON_3 tr_smi__reasons[3]
#define tr_smi__REASON_4 tr_smi__reasons[4]
#define tr_smi__REASON_5 tr_smi__reasons[5]
#define tr_smi__REASON_6 tr_smi__reasons[6]
#define tr_smi__REASON_7 tr_smi__reasons[7]
#define tr_smi__REASON_8 tr_smi__reasons[8]
#define FORMAT_OF(name)	 &tr_smi__##name

#define ALWAYS .only_if = TR_ASK_NONE, .unless = TR_ASK_NONE
#define GROUP(d, t, x, w)           \
	{ .kind = TR_SMI_ROW_GROUP, \
		.depth = d,         \
		.text = t,          \
		.xml = x,           \
		.where = w,         \
		.ask = TR_ASK_NONE, \
		ALWAYS },
#define OPENS(d, t, x, w, a)        \
	{ .kind = TR_SMI_ROW_OPENS, \
		.depth = d,         \
		.text = t,          \
		.xml = x,           \
		.where = w,         \
		.ask = TR_ASK_##a,  \
		ALWAYS },
#define ROW(d, t, x, c, w, a, offset, length, f, ...) \
	{ .kind = TR_SMI_ROW_FIELD,                   \
		.depth = d,                           \
		.text = t,                            \
		.xml = x,                             \
		.csv = c,                             \
		.where = w,                           \
		.ask = a,                             \
		.at = offset,                         \
		.size = length,                       \
		.format = FORMAT_OF(f),               \
		__VA_ARGS__ },
/* The part is two arguments. */
#define ROW_(d, t, x, c, w, a, part, f, ...) ROW(d, t, x, c, w, a, part, f, __VA_ARGS__)
#define FIELD(d, t, x, c, w, a, part, f)     ROW_(d, t, x, c, w, TR_ASK_##a, part, f, ALWAYS)
#define FIELD_IF(cond, d, t, x, c, w, a, part, f) \
	ROW_(d, t, x, c, w, TR_ASK_##a, part, f, .only_if = TR_ASK_##cond, .unless = TR_ASK_NONE)
#define FIELD_UNLESS(cond, d, t, x, c, w, a, part, f) \
	ROW_(d, t, x, c, w, TR_ASK_##a, part, f, .only_if = TR_ASK_NONE, .unless = TR_ASK_##cond)
#define COLUMN(c, a, part, f) ROW_(0, 0, 0, c, 0, TR_ASK_##a, part, f, ALWAYS)
#define SAYS(d, t, x, c, w, what)   \
	{ .kind = TR_SMI_ROW_SAYS,  \
		.depth = d,         \
		.text = t,          \
		.xml = x,           \
		.csv = c,           \
		.where = w,         \
		.ask = TR_ASK_NONE, \
		ALWAYS,             \
		.word = what },
#define BLOCK(d, t, x, w, f)        \
	{ .kind = TR_SMI_ROW_BLOCK, \
		.depth = d,         \
		.text = t,          \
		.xml = x,           \
		.where = w,         \
		.ask = TR_ASK_NONE, \
		ALWAYS,             \
		.block = tr_smi__block_##f },
#define ALSO(alias, name) \
	{ .kind = TR_SMI_ROW_ALSO, .csv = alias, .text = name, .ask = TR_ASK_NONE, ALWAYS },

const struct tr_smi_row tr_smi__rows[] = {
#include "data/smi_fields.def"
};
const size_t tr_smi__n_rows = TR_COUNT(tr_smi__rows);

const struct tr_smi_row *tr_smi__find_column(const char *name, size_t len)
{
	for (size_t i = 0; i < tr_smi__n_rows; i++) {
		const struct tr_smi_row *row = &tr_smi__rows[i];

		if (!row->csv || strlen(row->csv) != len || strncmp(row->csv, name, len) != 0)
			continue;
		if (row->kind != TR_SMI_ROW_ALSO)
			return row;
		return tr_smi__find_column(row->text, strlen(row->text));
	}
	return NULL;
}

const char *tr_smi__missing(nvmlReturn_t r)
{
	/* A library without the call is as a card without the thing. */
	return r == NVML_ERROR_NOT_SUPPORTED || r == NVML_ERROR_FUNCTION_NOT_FOUND
		       ? "N/A"
		       : tr_smi__error_text(r);
}

static int64_t part_of(const struct tr_smi_slot *slot, const struct tr_smi_row *row)
{
	const char *at = (const char *)&slot->a + row->at;
	uint8_t one;
	uint32_t small;
	int64_t wide;

	switch (row->size) {
	case 0:
		return 0;
	case sizeof(one):
		memcpy(&one, at, sizeof(one));
		return one;
	case sizeof(small):
		memcpy(&small, at, sizeof(small));
		return small;
	default:
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
}

static void add_unit(
	const struct tr_smi_format *format, enum tr_smi_style style, char ret[TR_SMI_VALUE])
{
	size_t len = strlen(ret);

	if (format->unit && !(format->is_unit_of_text && style == TR_SMI_CSV))
		snprintf(ret + len, TR_SMI_VALUE - len, "%s%s", format->is_glued ? "" : " ",
			format->unit);
}

bool tr_smi__value(struct tr_smi_dev *dev, const struct tr_smi_row *row, enum tr_smi_style style,
	bool with_unit, char ret[TR_SMI_VALUE])
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, row->ask);
	struct tr_smi_value value = { .dev = dev, .slot = slot, .style = style };
	nvmlReturn_t r = slot->r;

	if (row->kind == TR_SMI_ROW_SAYS) {
		snprintf(ret, TR_SMI_VALUE, "%s", row->word);
		return true;
	}
	if (r == NVML_SUCCESS) {
		value.number = part_of(slot, row);
		value.text = (const char *)&slot->a + row->at;
		value.arg = row->format->arg;
		r = row->format->write(&value, ret);
	}
	if (r != NVML_SUCCESS) {
		snprintf(ret, TR_SMI_VALUE, "%s", tr_smi__missing(r));
		return false;
	}
	if (with_unit)
		add_unit(row->format, style, ret);
	return true;
}

void tr_smi__prefetch(struct tr_smi_dev *dev, uint32_t where)
{
	enum tr_smi_ask asks[TR_ASK_COUNT];
	size_t n = 0;

	for (size_t i = 0; i < tr_smi__n_rows && n < TR_ASK_COUNT; i++)
		if (tr_smi__rows[i].where & where)
			asks[n++] = tr_smi__rows[i].ask;
	tr_smi__ask_fields(dev, asks, n);
}
