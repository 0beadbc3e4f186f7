/* SPDX-License-Identifier: Apache-2.0 */
/* One session with NVML, and the devices that are meant in it. */
#include "base/own.h"
#include "smi/node.h"
#include "smi/smi_priv.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

const char *tr_smi__error_text(nvmlReturn_t r)
{
	static const char *const texts[] = { "Success", "Uninitialized", "Invalid Argument",
		"Not Supported", "Insufficient Permissions", "Already Initialized", "Not Found",
		"Insufficient Size", "Insufficient External Power", "Driver Not Loaded", "Timeout",
		"Interrupt Request Issue", "NVML Shared Library Not Found", "Function Not Found",
		"Corrupted infoROM", "GPU is lost", "GPU requires reset",
		"GPU access blocked by the operating system", "Driver/library version mismatch",
		"In use by another client", "Insufficient Memory", "No data",
		"vGPU ECC not supported", "Insufficient Resources", "Invalid Frequency",
		"Argument version mismatch", "Requested functionality has been deprecated",
		"System is not in ready state", "No supported GPUs were found",
		"Resource not in correct state to perform requested operation",
		"Reset type is not supported for given device" };

	return (size_t)r < TR_COUNT(texts) ? texts[r] : "Unknown Error";
}

int tr_smi__exit(nvmlReturn_t r)
{
	return r < 256 ? (int)r : 255;
}

static int fail_load(struct tr_smi *smi, const struct tr_err *err)
{
	if (err->code == TR_E_NOT_FOUND)
		fputs("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please "
		      "make "
		      "sure that the NVIDIA Display Driver is properly installed and present in "
		      "your system.\nPlease also try adding directory that contains "
		      "libnvidia-ml.so "
		      "to your system PATH.\n",
			smi->out);
	fprintf(smi->errout, "tranche: %s\n", err->msg);
	if (err->hint[0])
		fprintf(smi->errout, "  try: %s\n", err->hint);
	return err->code == TR_E_NOT_FOUND ? NVML_ERROR_LIBRARY_NOT_FOUND : 255;
}

static int fail_init(struct tr_smi *smi, nvmlReturn_t r)
{
	if (r == NVML_ERROR_DRIVER_NOT_LOADED)
		fputs("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA "
		      "driver. Make sure that the latest NVIDIA driver is installed and "
		      "running.\n\n",
			smi->out);
	else
		fprintf(smi->out, "Failed to initialize NVML: %s\n", tr_smi__error_text(r));
	return tr_smi__exit(r);
}

int tr_smi__open(struct tr_smi *smi, const char *node)
{
	struct tr_err err = { 0 };
	struct tr_nvml *api = NULL;
	nvmlReturn_t r;

	if (tr_smi__load(node, &api, &smi->is_virtual, &err) < 0)
		return fail_load(smi, &err);
	r = api->nvmlInit_v2();
	if (r != NVML_SUCCESS) {
		tr_nvml_unload(api);
		return fail_init(smi, r);
	}
	smi->api = api;
	/* Said once, beside the output: no card is behind it. */
	if (smi->is_virtual)
		fputs("tranche: virtual\n", smi->errout);
	return 0;
}

static void dev_done(struct tr_smi_dev *dev)
{
	for (size_t i = 0; i < dev->n_migs; i++)
		dev_done(&dev->migs[i]);
	free(dev->migs);
	free(dev->procs.v);
	free(dev->slots);
}

static bool dev_init(struct tr_smi *smi, struct tr_smi_dev *dev, nvmlDevice_t handle)
{
	*dev = (struct tr_smi_dev){ .smi = smi, .handle = handle };
	dev->slots = calloc(TR_ASK_COUNT, sizeof(*dev->slots));
	return dev->slots != NULL;
}

static void forget_devs(struct tr_smi *smi)
{
	for (size_t i = 0; i < smi->n_devs; i++)
		dev_done(&smi->devs[i]);
	free(smi->devs);
	smi->devs = NULL;
	smi->n_devs = 0;
}

