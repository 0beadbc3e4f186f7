/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change something. Each stops at the first refusal: what was done stays done. */
#include "smi/mig_priv.h"

#include <ctype.h>
#include <string.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

/* "Failed to create GPU instances: Insufficient Resources" */
static int failed(struct tr_smi *smi, const char *what, nvmlReturn_t r)
{
	fprintf(smi->out, "Failed to %s: %s\n", what, tr_smi__error_text(r));
	return tr_smi__exit(r);
}

static unsigned index_of(struct tr_smi_dev *dev)
{
	return tr_smi__number(dev, TR_ASK_INDEX);
}

static bool is_number(const char *text, unsigned long *ret)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	*ret = strtoul(text, &end, 10);
	return !*end;
}

/* "MIG 3g.20gb", "3g.20gb" and "9" mean the same; `name` begins with "MIG ". */
static bool is_meant(const char *word, const char *name, unsigned id)
{
	unsigned long number;

	if (is_number(word, &number))
		return number == id;
	if (strncasecmp(word, "MIG ", 4) == 0)
		word += 4;
	if (strncasecmp(name, "MIG ", 4) == 0)
		name += 4;
	return strcasecmp(word, name) == 0;
}

static const struct tr_mig_profile *find_profile(
	const struct tr_mig_profiles *profiles, const char *word)
{
	for (size_t i = 0; i < profiles->n; i++)
		if (is_meant(word, profiles->v[i].info.name, profiles->v[i].info.id))
			return &profiles->v[i];
	return NULL;
}

static nvmlReturn_t create_at(struct tr_smi_dev *dev, const struct tr_mig_profile *profile,
	const char *start_text, nvmlGpuInstance_t *ret)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlGpuInstancePlacement_t v[64];
	unsigned n = TR_COUNT(v);
	unsigned long start;
	nvmlReturn_t r;

	if (!is_number(start_text, &start))
		return NVML_ERROR_INVALID_ARGUMENT;
	r = DO(nvmlDeviceGetGpuInstancePossiblePlacements_v2,
		(dev->handle, profile->info.id, v, &n));
	if (r != NVML_SUCCESS)
		return r;
	for (unsigned i = 0; i < n && i < TR_COUNT(v); i++)
		if (v[i].start == start)
			return DO(nvmlDeviceCreateGpuInstanceWithPlacement,
				(dev->handle, profile->info.id, &v[i], ret));
	return NVML_ERROR_INVALID_ARGUMENT;
}

/* `word` is as typed, for the message. */
static nvmlReturn_t create_ci(struct tr_smi_dev *dev, const struct tr_mig_gi *gi,
	const struct tr_mig_ci_profile *profile, const char *word)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlComputeInstanceInfo_t info = { 0 };
	nvmlComputeInstance_t ci = NULL;
	nvmlReturn_t r = NVML_ERROR_INVALID_ARGUMENT;

	if (profile)
		r = DO(nvmlGpuInstanceCreateComputeInstance, (gi->handle, profile->info.id, &ci));
	if (r == NVML_SUCCESS)
		r = DO(nvmlComputeInstanceGetInfo_v2, (ci, &info));
	if (r != NVML_SUCCESS)
		fprintf(dev->smi->out,
			"Unable to create a compute instance on GPU %2u GPU instance ID %2u using "
			"profile %s: %s\n",
			index_of(dev), gi->info.id, word ? word : "default", tr_smi__error_text(r));
	else
		fprintf(dev->smi->out,
			"Successfully created compute instance ID %2u on GPU %2u GPU instance ID "
			"%2u using profile %s (ID %2u)\n",
			info.id, index_of(dev), gi->info.id, profile->info.name, profile->info.id);
	return r;
}

static nvmlReturn_t create_default_ci(struct tr_smi_dev *dev, const struct tr_mig_gi *gi)
{
	struct tr_mig_ci_profiles profiles;

	tr_mig__ci_profiles(dev->smi->api, gi->handle, &profiles);
	return create_ci(dev, gi, tr_mig__default_ci(&profiles, gi), NULL);
}

