/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines name a container's cgroup after its id: "libpod-ID.scope", "docker-ID.scope",
 * "cri-containerd-ID.scope", "/docker/ID", "/libpod_parent/libpod-ID". The id is 64 hex digits.
 */
#include "core/where.h"

#include "base/fs.h"
#include "base/own.h"

#include <tranche/err.h>

#include <stdio.h>
#include <string.h>

enum { ID_LEN = 64, ID_SHOWN = 12, TEXT_MAX = 1 << 16 };

static const char *find_id(const char *text)
{
	while (*text) {
		size_t len = strspn(text, "0123456789abcdef");

		if (len == ID_LEN)
			return text;
		text += len ? len : 1;
	}
	return NULL;
}

/* The last "NAME.service" in any of the paths. */
static const char *find_unit(const char *text, size_t *ret_len)
{
	static const char end[] = ".service";
	const char *found = NULL;

	for (const char *at = strstr(text, end); at; at = strstr(at + 1, end)) {
		const char *begin = at;

		if (at[sizeof(end) - 1] && !strchr("/\n", at[sizeof(end) - 1]))
			continue;
		while (begin > text && begin[-1] != '/' && begin[-1] != '\n')
			begin--;
		found = begin;
		*ret_len = (size_t)(at - begin) + sizeof(end) - 1;
	}
	return found;
}

void tr_where_of_cgroup(const char *text, char *ret, size_t size)
{
	size_t len = 0;
	const char *id = find_id(text), *unit = find_unit(text, &len);
	int n = 0;

	*ret = '\0';
	if (id)
		n = snprintf(ret, size, "container %.*s", ID_SHOWN, id);
	if (unit && n >= 0 && (size_t)n < size)
		snprintf(ret + n, size - (size_t)n, "%sunit %.*s", n ? ", " : "",
			(int)(len < 60 ? len : 60), unit);
}

static char *cgroups_of(int32_t pid)
{
	char path[64];
	char *text = NULL;
	struct tr_err ignored;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	return tr_read_file(path, TEXT_MAX, &text, NULL, &ignored) < 0 ? NULL : text;
}

void tr_where_of_pid(int32_t pid, char *ret, size_t size)
{
	TR_AUTO_FREE char *text = cgroups_of(pid);

	*ret = '\0';
	if (text)
		tr_where_of_cgroup(text, ret, size);
}

bool tr_where_cgroup_is_in(const char *text, const char *cgroup)
{
	size_t len = cgroup ? strlen(cgroup) : 0;

	for (const char *at = text; at && len > 0; at = strchr(at, '\n')) {
		at += *at == '\n';
		at += strcspn(at, "/\n");
		if (strncmp(at, cgroup, len) == 0 && strchr("/\n", at[len]))
			return true;
	}
	return false;
}

bool tr_where_is_in(int32_t pid, const char *cgroup)
{
	TR_AUTO_FREE char *text = cgroups_of(pid);

	return text && tr_where_cgroup_is_in(text, cgroup);
}