void tr_smi__close(struct tr_smi *smi)
{
	forget_devs(smi);
	tr_nvml_close(smi->api);
	smi->api = NULL;
}

void tr_smi__forget(struct tr_smi *smi)
{
	for (size_t i = 0; i < smi->n_devs; i++) {
		struct tr_smi_dev *dev = &smi->devs[i];
		nvmlDevice_t handle = dev->handle;
		struct tr_smi_slot *slots = dev->slots;
		struct tr_smi_slot index = slots[TR_ASK_INDEX];

		dev->slots = NULL;
		dev_done(dev);
		memset(slots, 0, TR_ASK_COUNT * sizeof(*slots));
		*dev = (struct tr_smi_dev){ .smi = smi, .handle = handle, .slots = slots };
		slots[TR_ASK_INDEX] = index;
	}
}

static nvmlReturn_t handle_by_index(struct tr_smi *smi, unsigned index, nvmlDevice_t *ret)
{
	return smi->api->nvmlDeviceGetHandleByIndex_v2(index, ret);
}

static nvmlReturn_t handle_by_name(struct tr_smi *smi, const char *name, nvmlDevice_t *ret)
{
	const struct tr_nvml *api = smi->api;

	if (strncmp(name, "GPU-", 4) == 0 || strncmp(name, "MIG-", 4) == 0)
		return api->nvmlDeviceGetHandleByUUID ? api->nvmlDeviceGetHandleByUUID(name, ret)
						      : NVML_ERROR_FUNCTION_NOT_FOUND;
	if (!strchr(name, ':') || !api->nvmlDeviceGetHandleByPciBusId_v2)
		return NVML_ERROR_NOT_FOUND;
	return api->nvmlDeviceGetHandleByPciBusId_v2(name, ret);
}

static bool add_dev(struct tr_smi *smi, nvmlDevice_t handle, const unsigned *index)
{
	struct tr_smi_dev *dev = &smi->devs[smi->n_devs];

	for (size_t i = 0; i < smi->n_devs; i++)
		if (smi->devs[i].handle == handle)
			return true;
	if (!dev_init(smi, dev, handle))
		return false;
	/* What was asked for by index has that index. */
	if (index)
		dev->slots[TR_ASK_INDEX] =
			(struct tr_smi_slot){ .is_asked = true, .a.u[0] = *index };
	smi->n_devs++;
	return true;
}

static int no_memory(struct tr_smi *smi)
{
	fputs("Insufficient Memory\n", smi->out);
	return NVML_ERROR_MEMORY;
}

static int pick_all(struct tr_smi *smi)
{
	for (unsigned i = 0; i < smi->n_gpus; i++) {
		nvmlDevice_t handle;
		nvmlReturn_t r = handle_by_index(smi, i, &handle);

		if (r == NVML_ERROR_NO_PERMISSION)
			continue;
		if (r != NVML_SUCCESS) {
			fprintf(smi->out, "Unable to determine the device handle for GPU%u: %s\n",
				i, tr_smi__error_text(r));
			return tr_smi__exit(r);
		}
		if (!add_dev(smi, handle, &i))
			return no_memory(smi);
	}
	return 0;
}

/* One of -i's words: a number, a UUID or a PCI bus id; what is none of ours is passed over. */
static int pick_one(struct tr_smi *smi, const char *word)
{
	nvmlDevice_t handle;
	char *end = NULL;
	unsigned long index = isdigit((unsigned char)word[0]) ? strtoul(word, &end, 10) : 0;
	bool is_index = end && !*end;
	unsigned small = (unsigned)index;
	nvmlReturn_t r;

	if (is_index)
		r = index < smi->n_gpus ? handle_by_index(smi, small, &handle)
					: NVML_ERROR_NOT_FOUND;
	else
		r = handle_by_name(smi, word, &handle);
	if (r == NVML_SUCCESS && !add_dev(smi, handle, is_index ? &small : NULL))
		return no_memory(smi);
	return 0;
}