/* One tuple, "profile" or "profile:start". ret_gi: what was made. */
static nvmlReturn_t create_gi(struct tr_smi_dev *dev, const struct tr_mig_profiles *profiles,
	const char *tuple, struct tr_mig_gi *ret_gi)
{
	const struct tr_nvml *api = dev->smi->api;
	TR_AUTO_FREE char *word = strdup(tuple);
	char *colon = word ? strchr(word, ':') : NULL;
	nvmlReturn_t r = NVML_ERROR_INVALID_ARGUMENT;

	if (colon)
		*colon = '\0';
	*ret_gi = (struct tr_mig_gi){ .profile = word ? find_profile(profiles, word) : NULL };
	if (ret_gi->profile && colon)
		r = create_at(dev, ret_gi->profile, colon + 1, &ret_gi->handle);
	else if (ret_gi->profile)
		r = DO(nvmlDeviceCreateGpuInstance,
			(dev->handle, ret_gi->profile->info.id, &ret_gi->handle));
	if (r == NVML_SUCCESS)
		r = DO(nvmlGpuInstanceGetInfo, (ret_gi->handle, &ret_gi->info));
	if (r != NVML_SUCCESS)
		fprintf(dev->smi->out,
			"Unable to create a GPU instance on GPU %2u using profile %s: %s\n",
			index_of(dev), word ? word : tuple, tr_smi__error_text(r));
	else
		fprintf(dev->smi->out,
			"Successfully created GPU instance ID %2u on GPU %2u using profile %s (ID "
			"%2u)\n",
			ret_gi->info.id, index_of(dev), ret_gi->profile->info.name,
			ret_gi->profile->info.id);
	return r;
}

static int create_on(struct tr_mig_call *call, struct tr_smi_dev *dev)
{
	TR_AUTO_FREE char *words = strdup(call->profiles);
	struct tr_mig_profiles profiles;
	char *save = NULL;

	tr_mig__profiles(dev, &profiles);
	for (char *w = words ? strtok_r(words, ",", &save) : NULL; w;
		w = strtok_r(NULL, ",", &save)) {
		struct tr_mig_gi gi;
		nvmlReturn_t r = create_gi(dev, &profiles, w, &gi);

		if (r != NVML_SUCCESS)
			return failed(call->smi, "create GPU instances", r);
		r = call->with_default_ci ? create_default_ci(dev, &gi) : NVML_SUCCESS;
		if (r != NVML_SUCCESS)
			return failed(call->smi, "create compute instances", r);
	}
	return 0;
}

/* Does one thing on each card that has MIG on. */
static int on_each(struct tr_mig_call *call, int (*each)(struct tr_mig_call *, struct tr_smi_dev *))
{
	struct tr_smi *smi = call->smi;
	bool has_any = false;
	int status = 0;

	for (size_t d = 0; d < smi->n_devs && !status; d++) {
		if (!tr_smi__is_mig(&smi->devs[d]))
			continue;
		has_any = true;
		status = each(call, &smi->devs[d]);
	}
	if (!has_any)
		fputs("No MIG-enabled devices found.\n", smi->out);
	return status;
}

int tr_mig__create_gis(struct tr_mig_call *call)
{
	return on_each(call, create_on);
}

/* The instances that are meant, or the exit status, printed. */
static int find_gis(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const char *what, struct tr_mig_gis *ret)
{
	nvmlReturn_t r = tr_mig__gis(dev, &call->gis, ret);

	if (r != NVML_SUCCESS)
		return failed(call->smi, what, r);
	if (ret->n)
		return 0;
	fprintf(call->smi->out, "No GPU instances found: %s\n",
		tr_smi__error_text(NVML_ERROR_NOT_FOUND));
	return NVML_ERROR_NOT_FOUND;
}

static nvmlReturn_t create_cis_in(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi)
{
	TR_AUTO_FREE char *words = call->profiles ? strdup(call->profiles) : NULL;
	struct tr_mig_ci_profiles profiles;
	nvmlReturn_t r = NVML_SUCCESS;
	char *save = NULL;

	if (!call->profiles)
		return create_default_ci(dev, gi);
	tr_mig__ci_profiles(dev->smi->api, gi->handle, &profiles);
	for (char *w = words ? strtok_r(words, ",", &save) : NULL; w && r == NVML_SUCCESS;
		w = strtok_r(NULL, ",", &save)) {
		const struct tr_mig_ci_profile *found = NULL;

		for (size_t i = 0; i < profiles.n; i++)
			if (is_meant(w, profiles.v[i].info.name, profiles.v[i].info.id))
				found = &profiles.v[i];
		r = create_ci(dev, gi, found, w);
	}
	return r;
}

