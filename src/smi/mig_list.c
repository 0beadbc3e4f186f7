/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that look. */
#include "smi/mig_priv.h"

#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

/* A box is this many columns wide inside. */
enum { PROFILES_WIDTH = 79, GIS_WIDTH = 57, CIS_WIDTH = 68, CI_PROFILES_WIDTH = 86 };

static void line(struct tr_smi *smi, char end, char fill, int width)
{
	fputc(end, smi->out);
	for (int i = 0; i < width; i++)
		fputc(fill, smi->out);
	fprintf(smi->out, "%c\n", end);
}

static void head(struct tr_smi *smi, int width, const char *const *lines)
{
	line(smi, '+', '-', width);
	for (; *lines; lines++)
		fprintf(smi->out, "|%-*s|\n", width, *lines);
	line(smi, '|', '=', width);
}

static int fail(struct tr_smi *smi, const char *what, nvmlReturn_t r)
{
	fprintf(smi->out, "Failed to display %s: %s\n", what, tr_smi__error_text(r));
	return tr_smi__exit(r);
}

/* No card has what the verb is about: said, and no failure (since R550). */
static int none(struct tr_smi *smi, const char *what)
{
	fprintf(smi->out, "No MIG-%s devices found.\n", what);
	return 0;
}

static int none_found(struct tr_smi *smi, const char *what)
{
	fprintf(smi->out, "No %s instances found: %s\n", what,
		tr_smi__error_text(NVML_ERROR_NOT_FOUND));
	return NVML_ERROR_NOT_FOUND;
}

static unsigned index_of(struct tr_smi_dev *dev)
{
	return tr_smi__number(dev, TR_ASK_INDEX);
}

static void profile_row(struct tr_smi_dev *dev, const nvmlGpuInstanceProfileInfo_v2_t *p)
{
	const struct tr_nvml *api = dev->smi->api;
	unsigned free_count = 0;
	char memory[16];

	if (DO(nvmlDeviceGetGpuInstanceRemainingCapacity, (dev->handle, p->id, &free_count)) !=
		NVML_SUCCESS)
		free_count = 0;
	snprintf(memory, sizeof(memory), "%.2f", (double)p->memorySizeMB / 1024);
	fprintf(dev->smi->out, "|%4u  %-18s%4u%6u/%-9u%-11s%-7s%-7u%-6u%-4u|\n", index_of(dev),
		p->name, p->id, free_count, p->instanceCount, memory,
		p->isP2pSupported ? "Yes" : "No", p->multiprocessorCount, p->decoderCount,
		p->encoderCount);
	fprintf(dev->smi->out, "|%63s%-6u%-6u%-4u|\n", "", p->copyEngineCount, p->jpegCount,
		p->ofaCount);
	line(dev->smi, '+', '-', PROFILES_WIDTH);
}

int tr_mig__list_profiles(struct tr_mig_call *call)
{
	static const char *const lines[] = { " GPU instance profiles:",
		" GPU   Name               ID    Instances   Memory     P2P    SM    DEC   ENC",
		"                                Free/Total   GiB              CE    JPEG  OFA",
		NULL };
	struct tr_smi *smi = call->smi;
	bool has_head = false;

	for (size_t d = 0; d < smi->n_devs; d++) {
		struct tr_mig_profiles profiles;

		if (tr_smi__ask(&smi->devs[d], TR_ASK_MIG_MODE)->r != NVML_SUCCESS)
			continue;
		tr_mig__profiles(&smi->devs[d], &profiles);
		tr_mig__sort_profiles(&profiles);
		if (profiles.n && !has_head)
			head(smi, PROFILES_WIDTH, lines);
		has_head |= profiles.n > 0;
		for (size_t i = 0; i < profiles.n; i++)
			profile_row(&smi->devs[d], &profiles.v[i].info);
	}
	return has_head ? 0 : none(smi, "supported");
}

/* "s: {0,4}:4" or " : {0}:8" */
static void starts(struct tr_smi *smi, const nvmlGpuInstancePlacement_t *v, unsigned n)
{
	fprintf(smi->out, "Placement%c: {", n == 1 ? ' ' : 's');
	for (unsigned i = 0; i < n; i++)
		fprintf(smi->out, "%s%u", i ? "," : "", v[i].start);
	fprintf(smi->out, "}:%u\n", n ? v[0].size : 0);
}

enum { MAX_STARTS = 64 };

