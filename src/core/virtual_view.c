/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a driver shows beside its library, as two H100 of 580.159.04 showed them: names,
 * modes, majors and contents. What would be a card's own (interrupts, addresses of its memory) is
 * 0.
 */
#include "core/virtual_view.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	MAJOR_NVIDIA = 195,
	MAJOR_UVM = 238,
	MAJOR_CAPS = 241,
	MINOR_CTL = 255,
	MINOR_IMEX = 4323,
	VENDOR = 0x10de,
	/* The numbering of capabilities has room for so many. */
	CAPS_GPUS = 32,
};

/* The same whatever the cards are. */
static const struct {
	const char *name, *text;
} fixed[] = {
	{ "nvidia/version", "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  "
			    "Release Build  (tranche: virtual)\n" },
	{ "nvidia/registry", "Binary: \"\"\n" },
	{ "nvidia/suspend", "suspend hibernate resume\n" },
	{ "nvidia/suspend_depth", "default modeset uvm\n" },
	{ "nvidia/params", "ResmanDebugLevel: 4294967295\n"
			   "RmLogonRC: 1\n"
			   "ModifyDeviceFiles: 1\n"
			   "DeviceFileUID: 0\n"
			   "DeviceFileGID: 0\n"
			   "DeviceFileMode: 438\n"
			   "InitializeSystemMemoryAllocations: 1\n"
			   "UsePageAttributeTable: 4294967295\n"
			   "EnableMSI: 1\n"
			   "EnablePCIeGen3: 0\n"
			   "MemoryPoolSize: 0\n"
			   "KMallocHeapMaxSize: 0\n"
			   "VMallocHeapMaxSize: 0\n"
			   "IgnoreMMIOCheck: 0\n"
			   "EnableStreamMemOPs: 0\n"
			   "EnableUserNUMAManagement: 1\n"
			   "NvLinkDisable: 0\n"
			   "RmProfilingAdminOnly: 0\n"
			   "PreserveVideoMemoryAllocations: 0\n"
			   "EnableS0ixPowerManagement: 0\n"
			   "S0ixPowerManagementVideoMemoryThreshold: 256\n"
			   "DynamicPowerManagement: 3\n"
			   "DynamicPowerManagementVideoMemoryThreshold: 200\n"
			   "RegisterPCIDriver: 1\n"
			   "EnablePCIERelaxedOrderingMode: 0\n"
			   "EnableResizableBar: 0\n"
			   "EnableGpuFirmware: 18\n"
			   "EnableGpuFirmwareLogs: 2\n"
			   "RmNvlinkBandwidthLinkCount: 0\n"
			   "EnableDbgBreakpoint: 0\n"
			   "OpenRmEnableUnsupportedGpus: 1\n"
			   "DmaRemapPeerMmio: 1\n"
			   "ImexChannelCount: 2048\n"
			   "CreateImexChannel0: 0\n"
			   "GrdmaPciTopoCheckOverride: 0\n"
			   "CoherentGPUMemoryMode: \"\"\n"
			   "RegistryDwords: \"\"\n"
			   "RegistryDwordsPerDevice: \"\"\n"
			   "RmMsg: \"\"\n"
			   "GpuBlacklist: \"\"\n"
			   "TemporaryFilePath: \"\"\n"
			   "ExcludedGpus: \"\"\n" },
};

/* A card's power/ file: a card for data centres does not sleep. */
static const char power[] = "Runtime D3 status:          Disabled by default\n"
			    "Video Memory:               Active\n\n"
			    "GPU Hardware Support:\n"
			    " Video Memory Self Refresh: Not Supported\n"
			    " Video Memory Off:          Not Supported\n\n"
			    "S0ix Power Management:\n"
			    " Platform Support:          Not Supported\n"
			    " Status:                    Disabled\n\n"
			    "Notebook Dynamic Boost:     Not Supported\n";

static int put(const char *dir, const char *rest, const char *text, struct tr_err *err)
{
	char path[PATH_MAX], parent[PATH_MAX];

	if (tr_path_join(dir, rest, path, err) < 0)
		return -(int)err->code;
	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	if (tr_mkdir_p(parent, 0755, err) < 0)
		return -(int)err->code;
	return tr_write_file(path, 0444, text, strlen(text), err);
}

static int put_minors(const char *proc, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };

	tr_buf_puts(&text, "config 1\nmonitor 2\n");
	for (uint32_t g = 0; g < CAPS_GPUS; g++) {
		for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
			tr_buf_addf(&text, "gpu%u/gi%u/access %u\n", g, i, tr_sim_cap_minor(g, i));
			for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++)
				tr_buf_addf(&text, "gpu%u/gi%u/ci%u/access %u\n", g, i, c,
					tr_sim_cap_minor(g, i) + 1 + c);
		}
	}
	if (tr_buf_ok(&text, err) < 0)
		return -(int)err->code;
	return put(proc, "nvidia-caps/mig-minors", text.s, err);
}

static int put_fixed(const char *proc, struct tr_err *err)
{
	for (size_t i = 0; i < TR_COUNT(fixed); i++)
		if (put(proc, fixed[i].name, fixed[i].text, err) < 0)
			return -(int)err->code;
	return 0;
}