static int create_cis_on(struct tr_mig_call *call, struct tr_smi_dev *dev)
{
	struct tr_mig_gis gis;
	int status = find_gis(call, dev, "create compute instances", &gis);

	for (size_t i = 0; !status && i < gis.n; i++) {
		nvmlReturn_t r = create_cis_in(call, dev, &gis.v[i]);

		if (r != NVML_SUCCESS)
			status = failed(call->smi, "create compute instances", r);
	}
	return status;
}

int tr_mig__create_cis(struct tr_mig_call *call)
{
	return on_each(call, create_cis_on);
}

static int destroy_gis_on(struct tr_mig_call *call, struct tr_smi_dev *dev)
{
	const struct tr_nvml *api = call->smi->api;
	struct tr_mig_gis gis;
	int status = find_gis(call, dev, "destroy GPU instances", &gis);

	for (size_t i = 0; !status && i < gis.n; i++) {
		nvmlReturn_t r = DO(nvmlGpuInstanceDestroy, (gis.v[i].handle));

		if (r == NVML_SUCCESS) {
			fprintf(call->smi->out,
				"Successfully destroyed GPU instance ID %2u from GPU %2u\n",
				gis.v[i].info.id, index_of(dev));
			continue;
		}
		fprintf(call->smi->out, "Unable to destroy GPU instance ID %2u from GPU %2u: %s\n",
			gis.v[i].info.id, index_of(dev), tr_smi__error_text(r));
		status = failed(call->smi, "destroy GPU instances", r);
		if (r == NVML_ERROR_IN_USE)
			fprintf(call->smi->errout, "  try: tranche smi mig -dci   first\n");
	}
	return status;
}

int tr_mig__destroy_gis(struct tr_mig_call *call)
{
	return on_each(call, destroy_gis_on);
}

/* The compute instances of one GPU instance; n counts them. */
static nvmlReturn_t destroy_cis_in(
	struct tr_mig_call *call, struct tr_smi_dev *dev, const struct tr_mig_gi *gi, size_t *n)
{
	const struct tr_nvml *api = call->smi->api;
	struct tr_mig_ci_profiles profiles;
	nvmlReturn_t r = NVML_SUCCESS;

	tr_mig__ci_profiles(api, gi->handle, &profiles);
	for (size_t p = 0; r == NVML_SUCCESS && p < profiles.n; p++) {
		nvmlComputeInstance_t handles[TR_MIG_MAX_INSTANCES];
		nvmlComputeInstanceInfo_t infos[TR_MIG_MAX_INSTANCES];
		size_t n_cis = 0;

		r = tr_mig__cis(
			api, gi->handle, profiles.v[p].info.id, &call->cis, handles, infos, &n_cis);
		for (size_t i = 0; r == NVML_SUCCESS && i < n_cis; i++, (*n)++) {
			r = DO(nvmlComputeInstanceDestroy, (handles[i]));
			fprintf(call->smi->out,
				"%s compute instance ID %2u from GPU %2u GPU instance ID %2u",
				r == NVML_SUCCESS ? "Successfully destroyed" : "Unable to destroy",
				infos[i].id, index_of(dev), gi->info.id);
			if (r != NVML_SUCCESS)
				fprintf(call->smi->out, ": %s", tr_smi__error_text(r));
			fputc('\n', call->smi->out);
		}
	}
	return r;
}

static int destroy_cis_on(struct tr_mig_call *call, struct tr_smi_dev *dev)
{
	struct tr_mig_gis gis;
	int status = find_gis(call, dev, "destroy compute instances", &gis);
	size_t n = 0;

	for (size_t i = 0; !status && i < gis.n; i++) {
		nvmlReturn_t r = destroy_cis_in(call, dev, &gis.v[i], &n);

		if (r != NVML_SUCCESS)
			status = failed(call->smi, "destroy compute instances", r);
	}
	if (status || n)
		return status;
	fprintf(call->smi->out, "No compute instances found: %s\n",
		tr_smi__error_text(NVML_ERROR_NOT_FOUND));
	return NVML_ERROR_NOT_FOUND;
}

int tr_mig__destroy_cis(struct tr_mig_call *call)
{
	return on_each(call, destroy_cis_on);
}
