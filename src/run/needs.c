/* SPDX-License-Identifier: Apache-2.0 */
#include "run/needs.h"

#include "base/err.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "NVIDIA_REQUIRE_";

/* Number by number: 12.10 is newer than 12.9. */
static int compare(const char *a, const char *b)
{
	while (*a || *b) {
		char *end_a, *end_b;
		unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);

		if (x != y)
			return x < y ? -1 : 1;
		if (end_a == a && end_b == b)
			return 0;
		a = end_a + (*end_a == '.');
		b = end_b + (*end_b == '.');
	}
	return 0;
}

static bool holds(const char *have, const char *op, size_t op_len, const char *wanted)
{
	static const struct {
		const char *op;
		bool less, same, more;
	} ops[] = {
		{ ">=", false, true, true },
		{ "<=", true, true, false },
		{ "!=", true, false, true },
		{ ">", false, false, true },
		{ "<", true, false, false },
		{ "=", false, true, false },
	};
	int order = compare(have, wanted);

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].op) == op_len && memcmp(ops[i].op, op, op_len) == 0)
			return order < 0 ? ops[i].less : order > 0 ? ops[i].more : ops[i].same;
	return true;
}

/* "cuda>=12.8". What is not known (brands, architectures) is taken for met. */
static bool is_term_met(const char *term, size_t len, const struct tr_driver *driver)
{
	size_t n_name = strcspn(term, "<>=! ,"), n_op = strspn(term + n_name, "<>=!");
	const char *have = NULL;
	char wanted[32];

	if (n_name + n_op >= len || len - n_name - n_op >= sizeof(wanted))
		return true;
	if (n_name == 4 && strncmp(term, "cuda", 4) == 0)
		have = driver->cuda;
	else if (n_name == 6 && strncmp(term, "driver", 6) == 0)
		have = driver->version;
	memcpy(wanted, term + n_name + n_op, len - n_name - n_op);
	wanted[len - n_name - n_op] = '\0';
	return !have || !isdigit((unsigned char)wanted[0]) ||
	       holds(have, term + n_name, n_op, wanted);
}

/* Blanks stand between alternatives, commas between what must hold together. */
static bool is_met(const char *text, const struct tr_driver *driver)
{
	bool any = false;

	while (*text) {
		size_t len = strcspn(text, " ");
		bool all = len > 0;

		for (size_t at = 0, n; at < len; at += n + 1) {
			n = strcspn(text + at, ", ");
			all = all && is_term_met(text + at, n, driver);
		}
		if (all)
			return true;
		any = any || len > 0;
		text += len + (text[len] == ' ');
	}
	return !any;
}

/* The last one of a name counts, as in a process's environment. */
static bool is_switched_off(char *const *env, size_t n)
{
	static const char name[] = "NVIDIA_DISABLE_REQUIRE=";
	bool off = false;

	for (size_t i = 0; i < n; i++)
		if (strncmp(env[i], name, sizeof(name) - 1) == 0)
			off = strcmp(env[i] + sizeof(name) - 1, "1") == 0 ||
			      strcmp(env[i] + sizeof(name) - 1, "true") == 0;
	return off;
}

int tr_needs_check(char *const *env, size_t n, const struct tr_driver *driver, struct tr_err *err)
{
	if (is_switched_off(env, n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *value = strchr(env[i], '=');

		if (!value || strncmp(env[i], prefix, sizeof(prefix) - 1) != 0 ||
			is_met(value + 1, driver))
			continue;
		tr_fail(err, TR_E_UNSUPPORTED, "it needs %.*s, and driver %s has CUDA %s",
			(int)strcspn(value + 1, " "), value + 1,
			driver->version ? driver->version : "(unknown)",
			driver->cuda ? driver->cuda : "(unknown)");
		return tr_hint(err, "an image for CUDA %s or older, or a newer driver",
			driver->cuda ? driver->cuda : "of this driver");
	}
	return 0;
}
