/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/table.h"

#include "base/own.h"
#include "smi/smi_priv.h"

#include <string.h>

enum { CELL = 32, WIDE = 64 };

static const char wide_line[] = "+-----------------------------------------------------------------"
				"------------------------+\n";
static const char card_line[] =
	"+-----------------------------------------+------------------------"
	"+----------------------+\n";
static const char mig_line[] = "+------------------+----------------------------------+-----------+"
			       "-----------------------+\n";
static const char thick_line[] =
	"|================================================================="
	"========================|\n";

/* What a cell shows in place of a value. */
static const char *missing(nvmlReturn_t r)
{
	return r == NVML_ERROR_NOT_SUPPORTED || r == NVML_ERROR_NO_PERMISSION ? "N/A" : "ERR!";
}

/* A number with its unit, or why not. */
static void cell(struct tr_smi_dev *dev, enum tr_smi_ask ask, unsigned divide, const char *unit,
	char ret[CELL])
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, ask);

	if (slot->r == NVML_SUCCESS)
		snprintf(ret, CELL, "%u%s", slot->a.u[0] / divide, unit);
	else
		snprintf(ret, CELL, "%s", missing(slot->r));
}

static const char *on_off(struct tr_smi_dev *dev, enum tr_smi_ask ask)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, ask);

	if (slot->r != NVML_SUCCESS)
		return missing(slot->r);
	return slot->a.u[0] ? "On" : "Off";
}

/* Uncorrected errors; with MIG they are counted for each instance. */
static void ecc_cell(struct tr_smi_dev *dev, char ret[CELL])
{
	const struct tr_smi_slot *mode = tr_smi__ask(dev, TR_ASK_ECC_MODE), *errors;

	if (mode->r != NVML_SUCCESS || !mode->a.u[0]) {
		snprintf(ret, CELL, "%s", mode->r == NVML_SUCCESS ? "Off" : missing(mode->r));
		return;
	}
	if (tr_smi__is_mig(dev)) {
		snprintf(ret, CELL, "On");
		return;
	}
	errors = tr_smi__ask(dev, TR_ASK_ECC_U_V_TOTAL);
	if (errors->r == NVML_SUCCESS)
		snprintf(ret, CELL, "%llu", errors->a.ull);
	else
		snprintf(ret, CELL, "%s", missing(errors->r));
}

static void head(struct tr_smi *smi)
{
	const struct tr_nvml *api = smi->api;
	char now[32], cuda[16], version[80] = "";
	const char *own = version;

	/* The tool's own version is the library's, behind NVML's: "13.580.159.04". */
	if (api->nvmlSystemGetNVMLVersion &&
		api->nvmlSystemGetNVMLVersion(version, sizeof(version)) == NVML_SUCCESS)
		own = strchr(version, '.') ? strchr(version, '.') + 1 : version;
	else
		own = tr_smi__driver(smi);
	tr_smi__time(now);
	tr_smi__cuda(smi, cuda);
	fprintf(smi->out, "%s       \n%s", now, wide_line);
	fprintf(smi->out, "| NVIDIA-SMI %-22s Driver Version: %-14s CUDA Version: %-8s |\n", own,
		tr_smi__driver(smi), cuda);
	fputs(card_line, smi->out);
	fputs("| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile "
	      "Uncorr. "
	      "ECC |\n"
	      "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  "
	      "Compute "
	      "M. |\n"
	      "|                                         |                        |               "
	      "MIG "
	      "M. |\n"
	      "|=========================================+========================+================"
	      "="
	      "=====|\n",
		smi->out);
}

static void name_cell(struct tr_smi_dev *dev, char ret[CELL])
{
	enum { ROOM = 27 };
	const char *name = tr_smi__text(dev, TR_ASK_NAME);

	if (strlen(name) > ROOM)
		snprintf(ret, CELL, "%.*s...", ROOM - 3, name);
	else
		snprintf(ret, CELL, "%s", name);
}

static const char *compute_mode(struct tr_smi_dev *dev)
{
	static const char *const modes[] = { "Default", "E. Thread", "Prohibited", "E. Process" };
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_COMPUTE_MODE);

	if (slot->r != NVML_SUCCESS)
		return missing(slot->r);
	return slot->a.u[0] < TR_COUNT(modes) ? modes[slot->a.u[0]] : "ERR!";
}

static const char *mig_mode(struct tr_smi_dev *dev)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_MIG_MODE);

	if (slot->r != NVML_SUCCESS)
		return missing(slot->r);
	if (slot->a.u[0] != slot->a.u[1])
		return slot->a.u[1] ? "Enabled*" : "Disabled*";
	return slot->a.u[0] ? "Enabled" : "Disabled";
}

/* Each of the driver's amounts is rounded up by itself. */
static unsigned long long mib(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}

static void memory_cell(struct tr_smi_dev *dev, char ret[WIDE])
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_MEMORY);
	nvmlMemory_v2_t memory;

	memcpy(&memory, &slot->a, sizeof(memory));
	if (slot->r == NVML_SUCCESS)
		snprintf(ret, WIDE, "%8lluMiB / %6lluMiB", mib(memory.used), mib(memory.total));
	else
		snprintf(ret, WIDE, "N/A");
}

