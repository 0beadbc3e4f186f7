/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of profile names. */
#include "layout/layout.h"

#include <stdio.h>
#include <string.h>

static bool take_number(const char **text, const char *unit, unsigned *ret)
{
	const char *at = *text;
	unsigned n = 0;
	size_t len = strspn(at, "0123456789");

	if (len == 0 || len > 4 || strncmp(at + len, unit, strlen(unit)) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (unsigned)(at[i] - '0');
	*ret = n;
	*text = at + len + strlen(unit);
	return true;
}

/* "+me", "+me.all,gfx", "-me": known ones, each once, one sign for all. */
static bool is_attributes(const char *text, const char **why)
{
	static const char *const known[] = { "me", "me.all", "gfx" };
	unsigned seen = 0;

	do {
		size_t len = strcspn(++text, ","), i = 0;

		while (i < TR_COUNT(known) &&
			(strlen(known[i]) != len || strncmp(known[i], text, len) != 0))
			i++;
		if (i == TR_COUNT(known)) {
			*why = "an attribute is me, me.all or gfx";
			return false;
		}
		if (seen >> i & 1) {
			*why = "an attribute stands twice";
			return false;
		}
		seen |= 1u << i;
		text += len;
	} while (*text);
	return true;
}

bool tr_layout_profile(const char *text, char ret[64], const char **why)
{
	unsigned compute = 0, slices = 0, gb = 0;
	const char *at = text;
	bool has_compute = take_number(&at, "c.", &compute);

	*why = "a profile is Gg.Mgb, as 2g.20gb, with Cc. in front and +ATTR or -ATTR behind";
	if (strlen(text) >= 60 || !take_number(&at, "g.", &slices) || !take_number(&at, "gb", &gb))
		return false;
	if (has_compute && (compute == 0 || compute > slices)) {
		*why = "a compute instance has 1 to G of the slices of its GPU instance";
		return false;
	}
	if (*at && *at != '+' && *at != '-')
		return false;
	if (*at && !is_attributes(at, why))
		return false;
	if (has_compute && compute != slices)
		snprintf(ret, 64, "%uc.%ug.%ugb%s", compute, slices, gb, at);
	else
		snprintf(ret, 64, "%ug.%ugb%s", slices, gb, at);
	return true;
}