static int make_node(
	const char *dev, const char *name, mode_t mode, uint32_t major_, uint32_t minor_)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dev, name);
	if (mknod(path, S_IFCHR | mode, makedev(major_, minor_)) == 0)
		return chmod(path, mode);
	/* Where devices may not be made, a file by that name must do. */
	return errno == EPERM ? mknod(path, S_IFREG | mode, 0) : -1;
}

static int put_capability(const char *proc, const char *dev, const char *rest, uint32_t minor_,
	mode_t mode, struct tr_err *err)
{
	char name[256], text[128];

	snprintf(name, sizeof(name), "nvidia/capabilities/%s", rest);
	snprintf(text, sizeof(text),
		"DeviceFileMinor: %u\nDeviceFileMode: %u\nDeviceFileModify: 1\n", minor_,
		(unsigned)mode);
	if (put(proc, name, text, err) < 0)
		return -(int)err->code;
	if (minor_ == MINOR_IMEX)
		return 0; /* its device is made when a domain of several machines is */
	snprintf(name, sizeof(name), "nvidia-caps/nvidia-cap%u", minor_);
	if (make_node(dev, name, mode, MAJOR_CAPS, minor_) < 0)
		return tr_fail_errno(err, errno, "make '/dev/%s'", name);
	return 0;
}

static int put_instances(const char *proc, const char *dev, uint32_t g,
	const struct tr_sim_gpu *gpu, struct tr_err *err)
{
	char rest[128];

	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		if (!gpu->gis[i].exists)
			continue;
		snprintf(rest, sizeof(rest), "gpu%u/mig/gi%u/access", g, i);
		if (put_capability(proc, dev, rest, tr_sim_cap_minor(g, i), 0444, err) < 0)
			return -(int)err->code;
		for (uint32_t c = 0; c < TR_SIM_MAX_CIS; c++) {
			if (!gpu->gis[i].cis[c].exists)
				continue;
			snprintf(rest, sizeof(rest), "gpu%u/mig/gi%u/ci%u/access", g, i, c);
			if (put_capability(
				    proc, dev, rest, tr_sim_cap_minor(g, i) + 1 + c, 0444, err) < 0)
				return -(int)err->code;
		}
	}
	return 0;
}

/* One card's folder in sysfs. */
struct pci_dir {
	const char *dir;
	uint32_t bus;
	struct tr_err *err;
};

__attribute__((format(printf, 3, 4))) static bool put_line(
	const struct pci_dir *at, const char *file, const char *format, ...)
{
	char name[64], text[512];
	va_list args;

	snprintf(name, sizeof(name), "0000:%02x:00.0/%s", at->bus, file);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return put(at->dir, name, text, at->err) == 0;
}

/* What sysfs says of a card. */
static int put_pci(const char *pci, const struct tr_sim_gpu *gpu,
	const struct tr_gpu_product *product, struct tr_err *err)
{
	/* Of a PCI Express generation: what the kernel calls its speed. */
	static const char *const speeds[] = { "Unknown", "2.5 GT/s PCIe", "5.0 GT/s PCIe",
		"8.0 GT/s PCIe", "16.0 GT/s PCIe", "32.0 GT/s PCIe" };
	const struct tr_gpu_board *board = product ? product->board : NULL;
	uint32_t device = product ? product->pci_device_id : 0;
	uint32_t subsystem = board ? board->pci_subsystem_id : 0;
	uint32_t gen = board && board->pcie_gen < TR_COUNT(speeds) ? board->pcie_gen : 0;
	uint32_t width = board ? board->pcie_width : 0;
	const struct pci_dir at = { pci, gpu->pci_bus, err };

	if (put_line(&at, "vendor", "0x%04x\n", VENDOR) &&
		put_line(&at, "device", "0x%04x\n", device) &&
		put_line(&at, "subsystem_vendor", "0x%04x\n", VENDOR) &&
		put_line(&at, "subsystem_device", "0x%04x\n", subsystem) &&
		put_line(&at, "class", "0x030200\n") && put_line(&at, "revision", "0xa1\n") &&
		put_line(&at, "irq", "0\n") && put_line(&at, "enable", "1\n") &&
		put_line(&at, "numa_node", "0\n") && put_line(&at, "power_state", "D0\n") &&
		put_line(&at, "current_link_speed", "%s\n", speeds[gen]) &&
		put_line(&at, "max_link_speed", "%s\n", speeds[gen]) &&
		put_line(&at, "current_link_width", "%u\n", width) &&
		put_line(&at, "max_link_width", "%u\n", width) &&
		put_line(&at, "uevent",
			"DRIVER=nvidia\nPCI_CLASS=30200\nPCI_ID=10DE:%04X\n"
			"PCI_SUBSYS_ID=10DE:%04X\nPCI_SLOT_NAME=0000:%02x:00.0\n"
			"MODALIAS=pci:v000010DEd%08Xsv000010DEsd%08Xbc03sc02i00\n",
			device, subsystem, gpu->pci_bus, device, subsystem) &&
		put_line(&at, "resource",
			"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"))
		return 0;
	return -(int)err->code;
}