static void util_cell(struct tr_smi_dev *dev, char ret[CELL])
{
	if (tr_smi__is_mig(dev))
		snprintf(ret, CELL, "N/A");
	else
		cell(dev, TR_ASK_UTILIZATION, 1, "%", ret);
}

static void card(struct tr_smi_dev *dev)
{
	char name[CELL], ecc[CELL], fan[CELL], temperature[CELL], power[CELL], limit[CELL];
	char pstate[CELL], memory[WIDE], util[CELL];
	const struct tr_smi_slot *pci = tr_smi__ask(dev, TR_ASK_PCI);
	const struct tr_smi_slot *heat = tr_smi__ask(dev, TR_ASK_TEMPERATURE);
	const struct tr_smi_slot *state = tr_smi__ask(dev, TR_ASK_PSTATE);
	nvmlPciInfo_t info;
	nvmlTemperature_v1_t degrees;

	memcpy(&info, &pci->a, sizeof(info));
	memcpy(&degrees, &heat->a, sizeof(degrees));
	name_cell(dev, name);
	ecc_cell(dev, ecc);
	cell(dev, TR_ASK_FAN, 1, "%", fan);
	cell(dev, TR_ASK_POWER, 1000, "W", power);
	cell(dev, TR_ASK_POWER_LIMIT, 1000, "W", limit);
	if (heat->r == NVML_SUCCESS)
		snprintf(temperature, CELL, "%dC", degrees.temperature);
	else
		snprintf(temperature, CELL, "%s", missing(heat->r));
	if (state->r == NVML_SUCCESS && state->a.u[0] < 32)
		snprintf(pstate, CELL, "P%u", state->a.u[0]);
	else
		snprintf(pstate, CELL, "%s", missing(state->r));
	memory_cell(dev, memory);
	util_cell(dev, util);
	fprintf(dev->smi->out, "|%4u  %-27s    %-3s |   %-16s %3s |%21s |\n",
		tr_smi__number(dev, TR_ASK_INDEX), name, on_off(dev, TR_ASK_PERSISTENCE),
		pci->r == NVML_SUCCESS ? info.busId : missing(pci->r),
		on_off(dev, TR_ASK_DISPLAY_ACTIVE), ecc);
	fprintf(dev->smi->out, "| %3s  %4s    %-4s%14s / %5s |%23s |%8s%13s |\n", fan, temperature,
		pstate, power, limit, memory, util, compute_mode(dev));
	fprintf(dev->smi->out, "|%41s|%24s|%21s |\n%s", "", "", mig_mode(dev), card_line);
}

/* BAR1's amounts are rounded down, memory's up. */
static void two_amounts(struct tr_smi_dev *dev, enum tr_smi_ask ask, size_t used_at,
	size_t total_at, char ret[WIDE])
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, ask);
	uint64_t used, total, down = ask == TR_ASK_BAR1 ? (1u << 20) - 1 : 0;

	memcpy(&used, (const char *)&slot->a + used_at, sizeof(used));
	memcpy(&total, (const char *)&slot->a + total_at, sizeof(total));
	if (slot->r == NVML_SUCCESS)
		snprintf(ret, WIDE, "%16lluMiB / %5lluMiB", mib(used & ~down), mib(total & ~down));
	else
		snprintf(ret, WIDE, "%30s", missing(slot->r));
}

static void mig_device(struct tr_smi_dev *dev, unsigned gpu)
{
	const struct tr_smi_slot *slot = tr_smi__ask(dev, TR_ASK_ATTRIBUTES);
	const struct tr_smi_slot *ecc = tr_smi__ask(dev, TR_ASK_ECC_U_V_SRAM);
	nvmlDeviceAttributes_t a;
	char memory[WIDE], bar1[WIDE], errors[CELL];

	memcpy(&a, &slot->a, sizeof(a));
	two_amounts(dev, TR_ASK_MEMORY, offsetof(nvmlMemory_v2_t, used),
		offsetof(nvmlMemory_v2_t, total), memory);
	two_amounts(dev, TR_ASK_BAR1, offsetof(nvmlBAR1Memory_t, bar1Used),
		offsetof(nvmlBAR1Memory_t, bar1Total), bar1);
	if (ecc->r == NVML_SUCCESS)
		snprintf(errors, CELL, "%llu", ecc->a.ull);
	else
		snprintf(errors, CELL, "%s", missing(ecc->r));
	fprintf(dev->smi->out, "|%3u%5u%4u%4u  |%-34s|%3u%7s |%3u%4u%5u%5u%5u |\n", gpu,
		tr_smi__number(dev, TR_ASK_GI_ID), tr_smi__number(dev, TR_ASK_CI_ID),
		tr_smi__number(dev, TR_ASK_INDEX), memory, a.multiprocessorCount, errors,
		a.sharedCopyEngineCount, a.sharedEncoderCount, a.sharedDecoderCount,
		a.sharedOfaCount, a.sharedJpegCount);
	fprintf(dev->smi->out, "|%18s|%-34s|%11s|%23s|\n%s", "", bar1, "", "", mig_line);
}

