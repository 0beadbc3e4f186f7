/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and addresses.
 *
 * A path with ':' is refused everywhere: podman and docker cut HOST:TARGET at it.
 */
#include "base/err.h"
#include "stack/stack_priv.h"

#include <arpa/inet.h>
#include <string.h>

const char *tr_stack__path_fault(const char *path)
{
	if (path[0] == '~')
		return "'~' is not replaced";
	if (strchr(path, ':'))
		return "a ':' in a path";
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < 0x20)
			return "a control character in a path";
	return NULL;
}

char *tr_stack__absolute(const char *dir, const char *path)
{
	TR_AUTO_BUF buf = { 0 };
	size_t len = strlen(dir);

	if (path[0] == '/')
		return strdup(path);
	/* dir is free of links, so its last part may be dropped for each "..". */
	while (path[0] == '.' && (path[1] == '/' || path[1] == '\0' ||
					 strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0)) {
		if (path[1] == '.') {
			path++;
			while (len > 0 && dir[--len] != '/')
				;
		}
		path++;
		path += strspn(path, "/");
	}
	while (len > 0 && dir[len - 1] == '/')
		len--;
	tr_buf_add(&buf, dir, len);
	if (*path || len == 0)
		tr_buf_addf(&buf, "/%s", path);
	return tr_buf_take(&buf);
}

int tr_stack__read_path(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	const char *fault;
	char **to = field;
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	fault = tr_stack__path_fault(value->text);
	if (fault)
		return tr_stack__bad(r, key, value, err, "'%s' is '%s', %s", key->name,
			TR_SHOWN(value->text), fault);
	*to = tr_stack__absolute(r->dir, value->text);
	return *to ? 0 : tr_stack__no_memory(r, err);
}

/* --- Volumes --- */

static int add_volume(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	TR_AUTO_FREE char *host = NULL;
	TR_AUTO_FREE char *absolute = NULL;
	const char *target = strchr(value->text, ':');
	const char *mode = target ? strchr(target + 1, ':') : NULL;

	if (!target || target == value->text || target[1] != '/' || mode == target + 2 ||
		(mode && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0))
		return tr_stack__bad(r, key, value, err, "volume '%s'", TR_SHOWN(value->text));
	host = strndup(value->text, (size_t)(target - value->text));
	if (!host)
		return tr_stack__no_memory(r, err);
	if (tr_stack__path_fault(host))
		return tr_stack__bad(r, key, value, err, "volume '%s', %s", TR_SHOWN(value->text),
			tr_stack__path_fault(host));
	absolute = tr_stack__absolute(r->dir, host);
	if (!absolute)
		return tr_stack__no_memory(r, err);
	tr_strv_addf(field, "%s%s", absolute, target);
	return 0;
}

int tr_stack__read_volumes(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	return tr_stack__each_text(r, key, value, add_volume, field, err);
}

/* --- The gateway's address --- */

static bool is_host(const char *host, size_t len)
{
	unsigned char address[sizeof(struct in6_addr)];
	char copy[256];

	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, host, len);
	copy[len] = '\0';
	if (copy[0] == '[') {
		if (copy[len - 1] != ']')
			return false;
		copy[len - 1] = '\0';
		return inet_pton(AF_INET6, copy + 1, address) == 1;
	}
	if (strspn(copy, TR_DIGIT ".") == len)
		return inet_pton(AF_INET, copy, address) == 1;
	return tr_stack__is_word(copy, TR_ALNUM, TR_ALNUM ".-", sizeof(copy) - 1);
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);
	uint32_t port = 0;

	if (len == 0 || len > 5 || strspn(text, TR_DIGIT) != len)
		return false;
	for (; *text; text++)
		port = port * 10 + (uint32_t)(*text - '0');
	return port >= 1 && port <= 65535;
}

int tr_stack__read_listen(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	TR_AUTO_BUF address = { 0 };
	const char *colon;
	char **to = field;
	int ret = tr_stack__need_text(r, key, value, err);

	if (ret < 0)
		return ret;
	colon = strrchr(value->text, ':');
	if (!is_port(colon ? colon + 1 : value->text))
		return tr_stack__bad(r, key, value, err, "'%s' is '%s', which ends in no port",
			key->name, TR_SHOWN(value->text));
	if (colon && colon != value->text && !is_host(value->text, (size_t)(colon - value->text)))
		return tr_stack__bad(r, key, value, err, "'%s' is '%s', which names no host",
			key->name, TR_SHOWN(value->text));
	if (!colon || colon == value->text)
		tr_buf_puts(&address, "127.0.0.1");
	tr_buf_addf(&address, "%s%s", colon ? "" : ":", value->text);
	*to = tr_buf_take(&address);
	return *to ? 0 : tr_stack__no_memory(r, err);
}
