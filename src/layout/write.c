/* SPDX-License-Identifier: Apache-2.0 */
/* From labels to text, in either format. */
#include "layout/layout.h"

#include <string.h>

/* One character, which is valid UTF-8; returns its length. */
static size_t decode(const char *text, uint32_t *ret)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	*ret = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		*ret = *ret << 6 | (at[i] & 0x3f);
	return len;
}

/* YAML takes these in a quoted text as they are; all others only escaped. */
static bool is_printable(uint32_t c)
{
	return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff &&
						  c != 0xfffe && c != 0xffff);
}

/* A label as a YAML key: in quotes, since it may be anything. */
static void put_key(const char *text, struct tr_buf *ret)
{
	bool is_plain = *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789._-") == strlen(text);

	if (is_plain && text[0] != '-') {
		tr_buf_puts(ret, text);
		return;
	}
	tr_buf_puts(ret, "\"");
	while (*text) {
		uint32_t c;
		size_t len = decode(text, &c);

		if (c == '"' || c == '\\')
			tr_buf_puts(ret, "\\");
		if (is_printable(c))
			tr_buf_add(ret, text, len);
		else
			tr_buf_addf(ret, "\\u%04x", (unsigned)c);
		text += len;
	}
	tr_buf_puts(ret, "\"");
}

static void put_gpus(const struct tr_layout_spec *spec, struct tr_buf *ret)
{
	if (spec->is_all) {
		tr_buf_puts(ret, "all");
		return;
	}
	tr_buf_puts(ret, "[");
	for (size_t i = 0; i < spec->n_gpus; i++) {
		tr_buf_puts(ret, i ? ", " : "");
		if (*spec->gpus[i].uuid)
			tr_buf_puts(ret, spec->gpus[i].uuid);
		else
			tr_buf_addf(ret, "%u", spec->gpus[i].idx);
	}
	tr_buf_puts(ret, "]");
}

static void put_own(const struct tr_layout_spec *spec, struct tr_buf *ret)
{
	const char *sep = "";

	tr_buf_puts(ret, "    - gpus: ");
	put_gpus(spec, ret);
	if (*spec->product)
		tr_buf_addf(ret, "\n      product: %s", spec->product);
	if (!spec->mig_on) {
		tr_buf_puts(ret, "\n      mig: off\n");
		return;
	}
	tr_buf_puts(ret, "\n      slices: [");
	for (size_t i = 0; i < spec->n_slices; i++) {
		/* A comma would end the item. */
		const char *quote = strchr(spec->slices[i].profile, ',') ? "\"" : "";

		for (uint32_t n = 0; n < spec->slices[i].count; n++) {
			tr_buf_addf(ret, "%s%s%s", sep, quote, spec->slices[i].profile);
			if (spec->slices[i].start >= 0)
				tr_buf_addf(ret, ":%d", spec->slices[i].start);
			tr_buf_puts(ret, quote);
			sep = ", ";
		}
	}
	tr_buf_puts(ret, "]\n");
}

static void put_filters(const struct tr_layout_spec *spec, struct tr_buf *ret)
{
	if (spec->n_filters == 0)
		return;
	tr_buf_puts(ret, "device-filter: [");
	for (size_t i = 0; i < spec->n_filters; i++) {
		tr_buf_addf(ret, "%s\"0x%08X", i ? ", " : "", spec->filters[i].id);
		if (spec->filters[i].has_subsystem)
			tr_buf_addf(ret, ":0x%08X", spec->filters[i].subsystem);
		tr_buf_puts(ret, "\"");
	}
	tr_buf_puts(ret, "]\n      ");
}

/* A profile is a key there: once, whatever its places. */
static uint32_t count_of(const struct tr_layout_spec *spec, size_t at)
{
	uint32_t n = 0;

	for (size_t i = 0; i < spec->n_slices; i++) {
		if (strcmp(spec->slices[i].profile, spec->slices[at].profile) != 0)
			continue;
		if (i < at)
			return 0;
		n += spec->slices[i].count;
	}
	return n;
}

static void put_stock(const struct tr_layout_spec *spec, struct tr_buf *ret)
{
	bool any = false;

	tr_buf_puts(ret, "    - ");
	put_filters(spec, ret);
	tr_buf_puts(ret, "devices: ");
	put_gpus(spec, ret);
	tr_buf_addf(ret, "\n      mig-enabled: %s\n", spec->mig_on ? "true" : "false");
	if (!spec->mig_on)
		return;
	tr_buf_puts(ret, "      mig-devices:");
	for (size_t i = 0; i < spec->n_slices; i++) {
		uint32_t n = count_of(spec, i);

		if (n > 0)
			tr_buf_addf(ret, "\n        \"%s\": %u", spec->slices[i].profile, n);
		any = any || n > 0;
	}
	tr_buf_puts(ret, any ? "\n" : " {}\n");
}

void tr_layout_write(const struct tr_layout_file *layout, bool stock, struct tr_buf *ret)
{
	tr_buf_puts(ret, stock ? "version: v1\nmig-configs:\n" : "version: 1\nlayouts:\n");
	for (size_t i = 0; i < layout->n_labels; i++) {
		tr_buf_puts(ret, "  ");
		put_key(layout->labels[i].name, ret);
		tr_buf_puts(ret, ":\n");
		for (size_t s = 0; s < layout->labels[i].n_specs; s++)
			(stock ? put_stock : put_own)(&layout->labels[i].specs[s], ret);
	}
}