static bool is_hopper_or_later(const struct tr_gpu_product *product)
{
	return product && product->model->arch >= TR_ARCH_HOPPER;
}

/* What the driver says of a card in /proc. */
static int put_information(const char *proc, uint32_t g, const struct tr_sim_gpu *gpu,
	const struct tr_gpu_product *product, struct tr_err *err)
{
	const struct tr_gpu_board *board = product ? product->board : NULL;
	char name[128], text[512], uuid[41], vbios[32] = "??.??.??.??.??";

	for (size_t i = 0; board && board->vbios && board->vbios[i] && i + 1 < sizeof(vbios); i++)
		vbios[i] = (char)tolower((unsigned char)board->vbios[i]);
	tr_sim_uuid_text("GPU-", gpu->uuid, uuid);
	snprintf(name, sizeof(name), "nvidia/gpus/0000:%02x:00.0/information", gpu->pci_bus);
	snprintf(text, sizeof(text),
		"Model: \t\t %s\nIRQ:   \t\t 0\nGPU UUID: \t %s\nVideo BIOS: \t %s\n"
		"Bus Type: \t PCIe\nDMA Size: \t %s bits\nDMA Mask: \t 0x%s\n"
		"Bus Location: \t 0000:%02x:00.0\nDevice Minor: \t %u\n"
		"GPU Firmware: \t 580.159.04\nGPU Excluded:\t No\n",
		product ? product->name : "?", uuid, vbios,
		is_hopper_or_later(product) ? "52" : "47",
		is_hopper_or_later(product) ? "fffffffffffff" : "7fffffffffff", gpu->pci_bus, g);
	if (put(proc, name, text, err) < 0)
		return -(int)err->code;
	snprintf(name, sizeof(name), "nvidia/gpus/0000:%02x:00.0/power", gpu->pci_bus);
	if (put(proc, name, power, err) < 0)
		return -(int)err->code;
	snprintf(name, sizeof(name), "nvidia/gpus/0000:%02x:00.0/registry", gpu->pci_bus);
	return put(proc, name, "Binary: \"\"\n", err);
}

static int put_card(
	const struct tr_view *at, uint32_t g, const struct tr_sim_gpu *gpu, struct tr_err *err)
{
	const struct tr_gpu_product *product = tr_facts_product(gpu->product_key);
	char name[64], path[PATH_MAX];

	if (put_pci(at->pci, gpu, product, err) < 0 ||
		put_information(at->proc, g, gpu, product, err) < 0)
		return -(int)err->code;
	/* There for each card, empty while nothing is cut. */
	snprintf(name, sizeof(name), "nvidia/capabilities/gpu%u/mig", g);
	if (tr_path_join(at->proc, name, path, err) < 0 || tr_mkdir_p(path, 0555, err) < 0)
		return -(int)err->code;
	snprintf(name, sizeof(name), "nvidia%u", g);
	if (make_node(at->dev, name, 0666, MAJOR_NVIDIA, g) < 0)
		return tr_fail_errno(err, errno, "make '/dev/%s'", name);
	return put_instances(at->proc, at->dev, g, gpu, err);
}

static int make_places(const char *room, struct tr_view *ret, struct tr_err *err)
{
	char caps[PATH_MAX];

	if (tr_path_join(room, "proc", ret->proc, err) < 0 ||
		tr_path_join(room, "dev", ret->dev, err) < 0 ||
		tr_path_join(room, "pci", ret->pci, err) < 0 ||
		tr_path_join(ret->dev, "nvidia-caps", caps, err) < 0 ||
		tr_mkdir_p(ret->proc, 0755, err) < 0 || tr_mkdir_p(ret->pci, 0755, err) < 0)
		return -(int)err->code;
	return tr_mkdir_p(caps, 0755, err);
}

int tr_view_make(
	const char *room, const struct tr_sim_node *node, struct tr_view *ret, struct tr_err *err)
{
	if (make_places(room, ret, err) < 0 || put_fixed(ret->proc, err) < 0 ||
		put_minors(ret->proc, err) < 0 ||
		put_capability(ret->proc, ret->dev, "mig/config", 1, 0400, err) < 0 ||
		put_capability(ret->proc, ret->dev, "mig/monitor", 2, 0444, err) < 0 ||
		put_capability(ret->proc, ret->dev, "fabric-imex-mgmt", MINOR_IMEX, 0400, err) < 0)
		return -(int)err->code;
	for (uint32_t g = 0; g < node->n_gpus; g++)
		if (put_card(ret, g, &node->gpus[g], err) < 0)
			return -(int)err->code;
	if (make_node(ret->dev, "nvidiactl", 0666, MAJOR_NVIDIA, MINOR_CTL) < 0 ||
		make_node(ret->dev, "nvidia-uvm", 0666, MAJOR_UVM, 0) < 0 ||
		make_node(ret->dev, "nvidia-uvm-tools", 0666, MAJOR_UVM, 1) < 0)
		return tr_fail_errno(err, errno, "make the node's devices");
	return 0;
}