static int by_index(const void *a, const void *b)
{
	unsigned x = tr_smi__number((void *)(uintptr_t)a, TR_ASK_INDEX);
	unsigned y = tr_smi__number((void *)(uintptr_t)b, TR_ASK_INDEX);

	return (x > y) - (x < y);
}

static int pick_some(struct tr_smi *smi, const char *ids)
{
	TR_AUTO_FREE char *words = strdup(ids);
	char *save = NULL;
	int status = 0;
	size_t n = 0;

	if (!words)
		return no_memory(smi);
	for (char *w = strtok_r(words, ", ", &save); w && !status;
		w = strtok_r(NULL, ", ", &save)) {
		status = pick_one(smi, w);
		n++;
	}
	if (n == 0) {
		fputs("Failed to parse device string on command line", smi->out);
		return 255;
	}
	/* Whatever order they were named in, they are printed in the driver's. */
	if (smi->n_devs > 1)
		qsort(smi->devs, smi->n_devs, sizeof(*smi->devs), by_index);
	return status;
}

int tr_smi__pick(struct tr_smi *smi, const char *ids)
{
	nvmlReturn_t r = smi->api->nvmlDeviceGetCount_v2(&smi->n_gpus);
	size_t room = smi->n_gpus + (ids ? strlen(ids) : 0) + 1;
	int status;

	if (r != NVML_SUCCESS)
		return fail_init(smi, r);
	smi->devs = calloc(room, sizeof(*smi->devs));
	if (!smi->devs)
		return no_memory(smi);
	status = ids ? pick_some(smi, ids) : pick_all(smi);
	if (status == 0 && smi->n_devs == 0) {
		fputs("No devices were found\n", smi->out);
		status = NVML_ERROR_NOT_FOUND;
	}
	return status;
}

bool tr_smi__is_mig(struct tr_smi_dev *dev)
{
	return tr_smi__number(dev, TR_ASK_MIG_MODE) == NVML_DEVICE_MIG_ENABLE;
}

static bool add_mig(struct tr_smi_dev *dev, unsigned index)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlDevice_t handle;

	if (api->nvmlDeviceGetMigDeviceHandleByIndex(dev->handle, index, &handle) != NVML_SUCCESS)
		return false;
	if (dev_init(dev->smi, &dev->migs[dev->n_migs], handle))
		dev->n_migs++;
	return true;
}

size_t tr_smi__migs(struct tr_smi_dev *dev, struct tr_smi_dev **ret)
{
	unsigned max;

	if (!dev->has_migs && dev->smi->api->nvmlDeviceGetMigDeviceHandleByIndex) {
		max = tr_smi__number(dev, TR_ASK_MAX_MIG);
		dev->migs = max ? calloc(max, sizeof(*dev->migs)) : NULL;
		for (unsigned i = 0; dev->migs && i < max; i++)
			add_mig(dev, i);
	}
	dev->has_migs = true;
	*ret = dev->migs;
	return dev->n_migs;
}

const char *tr_smi__driver(struct tr_smi *smi)
{
	nvmlReturn_t r;

	if (smi->driver[0])
		return smi->driver;
	r = smi->api->nvmlSystemGetDriverVersion(smi->driver, sizeof(smi->driver));
	if (r != NVML_SUCCESS)
		snprintf(smi->driver, sizeof(smi->driver), "N/A");
	return smi->driver;
}

void tr_smi__cuda(struct tr_smi *smi, char ret[16])
{
	const struct tr_nvml *api = smi->api;
	int version = 0;

	if (!api->nvmlSystemGetCudaDriverVersion_v2 ||
		api->nvmlSystemGetCudaDriverVersion_v2(&version) != NVML_SUCCESS)
		snprintf(ret, 16, "N/A");
	else
		snprintf(ret, 16, "%d.%d", version / 1000 % 1000, version % 1000 / 10);
}

void tr_smi__time(char ret[32])
{
	time_t now = time(NULL);
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	strftime(ret, 32, "%a %b %e %H:%M:%S %Y", &tm);
}