static nvmlReturn_t placements(struct tr_smi_dev *dev, unsigned profile_id)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlGpuInstancePlacement_t v[MAX_STARTS] = { 0 };
	unsigned n = MAX_STARTS;
	nvmlReturn_t r =
		DO(nvmlDeviceGetGpuInstancePossiblePlacements_v2, (dev->handle, profile_id, v, &n));

	if (r != NVML_SUCCESS || n > MAX_STARTS)
		return r;
	fprintf(dev->smi->out, "GPU %2u Profile ID %2u ", index_of(dev), profile_id);
	starts(dev->smi, v, n);
	return r;
}

int tr_mig__list_placements(struct tr_mig_call *call)
{
	struct tr_smi *smi = call->smi;
	bool has_any = false;

	for (size_t d = 0; d < smi->n_devs; d++) {
		struct tr_mig_profiles profiles;

		if (tr_smi__ask(&smi->devs[d], TR_ASK_MIG_MODE)->r != NVML_SUCCESS)
			continue;
		tr_mig__profiles(&smi->devs[d], &profiles);
		tr_mig__sort_profiles(&profiles);
		has_any |= profiles.n > 0;
		for (size_t i = 0; i < profiles.n; i++) {
			nvmlReturn_t r = placements(&smi->devs[d], profiles.v[i].info.id);

			if (r != NVML_SUCCESS)
				return fail(smi, "GPU instance possible placements", r);
		}
	}
	return has_any ? 0 : none(smi, "supported");
}

/* What a listing of instances does with one GPU instance; false: nothing was shown. */
typedef nvmlReturn_t gi_fn(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n);

struct listing {
	const char *what; /* for failures */
	const char *kind; /* "GPU", "compute" */
	int width;	  /* 0: no box */
	const char *const *lines;
	gi_fn *each;
};

static bool has_mig(const struct tr_smi *smi)
{
	for (size_t d = 0; d < smi->n_devs; d++)
		if (tr_smi__is_mig(&smi->devs[d]))
			return true;
	return false;
}

/* The head comes with the first row: it is held back in memory until there is one. */
static int list(struct tr_mig_call *call, const struct listing *l)
{
	struct tr_smi *smi = call->smi;
	FILE *out = smi->out;
	TR_AUTO_FREE char *text = NULL;
	nvmlReturn_t r = NVML_SUCCESS;
	size_t n = 0, size = 0;

	if (!has_mig(smi))
		return none(smi, "enabled");
	smi->out = open_memstream(&text, &size);
	if (!smi->out) {
		smi->out = out;
		return fail(smi, l->what, NVML_ERROR_MEMORY);
	}
	if (l->width)
		head(smi, l->width, l->lines);
	for (size_t d = 0; r == NVML_SUCCESS && d < smi->n_devs; d++) {
		struct tr_mig_gis gis = { .n = 0 };

		if (!tr_smi__is_mig(&smi->devs[d]))
			continue;
		r = tr_mig__gis(&smi->devs[d], &call->gis, &gis);
		for (size_t i = 0; r == NVML_SUCCESS && i < gis.n; i++)
			r = l->each(call, &smi->devs[d], &gis.v[i], &n);
	}
	fclose(smi->out);
	smi->out = out;
	if (r != NVML_SUCCESS)
		return fail(smi, l->what, r);
	if (n == 0)
		return none_found(smi, l->kind);
	fputs(text, out);
	return 0;
}

static nvmlReturn_t gi_row(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n)
{
	fprintf(call->smi->out, "|%4u  %-18s%6u%9u%11u:%-6u|\n", index_of(dev),
		gi->profile->info.name, gi->info.profileId, gi->info.id, gi->info.placement.start,
		gi->info.placement.size);
	line(call->smi, '+', '-', GIS_WIDTH);
	(*n)++;
	return NVML_SUCCESS;
}

int tr_mig__list_gis(struct tr_mig_call *call)
{
	static const char *const lines[] = { " GPU instances:",
		" GPU   Name               Profile  Instance   Placement",
		"                            ID       ID       Start:Size", NULL };
	static const struct listing gis = { "GPU instances", "GPU", GIS_WIDTH, lines, gi_row };

	return list(call, &gis);
}

