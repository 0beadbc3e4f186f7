/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/mig.h"

#include "base/near.h"
#include "smi/help.h"
#include "smi/mig_priv.h"

#include <ctype.h>
#include <string.h>

static const struct verb {
	const char *name, *other;
	int (*run)(struct tr_mig_call *call);
	enum { TAKES_NOTHING, TAKES_LIST, MAY_TAKE_LIST } takes;
} verbs[] = {
	{ "-lgip", "--list-gpu-instance-profiles", tr_mig__list_profiles, TAKES_NOTHING },
	{ "-lgipp", "--list-gpu-instance-possible-placements", tr_mig__list_placements,
		TAKES_NOTHING },
	{ "-lgi", "--list-gpu-instances", tr_mig__list_gis, TAKES_NOTHING },
	{ "-lcip", "--list-compute-instance-profiles", tr_mig__list_ci_profiles, TAKES_NOTHING },
	{ "-lcipp", "--list-compute-instance-possible-placements", tr_mig__list_ci_placements,
		TAKES_NOTHING },
	{ "-lci", "--list-compute-instances", tr_mig__list_cis, TAKES_NOTHING },
	{ "-cgi", "--create-gpu-instance", tr_mig__create_gis, TAKES_LIST },
	{ "-cci", "--create-compute-instance", tr_mig__create_cis, MAY_TAKE_LIST },
	{ "-dci", "--destroy-compute-instance", tr_mig__destroy_cis, TAKES_NOTHING },
	{ "-dgi", "--destroy-gpu-instance", tr_mig__destroy_gis, TAKES_NOTHING },
};

struct words {
	const struct verb *verb;
	const char *ids, *gis, *cis;
	bool wants_help;
};

static bool is_word(const char *word, const char *name, const char *other)
{
	size_t len = strcspn(word, "=");

	return (strlen(name) == len && strncmp(word, name, len) == 0) ||
	       (strlen(other) == len && strncmp(word, other, len) == 0);
}

static const struct verb *find(const char *word)
{
	for (size_t i = 0; i < TR_COUNT(verbs); i++)
		if (is_word(word, verbs[i].name, verbs[i].other))
			return &verbs[i];
	return NULL;
}

/* What was meant by a word that is none: a value after a verb that takes none, or a slip. */
static void hint(struct tr_smi *smi, const struct words *w, const char *word)
{
	struct tr_near near = { .wrong = word };
	const char *ids = w->ids ? w->ids : "0";

	if (w->verb && w->verb->takes == TAKES_NOTHING && word[0] != '-') {
		bool is_ci = w->verb->run == tr_mig__destroy_cis;

		fprintf(smi->errout, "tranche: %s takes no value\n", w->verb->name);
		if (w->verb->run == tr_mig__destroy_gis)
			fprintf(smi->errout, "  try: tranche smi mig -i %s -dci   first, then\n",
				ids);
		fprintf(smi->errout, "  try: tranche smi mig -i %s %s   all of card %s\n", ids,
			w->verb->name, ids);
		if (w->verb->run == tr_mig__destroy_gis || is_ci)
			fprintf(smi->errout,
				"  try: tranche smi mig -i %s -gi %s %s   one of them\n", ids, word,
				w->verb->name);
		return;
	}
	for (size_t i = 0; i < TR_COUNT(verbs); i++)
		if (word[0] == '-') {
			tr_near_offer(&near, verbs[i].name, strlen(verbs[i].name));
			tr_near_offer(&near, verbs[i].other, strlen(verbs[i].other));
		}
	for (size_t i = 0; i < near.n; i++)
		fprintf(smi->errout, "  try: tranche smi mig %.*s\n", (int)near.len[i], near.v[i]);
	if (!near.n)
		fputs("  try: tranche smi mig --help\n", smi->errout);
}

/* "-i 0", "-i=0"; NULL when it is missing. */
static const char *value_of(const char *const **at)
{
	const char *equals = strchr(**at, '=');

	if (equals)
		return equals + 1;
	return (*at)[1] ? *++*at : NULL;
}

static int missing(struct tr_smi *smi, const char *word)
{
	fprintf(smi->out, "Option \"%s\" is missing its value.\n", word);
	return 2;
}

static int take(
	struct tr_smi *smi, struct tr_mig_call *call, struct words *w, const char *const **at)
{
	const char *word = **at;
	const struct verb *verb = find(word);
	const char **value = is_word(word, "-i", "--id")		     ? &w->ids
			     : is_word(word, "-gi", "--gpu-instance-id")     ? &w->gis
			     : is_word(word, "-ci", "--compute-instance-id") ? &w->cis
									     : NULL;

	if (value) {
		*value = value_of(at);
		return *value ? 0 : missing(smi, word);
	}
	if (is_word(word, "-C", "--default-compute-instance")) {
		call->with_default_ci = true;
		return 0;
	}
	if (is_word(word, "-h", "--help")) {
		w->wants_help = true;
		return 0;
	}
	if (!verb) {
		fprintf(smi->out, "Option \"%s\" is not recognized.\n", word);
		hint(smi, w, word);
		return 2;
	}
	w->verb = verb;
	if (verb->takes == TAKES_LIST ||
		(verb->takes == MAY_TAKE_LIST &&
			(strchr(word, '=') || ((*at)[1] && (*at)[1][0] != '-'))))
		call->profiles = value_of(at);
	return verb->takes == TAKES_LIST && !call->profiles ? missing(smi, word) : 0;
}

static int parse_ids(struct tr_smi *smi, const char *text, const char *what, struct tr_mig_ids *ret)
{
	const char *at = text;

	while (at && *at) {
		char *end = NULL;
		unsigned long n = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;

		if (!end || (*end && *end != ',') || ret->n == TR_MIG_MAX_IDS || n > 0xffff) {
			fprintf(smi->out, "Failed to parse %s instance ID \"%s\".\n", what, text);
			return 255;
		}
		ret->v[ret->n++] = (unsigned)n;
		at = *end ? end + 1 : end;
	}
	return 0;
}

int tr_smi__mig(const char *node, struct tr_smi *smi, const char *const *words)
{
	struct tr_mig_call call = { .smi = smi };
	struct words w = { 0 };
	int status = 0;

	for (; *words && !status; words++)
		status = take(smi, &call, &w, &words);
	if (!status)
		status = parse_ids(smi, w.gis, "GPU", &call.gis);
	if (!status)
		status = parse_ids(smi, w.cis, "compute", &call.cis);
	if (status)
		return status;
	if (!w.verb || w.wants_help) {
		tr_smi__help_mig(smi->out);
		return 0;
	}
	status = tr_smi__open(smi, node);
	if (status)
		return status;
	status = tr_smi__pick(smi, w.ids);
	return status ? status : w.verb->run(&call);
}
