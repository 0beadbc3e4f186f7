/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/query.h"

#include "smi/rows.h"

#include <string.h>
#include <strings.h>

static const char *const sections[] = {
#define S(name) #name,
#include "smi/sections.def"
#undef S
};

uint32_t tr_smi__parse_sections(const char *list)
{
	uint32_t where = 0;

	for (;;) {
		size_t len = strcspn(list, ","), i;

		for (i = 0; i < TR_COUNT(sections); i++)
			if (strlen(sections[i]) == len && strncasecmp(sections[i], list, len) == 0)
				break;
		if (i == TR_COUNT(sections))
			return 0;
		where |= 1u << (TR_SMI_SECTIONS + i);
		if (!list[len])
			return where;
		list += len + 1;
	}
}

void tr_smi__put_sections(FILE *out)
{
	for (size_t i = 0; i < TR_COUNT(sections); i++)
		fprintf(out, "%s\n", sections[i]);
}

static bool is_shown(struct tr_smi_dev *dev, const struct tr_smi_row *row, uint32_t where)
{
	return row->where & where &&
	       (row->only_if == TR_ASK_NONE || tr_smi__ask(dev, row->only_if)->r == NVML_SUCCESS) &&
	       (row->unless == TR_ASK_NONE || tr_smi__ask(dev, row->unless)->r != NVML_SUCCESS);
}

static void put_field(
	struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row)
{
	char value[TR_SMI_VALUE];
	bool is_known = tr_smi__value(dev, row, sheet->style, true, value) &&
			!(row->kind == TR_SMI_ROW_SAYS && strcmp(value, "N/A") == 0);

	tr_smi__sheet_field(sheet, row->depth, row->text, row->xml, is_known ? value : NULL, value);
}

/* One row; false: what lies deeper is not shown. */
static bool put_row(
	struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, const struct tr_smi_row *row)
{
	nvmlReturn_t r;

	switch (row->kind) {
	case TR_SMI_ROW_OPENS:
		r = tr_smi__ask(dev, row->ask)->r;
		if (r != NVML_SUCCESS) {
			tr_smi__sheet_field(
				sheet, row->depth, row->text, row->xml, NULL, tr_smi__missing(r));
			return false;
		}
		__attribute__((fallthrough));
	case TR_SMI_ROW_GROUP:
		tr_smi__sheet_group(sheet, row->depth, row->text, row->xml);
		return true;
	case TR_SMI_ROW_BLOCK:
		row->block(sheet, dev, row);
		return true;
	case TR_SMI_ROW_FIELD:
	case TR_SMI_ROW_SAYS:
		put_field(sheet, dev, row);
		return true;
	default:
		return true;
	}
}

static void put_card(struct tr_smi_sheet *sheet, struct tr_smi_dev *dev, uint32_t where)
{
	tr_smi__prefetch(dev, where);
	for (size_t i = 0; i < tr_smi__n_rows; i++) {
		const struct tr_smi_row *row = &tr_smi__rows[i];

		if (!is_shown(dev, row, where) || put_row(sheet, dev, row))
			continue;
		/* Columns stand at depth 0 wherever they belong. */
		while (i + 1 < tr_smi__n_rows &&
			(tr_smi__rows[i + 1].depth > row->depth || tr_smi__rows[i + 1].depth == 0))
			i++;
	}
}

static const char *bus_id(struct tr_smi_dev *dev, nvmlPciInfo_t *room)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_PCI);

	memcpy(room, &slot->a, sizeof(*room));
	return slot->r == NVML_SUCCESS ? room->busId : "N/A";
}

static void put_head(struct tr_smi_sheet *sheet, struct tr_smi *smi)
{
	char now[32], cuda[16], count[16];

	tr_smi__time(now);
	tr_smi__cuda(smi, cuda);
	snprintf(count, sizeof(count), "%u", smi->n_gpus);
	tr_smi__sheet_field(sheet, 0, "Timestamp", "timestamp", now, NULL);
	tr_smi__sheet_field(
		sheet, 0, "Driver Version", "driver_version", tr_smi__driver(smi), NULL);
	tr_smi__sheet_field(sheet, 0, "CUDA Version", "cuda_version", cuda, NULL);
	if (sheet->style == TR_SMI_TEXT)
		fputc('\n', sheet->out);
	tr_smi__sheet_field(sheet, 0, "Attached GPUs", "attached_gpus", count, NULL);
}

static void query_json(struct tr_smi_sheet *sheet, struct tr_smi *smi, uint32_t where)
{
	nvmlPciInfo_t pci;

	fputc('{', sheet->out);
	put_head(sheet, smi);
	tr_smi__sheet_list(sheet, 0, NULL, "gpus");
	for (size_t i = 0; i < smi->n_devs; i++) {
		sheet->shift = 0;
		tr_smi__sheet_group(sheet, 1, NULL, "gpu");
		sheet->shift = 1;
		tr_smi__sheet_field(sheet, 1, NULL, "id", bus_id(&smi->devs[i], &pci), NULL);
		put_card(sheet, &smi->devs[i], where);
	}
	sheet->shift = 0;
	tr_smi__sheet_close(sheet, 0);
	fputs("\n}\n", sheet->out);
}

static void query_xml(struct tr_smi_sheet *sheet, struct tr_smi *smi, uint32_t where)
{
	nvmlPciInfo_t pci;

	fputs("<?xml version=\"1.0\" ?>\n"
	      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n"
	      "<nvidia_smi_log>\n",
		sheet->out);
	put_head(sheet, smi);
	for (size_t i = 0; i < smi->n_devs; i++) {
		fprintf(sheet->out, "\t<gpu id=\"%s\">\n", bus_id(&smi->devs[i], &pci));
		put_card(sheet, &smi->devs[i], where);
		tr_smi__sheet_close(sheet, 0);
		fputs("\t</gpu>\n\n", sheet->out);
	}
	fputs("</nvidia_smi_log>\n", sheet->out);
}

static void query_text(struct tr_smi_sheet *sheet, struct tr_smi *smi, uint32_t where)
{
	nvmlPciInfo_t pci;

	fputs("\n==============NVSMI LOG==============\n\n", sheet->out);
	put_head(sheet, smi);
	for (size_t i = 0; i < smi->n_devs; i++) {
		fprintf(sheet->out, "GPU %s\n", bus_id(&smi->devs[i], &pci));
		put_card(sheet, &smi->devs[i], where);
		fputc('\n', sheet->out);
	}
}

void tr_smi__query(struct tr_smi *smi, enum tr_smi_style style, uint32_t where)
{
	struct tr_smi_sheet sheet = { .out = smi->out, .style = style };

	if (style == TR_SMI_XML)
		query_xml(&sheet, smi, where);
	else if (style == TR_SMI_JSON)
		query_json(&sheet, smi, where);
	else
		query_text(&sheet, smi, where);
}