static nvmlReturn_t ci_rows(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n)
{
	const struct tr_nvml *api = call->smi->api;
	struct tr_mig_ci_profiles profiles;
	nvmlReturn_t r = NVML_SUCCESS;

	tr_mig__ci_profiles(api, gi->handle, &profiles);
	for (size_t p = 0; r == NVML_SUCCESS && p < profiles.n; p++) {
		const nvmlComputeInstanceProfileInfo_v2_t *info = &profiles.v[p].info;
		nvmlComputeInstance_t handles[TR_MIG_MAX_INSTANCES];
		nvmlComputeInstanceInfo_t cis[TR_MIG_MAX_INSTANCES];
		size_t n_cis = 0;

		r = tr_mig__cis(api, gi->handle, info->id, &call->cis, handles, cis, &n_cis);
		for (size_t i = 0; i < n_cis; i++) {
			fprintf(call->smi->out, "|%4u%7u       %-18s%4u%10u%11u:%-6u|\n",
				index_of(dev), gi->info.id, info->name, info->id, cis[i].id,
				cis[i].placement.start, cis[i].placement.size);
			line(call->smi, '+', '-', CIS_WIDTH);
		}
		*n += n_cis;
	}
	return r;
}

int tr_mig__list_cis(struct tr_mig_call *call)
{
	static const char *const lines[] = { " Compute instances:",
		" GPU     GPU       Name             Profile   Instance   Placement",
		"       Instance                       ID        ID       Start:Size",
		"         ID", NULL };
	static const struct listing cis = { "compute instances", "compute", CIS_WIDTH, lines,
		ci_rows };

	return list(call, &cis);
}

static nvmlReturn_t ci_profile_rows(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n)
{
	const struct tr_nvml *api = call->smi->api;
	struct tr_mig_ci_profiles profiles;
	const struct tr_mig_ci_profile *spans;

	tr_mig__ci_profiles(api, gi->handle, &profiles);
	spans = tr_mig__default_ci(&profiles, gi);
	for (size_t i = 0; i < profiles.n; i++) {
		const nvmlComputeInstanceProfileInfo_v2_t *p = &profiles.v[i].info;
		unsigned left = 0;
		nvmlReturn_t r = DO(nvmlGpuInstanceGetComputeInstanceRemainingCapacity,
			(gi->handle, p->id, &left));

		if (r != NVML_SUCCESS)
			return r;
		fprintf(call->smi->out, "|%4u%7u       %-18s%4u%c%6u/%-12u%-10u%-6u%-6u%-4u|\n",
			index_of(dev), gi->info.id, p->name, p->id,
			&profiles.v[i] == spans ? '*' : ' ', left, p->instanceCount,
			p->multiprocessorCount, p->sharedDecoderCount, p->sharedEncoderCount,
			p->sharedOfaCount);
		fprintf(call->smi->out, "|%70s%-6u%-10u|\n", "", p->sharedCopyEngineCount,
			p->sharedJpegCount);
		line(call->smi, '+', '-', CI_PROFILES_WIDTH);
		(*n)++;
	}
	return NVML_SUCCESS;
}

int tr_mig__list_ci_profiles(struct tr_mig_call *call)
{
	static const char *const lines[] = { " Compute instance profiles:",
		" GPU     GPU       Name             Profile  Instances   Exclusive       Shared",
		"       Instance                       ID     Free/Total     SM       DEC   ENC   "
		"OFA",
		"         ID                                                          CE    JPEG",
		NULL };
	static const struct listing profiles = { "compute instance profiles", "GPU",
		CI_PROFILES_WIDTH, lines, ci_profile_rows };

	return list(call, &profiles);
}

static nvmlReturn_t ci_placement_rows(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n)
{
	const struct tr_nvml *api = call->smi->api;
	struct tr_mig_ci_profiles profiles;

	tr_mig__ci_profiles(api, gi->handle, &profiles);
	for (size_t i = 0; i < profiles.n; i++) {
		nvmlComputeInstancePlacement_t v[MAX_STARTS] = { 0 };
		unsigned n_starts = MAX_STARTS, id = profiles.v[i].info.id;
		nvmlReturn_t r = DO(nvmlGpuInstanceGetComputeInstancePossiblePlacements,
			(gi->handle, id, v, &n_starts));

		if (r != NVML_SUCCESS)
			return r;
		if (n_starts > MAX_STARTS)
			continue;
		fprintf(call->smi->out, "GPU %2u GPU Instance ID %2u Profile ID %2u ",
			index_of(dev), gi->info.id, id);
		starts(call->smi, v, n_starts);
		(*n)++;
	}
	return NVML_SUCCESS;
}

int tr_mig__list_ci_placements(struct tr_mig_call *call)
{
	static const struct listing starts_of = { "compute instance possible placements", "GPU", 0,
		NULL, ci_placement_rows };

	return list(call, &starts_of);
}