static void mig_devices(struct tr_smi *smi)
{
	bool is_mig = false, has_any = false;

	for (size_t i = 0; i < smi->n_devs; i++)
		is_mig |= tr_smi__is_mig(&smi->devs[i]);
	if (!is_mig)
		return;
	fprintf(smi->out, "\n%s|%-89s|\n%s", wide_line, " MIG devices:", mig_line);
	fputs("| GPU  GI  CI  MIG |              Shared Memory-Usage |        Vol|        Shared   "
	      "      "
	      "|\n"
	      "|      ID  ID  Dev |                Shared BAR1-Usage | SM     Unc| CE ENC  DEC  "
	      "OFA  JPG "
	      "|\n"
	      "|                  |                                  |        ECC|                 "
	      "      "
	      "|\n"
	      "|==================+==================================+===========+================="
	      "======"
	      "|\n",
		smi->out);
	for (size_t i = 0; i < smi->n_devs; i++) {
		struct tr_smi_dev *migs;
		size_t n = tr_smi__is_mig(&smi->devs[i]) ? tr_smi__migs(&smi->devs[i], &migs) : 0;

		for (size_t m = 0; m < n; m++)
			mig_device(&migs[m], tr_smi__number(&smi->devs[i], TR_ASK_INDEX));
		has_any |= n > 0;
	}
	if (!has_any)
		fprintf(smi->out, "|%-89s|\n%s", "  No MIG devices found", wide_line);
}

static void id_cell(uint32_t id, char ret[CELL])
{
	if (id == NVML_NO_INSTANCE)
		snprintf(ret, CELL, "N/A");
	else
		snprintf(ret, CELL, "%u ", id);
}

/* The end of a long name tells more than its beginning. */
static void process(struct tr_smi *smi, unsigned gpu, const struct tr_smi_proc *proc)
{
	enum { ROOM = 32, COLUMN = 36 };
	char gi[CELL], ci[CELL], name[ROOM + 1], bytes[CELL];
	size_t len = strlen(proc->name);

	id_cell(proc->gi_id, gi);
	id_cell(proc->ci_id, ci);
	if (len > ROOM)
		snprintf(name, sizeof(name), "...%s", proc->name + len - (ROOM - 3));
	else
		snprintf(name, sizeof(name), "%s", proc->name);
	if (proc->bytes == NVML_VALUE_NOT_AVAILABLE)
		snprintf(bytes, CELL, "N/A");
	else
		snprintf(bytes, CELL, "%lluMiB", mib(proc->bytes));
	fprintf(smi->out, "|%5u%6s%5s%16u%7s   %-*s%10s |\n", gpu, gi, ci, proc->pid,
		tr_smi__proc_type(proc), COLUMN, name, bytes);
}

static void processes(struct tr_smi *smi)
{
	size_t n = 0;

	fprintf(smi->out, "\n%s", wide_line);
	fputs("| Processes:                                                                        "
	      "      "
	      "|\n"
	      "|  GPU   GI   CI              PID   Type   Process name                        GPU "
	      "Memory "
	      "|\n"
	      "|        ID   ID                                                               "
	      "Usage      "
	      "|\n",
		smi->out);
	fputs(thick_line, smi->out);
	for (size_t i = 0; i < smi->n_devs; i++) {
		const struct tr_smi_procs *procs = tr_smi__procs_by_pid(&smi->devs[i]);

		for (size_t p = 0; p < procs->n; p++)
			process(smi, tr_smi__number(&smi->devs[i], TR_ASK_INDEX), &procs->v[p]);
		n += procs->n;
	}
	if (n == 0)
		fprintf(smi->out, "|%-89s|\n", "  No running processes found");
	fputs(wide_line, smi->out);
}

void tr_smi__table(struct tr_smi *smi)
{
	head(smi);
	for (size_t i = 0; i < smi->n_devs; i++)
		card(&smi->devs[i]);
	mig_devices(smi);
	processes(smi);
}

static void list_mig(struct tr_smi_dev *mig, unsigned index)
{
	const char *name = tr_smi__text(mig, TR_ASK_NAME), *at = strstr(name, " MIG ");

	fprintf(mig->smi->out, "  %-15s Device %2u: (UUID: %s)\n", at ? at + 1 : name, index,
		tr_smi__text(mig, TR_ASK_UUID));
}

void tr_smi__list(struct tr_smi *smi)
{
	for (size_t i = 0; i < smi->n_devs; i++) {
		struct tr_smi_dev *dev = &smi->devs[i], *migs;
		size_t n;

		fprintf(smi->out, "GPU %u: %s (UUID: %s)\n", tr_smi__number(dev, TR_ASK_INDEX),
			tr_smi__text(dev, TR_ASK_NAME), tr_smi__text(dev, TR_ASK_UUID));
		n = tr_smi__migs(dev, &migs);
		for (size_t m = 0; m < n; m++)
			list_mig(&migs[m], (unsigned)m);
	}
}
