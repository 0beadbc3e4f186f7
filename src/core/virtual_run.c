/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program inside a virtual node: around the library it finds what a driver shows beside it.
 *
 * Everything is laid out on a tmpfs of a private mount namespace and bound over the places where
 * programs look, so nothing on the machine changes and nothing is left when the program ends. Major
 * numbers are those that the kernel gave on a machine with a card (580.159.04); no driver is behind
 * them.
 */
#include <tranche/tranche.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/node.h"
#include "sim/state/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	MAJOR_NVIDIA = 195,
	MAJOR_UVM = 238,
	MAJOR_CAPS = 241,
	MINOR_CTL = 255,
	VENDOR = 0x10de,
	/* The numbering of capabilities has room for so many. */
	CAPS_GPUS = 32,
};

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

static int bind_over(const char *from, const char *to, struct tr_err *err)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0
		       ? tr_fail_errno(err, errno, "show '%s'", to)
		       : 0;
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

static int put_card(const char *proc, const char *dev, const char *pci, uint32_t g,
	const struct tr_sim_gpu *gpu, struct tr_err *err)
{
	const struct tr_gpu_product *product = tr_facts_product(gpu->product_key);
	const struct tr_gpu_board *board = product ? product->board : NULL;
	uint32_t subsystem = board ? board->pci_subsystem_id : 0;
	char name[128], text[512], uuid[41];
	const struct {
		const char *file;
		uint32_t value;
	} ids[] = { { "vendor", VENDOR }, { "device", product ? product->pci_device_id : 0 },
		{ "subsystem_vendor", VENDOR }, { "subsystem_device", subsystem },
		{ "class", 0x030200 } };

	for (size_t i = 0; i < TR_COUNT(ids); i++) {
		snprintf(name, sizeof(name), "0000:%02x:00.0/%s", gpu->pci_bus, ids[i].file);
		snprintf(text, sizeof(text), i == 4 ? "0x%06x\n" : "0x%04x\n", ids[i].value);
		if (put(pci, name, text, err) < 0)
			return -(int)err->code;
	}
	snprintf(name, sizeof(name), "0000:%02x:00.0/numa_node", gpu->pci_bus);
	if (put(pci, name, "0\n", err) < 0)
		return -(int)err->code;
	snprintf(name, sizeof(name), "0000:%02x:00.0/resource", gpu->pci_bus);
	if (put(pci, name,
		    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
		    err) < 0)
		return -(int)err->code;
	tr_sim_uuid_text("GPU-", gpu->uuid, uuid);
	snprintf(name, sizeof(name), "nvidia/gpus/0000:%02x:00.0/information", gpu->pci_bus);
	snprintf(text, sizeof(text),
		"Model: \t\t %s\nIRQ:   \t\t 0\nGPU UUID: \t %s\nVideo BIOS: \t %s\n"
		"Bus Type: \t PCIe\nBus Location: \t 0000:%02x:00.0\nDevice Minor: \t %u\n"
		"GPU Excluded:\t No\n",
		product ? product->name : "?", uuid,
		board && board->vbios ? board->vbios : "??.??.??.??.??", gpu->pci_bus, g);
	if (put(proc, name, text, err) < 0)
		return -(int)err->code;
	snprintf(name, sizeof(name), "nvidia%u", g);
	if (make_node(dev, name, 0666, MAJOR_NVIDIA, g) < 0)
		return tr_fail_errno(err, errno, "make '/dev/%s'", name);
	return put_instances(proc, dev, g, gpu, err);
}

/* Shows in `dir` what is in `from` too: links as they are, the rest bound. */
static int carry_over(const char *from, const char *dir, struct tr_err *err)
{
	char source[PATH_MAX + 300], target[PATH_MAX + 300], link[PATH_MAX];
	DIR *list = opendir(from);
	struct dirent *entry;
	struct stat st;

	while (list && (entry = readdir(list))) {
		ssize_t len;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", dir, entry->d_name);
		/* What we made stands in place of what was there. */
		if (lstat(source, &st) < 0 || access(target, F_OK) == 0)
			continue;
		len = S_ISLNK(st.st_mode) ? readlink(source, link, sizeof(link) - 1) : -1;
		if (len >= 0) {
			link[len] = '\0';
			if (symlink(link, target) < 0)
				break;
			continue;
		}
		if (S_ISDIR(st.st_mode) ? mkdir(target, 0755) < 0
					: mknod(target, S_IFREG | 0600, 0) < 0)
			break;
		if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
			break;
	}
	if (list)
		closedir(list);
	return list && entry ? tr_fail_errno(err, errno, "carry '%s' over", source) : 0;
}

static int show_modules(const char *room, struct tr_err *err)
{
	TR_AUTO_FREE char *there = NULL;
	TR_AUTO_BUF text = { 0 };
	char path[PATH_MAX];

	if (access("/proc/modules", F_OK) < 0)
		return 0; /* this kernel has no such file */
	if (tr_read_file("/proc/modules", 1 << 20, &there, NULL, err) < 0)
		return -(int)err->code;
	tr_buf_puts(&text, there);
	tr_buf_puts(&text, "nvidia 14381056 0 - Live 0x0000000000000000 (OE)\n");
	if (tr_buf_ok(&text, err) < 0 || put(room, "modules", text.s, err) < 0 ||
		tr_path_join(room, "modules", path, err) < 0)
		return -(int)err->code;
	return bind_over(path, "/proc/modules", err);
}

