/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/mode.h"

#include "smi/smi_priv.h"

#include <string.h>
#include <strings.h>

#define DO(call, args) (api->call ? api->call args : NVML_ERROR_FUNCTION_NOT_FOUND)

static int parse(struct tr_smi *smi, const char *option, const char *text, unsigned *ret)
{
	static const char *const words[] = { "0", "DISABLED", "1", "ENABLED" };

	for (unsigned i = 0; i < TR_COUNT(words); i++) {
		if (strcasecmp(text, words[i]) != 0)
			continue;
		*ret = i / 2;
		return 0;
	}
	fprintf(smi->out,
		"ERROR: Option %s has an invalid value '%s'. Please run 'nvidia-smi -h' for "
		"help.\n\n",
		option, text);
	fprintf(smi->errout, "  try: tranche smi %s 0   or   tranche smi %s 1\n", option, option);
	return 255;
}

static const char *bus_id(struct tr_smi_dev *dev, nvmlPciInfo_t *room)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_PCI);

	memcpy(room, &slot->a, sizeof(*room));
	return slot->r == NVML_SUCCESS ? room->busId : "N/A";
}

static int end(struct tr_smi *smi, int status)
{
	fputs(status ? "Terminating early due to previous errors.\n" : "All done.\n", smi->out);
	return status;
}

static nvmlReturn_t set_persistence(struct tr_smi_dev *dev, unsigned mode)
{
	const struct tr_nvml *api = dev->smi->api;
	const char *word = mode ? "Enabled" : "Disabled";
	const struct tr_smi_slot *now = tr_smi__ask(dev, TR_ASK_PERSISTENCE);
	nvmlPciInfo_t pci;
	nvmlReturn_t r;

	if (now->r == NVML_SUCCESS && now->a.u[0] == mode) {
		fprintf(dev->smi->out, "Persistence mode is already %s for GPU %s.\n", word,
			bus_id(dev, &pci));
		return NVML_SUCCESS;
	}
	r = DO(nvmlDeviceSetPersistenceMode, (dev->handle, mode));
	if (r == NVML_SUCCESS)
		fprintf(dev->smi->out, "%s persistence mode for GPU %s.\n", word,
			bus_id(dev, &pci));
	else
		fprintf(dev->smi->out, "Unable to set persistence mode for GPU %s: %s\n",
			bus_id(dev, &pci), tr_smi__error_text(r));
	return r;
}

int tr_smi__set_persistence(struct tr_smi *smi, const char *mode)
{
	unsigned number;
	int status = parse(smi, "-pm", mode, &number);

	if (status)
		return status;
	for (size_t i = 0; i < smi->n_devs && !status; i++)
		status = tr_smi__exit(set_persistence(&smi->devs[i], number));
	return end(smi, status);
}

/* The call came through, and the mode waits for something. */
static void tell_pending(struct tr_smi_dev *dev, unsigned mode, nvmlReturn_t why)
{
	FILE *out = dev->smi->out;
	nvmlPciInfo_t pci;
	const char *id = bus_id(dev, &pci);

	fprintf(out, "Warning: MIG mode is in pending %s state for GPU %s:%s\n",
		mode ? "enable" : "disable", id, tr_smi__error_text(why));
	if (why == NVML_ERROR_IN_USE)
		fprintf(out,
			"%s is currently being used by one or more other processes (e.g. CUDA "
			"application or a monitoring application such as another instance of "
			"nvidia-smi). Please first kill all processes using the device and retry "
			"the command or reboot the system to make MIG mode effective.\n",
			id);
	else
		fprintf(out,
			"Reboot the system or try nvidia-smi --gpu-reset to make MIG mode "
			"effective on GPU %s\n",
			id);
}

/* Without it the driver lets go of the card, and of its slices, when its last user ends. */
static void warn_persistence(struct tr_smi_dev *dev)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_PERSISTENCE);
	nvmlPciInfo_t pci;

	if (slot->r == NVML_SUCCESS && !slot->a.u[0])
		fprintf(dev->smi->out,
			"\nWarning: persistence mode is disabled on device %s. See the Known "
			"Issues section of the nvidia-smi(1) man page for more information. Run "
			"with [--help | -h] switch to get more information on how to enable "
			"persistence mode.\n",
			bus_id(dev, &pci));
}

static int set_mig(struct tr_smi_dev *dev, unsigned mode)
{
	const struct tr_nvml *api = dev->smi->api;
	const char *verb = mode ? "enable" : "disable";
	nvmlReturn_t activation = NVML_SUCCESS;
	nvmlReturn_t r = DO(nvmlDeviceSetMigMode, (dev->handle, mode, &activation));
	nvmlPciInfo_t pci;

	if (r == NVML_SUCCESS && activation == NVML_SUCCESS) {
		fprintf(dev->smi->out, "%s MIG Mode for GPU %s\n", mode ? "Enabled" : "Disabled",
			bus_id(dev, &pci));
		warn_persistence(dev);
		return 0;
	}
	if (r == NVML_SUCCESS) {
		tell_pending(dev, mode, activation);
		return 0;
	}
	fprintf(dev->smi->out, "Unable to %s MIG Mode for GPU %s: %s\n", verb, bus_id(dev, &pci),
		tr_smi__error_text(r));
	if (r != NVML_ERROR_NOT_SUPPORTED)
		return tr_smi__exit(r);
	fputs("Treating as warning and moving on.\n", dev->smi->out);
	return 0;
}

int tr_smi__set_mig(struct tr_smi *smi, const char *mode)
{
	unsigned number;
	int status = parse(smi, "-mig", mode, &number);

	if (status)
		return status;
	for (size_t i = 0; i < smi->n_devs && !status; i++)
		status = set_mig(&smi->devs[i], number);
	return end(smi, status);
}
