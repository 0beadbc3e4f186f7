/* SPDX-License-Identifier: Apache-2.0 */
#include "nvml/nvml.h"

#include "base/err.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
	bool is_needed;
} symbols[] = {
#define NEED(sym) { #sym, offsetof(struct tr_nvml, sym), true },
#define WANT(sym) { #sym, offsetof(struct tr_nvml, sym), false },
#define SHOW(sym) WANT(sym)
#include "nvml/nvml_syms.def"
#undef SHOW
#undef WANT
#undef NEED
};

static int resolve(struct tr_nvml *api, const char *library, struct tr_err *err)
{
	for (size_t i = 0; i < TR_COUNT(symbols); i++) {
		void *address = dlsym(api->dl, symbols[i].name);

		if (!address && symbols[i].is_needed)
			return tr_fail(err, TR_E_DRIVER,
				"'%s' has no %s: this is no NVML that we know", library,
				symbols[i].name);
		memcpy((char *)api + symbols[i].offset, &address, sizeof(address));
	}
	return 0;
}

int tr_nvml_load(const char *library, struct tr_nvml **ret, struct tr_err *err)
{
	TR_AUTO_FREE char *room = calloc(1, sizeof(struct tr_nvml));
	struct tr_nvml *api = (struct tr_nvml *)(void *)room;

	if (!api)
		return tr_fail(err, TR_E_NO_MEMORY, "open NVML: out of memory");
	api->dl = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!api->dl)
		return tr_fail(err, TR_E_NOT_FOUND, "load '%s': %s", library, dlerror());
	if (resolve(api, library, err) < 0) {
		dlclose(api->dl);
		return -(int)err->code;
	}
	*ret = (struct tr_nvml *)(void *)TR_TAKE(room);
	return 0;
}

int tr_nvml_open(const char *library, struct tr_nvml **ret, struct tr_err *err)
{
	struct tr_nvml *api = NULL;
	nvmlReturn_t r;

	if (tr_nvml_load(library, &api, err) < 0)
		return -(int)err->code;
	r = api->nvmlInit_v2();
	if (r != NVML_SUCCESS) {
		tr_nvml_check(err, api, r, "nvmlInit_v2");
		tr_nvml_unload(api);
		return tr_wrap(err, "'%s'", library);
	}
	*ret = api;
	return 0;
}

void tr_nvml_unload(struct tr_nvml *api)
{
	if (!api)
		return;
	dlclose(api->dl);
	free(api);
}

void tr_nvml_close(struct tr_nvml *api)
{
	if (!api)
		return;
	api->nvmlShutdown();
	tr_nvml_unload(api);
}

static const struct {
	nvmlReturn_t result;
	enum tr_code code;
} codes[] = {
	{ NVML_ERROR_NO_PERMISSION, TR_E_PERMISSION },
	{ NVML_ERROR_IN_USE, TR_E_BUSY },
	{ NVML_ERROR_NOT_SUPPORTED, TR_E_UNSUPPORTED },
	{ NVML_ERROR_NOT_FOUND, TR_E_NOT_FOUND },
	{ NVML_ERROR_INSUFFICIENT_RESOURCES, TR_E_NO_ROOM },
};

int tr_nvml_check(
	struct tr_err *err, const struct tr_nvml *api, nvmlReturn_t result, const char *sym)
{
	enum tr_code code = TR_E_DRIVER;

	if (result == NVML_SUCCESS)
		return 0;
	for (size_t i = 0; i < TR_COUNT(codes); i++)
		if (codes[i].result == result)
			code = codes[i].code;
	return tr_fail(err, code, "%s: %s", sym, api->nvmlErrorString(result));
}
