/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has started the driver's library on a node.
 *
 * A started library keeps the node's state mapped, so the kernel keeps the list: nobody has to sign
 * in, whoever is killed is gone from it, and a process that may only read counts like any other.
 * A mapping is known by the device and inode that the kernel gives for it, since paths differ from
 * mount namespace to mount namespace; those of our own mapping come from the same place. Writers
 * map the state writable, for as long as they write, and are no clients.
 */
#include "sim/state/state.h"

#include "base/err.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct mapping {
	uintptr_t from, to;
	char perms[5], dev[16];
	uint64_t inode;
};

static bool read_line(FILE *file, struct mapping *ret)
{
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		bool is_whole = strchr(line, '\n') != NULL;
		int n = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %15s %" SCNu64, &ret->from,
			&ret->to, ret->perms, ret->dev, &ret->inode);

		for (int c = 0; !is_whole && c != '\n' && c != EOF;)
			c = getc(file);
		if (n == 5)
			return true;
	}
	return false;
}

static FILE *open_maps(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
	return fopen(path, "re");
}

/* How the kernel names the file that is mapped at `map` here. */
static bool find_own(const void *map, struct mapping *ret)
{
	FILE *file = open_maps("self");
	bool is_found = false;

	while (file && !is_found && read_line(file, ret))
		is_found = (uintptr_t)map >= ret->from && (uintptr_t)map < ret->to;
	if (file)
		fclose(file);
	return is_found;
}

static bool has_mapped(const char *pid, const struct mapping *own)
{
	FILE *file = open_maps(pid);
	struct mapping there;
	bool is_found = false;

	while (file && !is_found && read_line(file, &there))
		is_found = there.inode == own->inode && strcmp(there.perms, "r--s") == 0 &&
			   strcmp(there.dev, own->dev) == 0;
	if (file)
		fclose(file);
	return is_found;
}

static void add_name(const char *pid, bool is_first, char *ret, size_t size)
{
	char path[64], comm[32] = "gone";
	size_t len = strlen(ret);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(comm, sizeof(comm), file))
		comm[strcspn(comm, "\n")] = '\0';
	if (file)
		fclose(file);
	snprintf(ret + len, size - len, "%spid %.20s (%s)", is_first ? "" : ", ", pid, comm);
}

uint32_t tr_sim_clients(const void *map, char *ret, size_t size)
{
	struct mapping own = { 0 };
	bool is_mapped = find_own(map, &own);
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint32_t n = 0;
	char self[24];

	ret[0] = '\0';
	snprintf(self, sizeof(self), "%d", (int)getpid());
	while (is_mapped && dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || strcmp(entry->d_name, self) == 0 ||
			!has_mapped(entry->d_name, &own))
			continue;
		add_name(entry->d_name, n++ == 0, ret, size);
	}
	if (dir)
		closedir(dir);
	return n;
}

uint32_t tr_sim_node_clients(const char *name, char *ret, size_t size)
{
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	char path[PATH_MAX];
	struct tr_err err;
	uint32_t n = 0;

	ret[0] = '\0';
	if (tr_sim_node_path(name, "state/node", path, &err) < 0 ||
		tr_snapshot_open(path, TR_SIM_KIND, sizeof(struct tr_sim_node), /* writable= */ 0,
			&snap, &err) < 0)
		return 0;
	n = tr_sim_clients(snap.map, ret, size);
	tr_snapshot_close(&snap);
	return n;
}