struct places {
	char proc[PATH_MAX], dev[PATH_MAX], pci[PATH_MAX], caps[PATH_MAX];
};

static int make_places(const char *room, struct places *ret, struct tr_err *err)
{
	if (tr_path_join(room, "proc", ret->proc, err) < 0 ||
		tr_path_join(room, "dev", ret->dev, err) < 0 ||
		tr_path_join(room, "pci", ret->pci, err) < 0 ||
		tr_path_join(ret->dev, "nvidia-caps", ret->caps, err) < 0 ||
		tr_mkdir_p(ret->proc, 0755, err) < 0 || tr_mkdir_p(ret->pci, 0755, err) < 0)
		return -(int)err->code;
	return tr_mkdir_p(ret->caps, 0755, err);
}

static int lay_out(const char *room, const struct tr_sim_node *node, struct tr_err *err)
{
	struct places at;

	if (make_places(room, &at, err) < 0 || put_minors(at.proc, err) < 0 ||
		put(at.proc, "nvidia/version",
			"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  "
			"Release Build  (tranche: virtual)\n",
			err) < 0 ||
		put_capability(at.proc, at.dev, "mig/config", 1, 0400, err) < 0 ||
		put_capability(at.proc, at.dev, "mig/monitor", 2, 0444, err) < 0)
		return -(int)err->code;
	for (uint32_t g = 0; g < node->n_gpus; g++)
		if (put_card(at.proc, at.dev, at.pci, g, &node->gpus[g], err) < 0)
			return -(int)err->code;
	if (make_node(at.dev, "nvidiactl", 0666, MAJOR_NVIDIA, MINOR_CTL) < 0 ||
		make_node(at.dev, "nvidia-uvm", 0666, MAJOR_UVM, 0) < 0 ||
		make_node(at.dev, "nvidia-uvm-tools", 0666, MAJOR_UVM, 1) < 0)
		return tr_fail_errno(err, errno, "make the node's devices");
	if (carry_over("/dev", at.dev, err) < 0 || carry_over("/proc/driver", at.proc, err) < 0 ||
		carry_over("/sys/bus/pci/devices", at.pci, err) < 0 ||
		show_modules(room, err) < 0 || bind_over(at.dev, "/dev", err) < 0)
		return -(int)err->code;
	/* A kernel without these has nothing to show them in. */
	if (access("/sys/bus/pci/devices", F_OK) == 0 &&
		bind_over(at.pci, "/sys/bus/pci/devices", err) < 0)
		return -(int)err->code;
	if (access("/proc/driver", F_OK) == 0 && bind_over(at.proc, "/proc/driver", err) < 0)
		return -(int)err->code;
	return 0;
}

static int enter_room(const char *name, char room[PATH_MAX], struct tr_err *err)
{
	if (tr_sim_node_path(name, "room", room, err) < 0 || tr_mkdir_p(room, 0755, err) < 0)
		return -(int)err->code;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tranche", room, "tmpfs", MS_NOSUID, "mode=755") < 0) {
		tr_fail_errno(err, errno, "mount what the program shall see");
		return err->code == TR_E_PERMISSION ? tr_hint(err, "sudo tranche virtual run")
						    : -(int)err->code;
	}
	return 0;
}

static int set_environment(const char *name, struct tr_err *err)
{
	const char *before = getenv("LD_LIBRARY_PATH");
	TR_AUTO_BUF path = { 0 };
	char lib[PATH_MAX];

	if (tr_sim_node_path(name, "lib", lib, err) < 0)
		return -(int)err->code;
	tr_buf_addf(&path, "%s%s%s", lib, before && *before ? ":" : "", before ? before : "");
	if (tr_buf_ok(&path, err) < 0)
		return -(int)err->code;
	if (setenv("LD_LIBRARY_PATH", path.s, 1) < 0 || setenv("TRANCHE_NODE", name, 1) < 0)
		return tr_fail_errno(err, errno, "set the program's environment");
	return 0;
}

int tr_virtual_run(const char *name, char *const argv[], struct tr_err *err)
{
	TR_AUTO_FREE char *state = malloc(sizeof(struct tr_sim_node));
	struct tr_sim_node *node = (struct tr_sim_node *)(void *)state;
	char room[PATH_MAX];

	if (!state)
		return tr_fail(err, TR_E_NO_MEMORY, "run a program: out of memory");
	if (tr_sim_read(name, node, err) < 0 || enter_room(name, room, err) < 0 ||
		lay_out(room, node, err) < 0 || set_environment(name, err) < 0)
		return tr_wrap(err, "run '%s' on virtual node '%s'", argv[0], name);
	execvp(argv[0], argv);
	return tr_fail_errno(err, errno, "run '%s'", argv[0]);
}
