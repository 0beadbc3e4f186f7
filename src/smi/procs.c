/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that a device keeps: who runs on it (a process that computes and draws is one row), whose
 * use was kept count of, and its clocks. */
#include "smi/smi_priv.h"

#include <string.h>

typedef nvmlReturn_t list_fn(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *infos);

/* Asks with room for what is usual, and again only when that was too little. */
static nvmlReturn_t list(
	list_fn *call, nvmlDevice_t device, nvmlProcessInfo_t **ret, unsigned *ret_n)
{
	unsigned n = 64, room = n;
	nvmlProcessInfo_t *infos = NULL;
	nvmlReturn_t r;

	*ret = NULL;
	*ret_n = 0;
	if (!call)
		return NVML_ERROR_FUNCTION_NOT_FOUND;
	do {
		free(infos);
		room = n;
		infos = calloc(room, sizeof(*infos));
		if (!infos)
			return NVML_ERROR_MEMORY;
		r = call(device, &n, infos);
	} while (r == NVML_ERROR_INSUFFICIENT_SIZE && n > room);
	if (r != NVML_SUCCESS) {
		free(infos);
		return r;
	}
	*ret = infos;
	*ret_n = n;
	return r;
}

static struct tr_smi_proc *find(struct tr_smi_procs *procs, const nvmlProcessInfo_t *info)
{
	for (size_t i = 0; i < procs->n; i++)
		if (procs->v[i].pid == info->pid && procs->v[i].gi_id == info->gpuInstanceId &&
			procs->v[i].ci_id == info->computeInstanceId)
			return &procs->v[i];
	return NULL;
}

static void name_it(const struct tr_nvml *api, struct tr_smi_proc *proc)
{
	nvmlReturn_t r = api->nvmlSystemGetProcessName ? api->nvmlSystemGetProcessName(proc->pid,
								 proc->name, sizeof(proc->name))
						       : NVML_ERROR_FUNCTION_NOT_FOUND;

	proc->name[sizeof(proc->name) - 1] = '\0';
	if (r != NVML_SUCCESS && r != NVML_ERROR_INSUFFICIENT_SIZE)
		snprintf(proc->name, sizeof(proc->name), "[%s]", tr_smi__error_text(r));
}

static void add(struct tr_smi_dev *dev, const nvmlProcessInfo_t *info, size_t kind)
{
	struct tr_smi_procs *procs = &dev->procs;
	struct tr_smi_proc *proc = find(procs, info), *more;

	if (!proc) {
		more = realloc(procs->v, (procs->n + 1) * sizeof(*more));
		if (!more)
			return;
		procs->v = more;
		proc = &procs->v[procs->n++];
		*proc = (struct tr_smi_proc){ .pid = info->pid,
			.gi_id = info->gpuInstanceId,
			.ci_id = info->computeInstanceId,
			.bytes = info->usedGpuMemory };
		name_it(dev->smi->api, proc);
	}
	proc->is_compute |= kind == 0;
	proc->is_graphics |= kind == 1;
	proc->is_mps |= kind == 2;
}

const struct tr_smi_procs *tr_smi__procs(struct tr_smi_dev *dev)
{
	const struct tr_nvml *api = dev->smi->api;
	list_fn *const calls[] = { api->nvmlDeviceGetComputeRunningProcesses_v3,
		api->nvmlDeviceGetGraphicsRunningProcesses_v3,
		api->nvmlDeviceGetMPSComputeRunningProcesses_v3 };

	if (dev->has_procs)
		return &dev->procs;
	dev->has_procs = true;
	for (size_t kind = 0; kind < TR_COUNT(calls); kind++) {
		nvmlProcessInfo_t *infos;
		unsigned n;
		nvmlReturn_t r = list(calls[kind], dev->handle, &infos, &n);

		if (kind == 0)
			dev->procs.r = r;
		for (unsigned i = 0; i < n; i++)
			add(dev, &infos[i], kind);
		free(infos);
	}
	return &dev->procs;
}

static int by_pid(const void *a, const void *b)
{
	const struct tr_smi_proc *p = a, *q = b;

	if (p->gi_id != q->gi_id)
		return p->gi_id < q->gi_id ? -1 : 1;
	if (p->ci_id != q->ci_id)
		return p->ci_id < q->ci_id ? -1 : 1;
	return p->pid < q->pid ? -1 : p->pid > q->pid;
}

const struct tr_smi_procs *tr_smi__procs_by_pid(struct tr_smi_dev *dev)
{
	const struct tr_smi_procs *procs = tr_smi__procs(dev);

	if (procs->n)
		qsort(dev->procs.v, dev->procs.n, sizeof(*dev->procs.v), by_pid);
	return procs;
}

const char *tr_smi__proc_type(const struct tr_smi_proc *proc)
{
	if (proc->is_mps)
		return "M+C";
	if (proc->is_graphics)
		return proc->is_compute ? "C+G" : "G";
	return "C";
}

nvmlReturn_t tr_smi__memory_clocks(
	struct tr_smi_dev *dev, unsigned ret[TR_SMI_MAX_CLOCKS], unsigned *ret_n)
{
	const struct tr_nvml *api = dev->smi->api;

	*ret_n = TR_SMI_MAX_CLOCKS;
	if (!api->nvmlDeviceGetSupportedMemoryClocks)
		return NVML_ERROR_FUNCTION_NOT_FOUND;
	return api->nvmlDeviceGetSupportedMemoryClocks(dev->handle, ret_n, ret);
}

nvmlReturn_t tr_smi__graphics_clocks(struct tr_smi_dev *dev, unsigned memory_clock,
	unsigned ret[TR_SMI_MAX_CLOCKS], unsigned *ret_n)
{
	const struct tr_nvml *api = dev->smi->api;

	*ret_n = TR_SMI_MAX_CLOCKS;
	if (!api->nvmlDeviceGetSupportedGraphicsClocks)
		return NVML_ERROR_FUNCTION_NOT_FOUND;
	return api->nvmlDeviceGetSupportedGraphicsClocks(dev->handle, memory_clock, ret_n, ret);
}

nvmlReturn_t tr_smi__accounted(
	struct tr_smi_dev *dev, unsigned ret[TR_SMI_MAX_ACCOUNTED], unsigned *ret_n)
{
	const struct tr_nvml *api = dev->smi->api;
	nvmlReturn_t r = NVML_ERROR_FUNCTION_NOT_FOUND;

	*ret_n = TR_SMI_MAX_ACCOUNTED;
	if (api->nvmlDeviceGetAccountingPids)
		r = api->nvmlDeviceGetAccountingPids(dev->handle, ret_n, ret);
	if (r != NVML_SUCCESS)
		*ret_n = 0;
	return r;
}
