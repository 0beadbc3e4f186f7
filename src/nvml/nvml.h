/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to GPUs: the NVML ABI, loaded at run time from the vendor's library or a virtual
 * node's. Nothing links NVML. A call goes through TR_NVML, which names the function and the
 * driver's own words in the error:
 *
 *	r = TR_NVML(err, api, nvmlDeviceSetMigMode, (dev, 1, &status));
 */
#pragma once

#include "abi/nvml.h"
#include "base/own.h"

struct tr_err;

struct tr_nvml {
	void *dl;
#define NEED(sym) __typeof__(sym) *sym;
#define WANT(sym) NEED(sym)
#define SHOW(sym) NEED(sym)
#include "nvml/nvml_syms.def"
#undef SHOW
#undef WANT
#undef NEED
};

/* Loads a library by path, or by name ("libnvidia-ml.so.1": as the loader finds it), and
 * initialises it. NOT_FOUND when it cannot be loaded, DRIVER when it refuses or lacks a call. */
int tr_nvml_open(const char *library, struct tr_nvml **ret, struct tr_err *err);
void tr_nvml_close(struct tr_nvml *api);
/* Loads it and does not initialise it: for who tells the driver's own answer to that. Ends with
 * tr_nvml_close after a successful nvmlInit_v2, with tr_nvml_unload otherwise. */
int tr_nvml_load(const char *library, struct tr_nvml **ret, struct tr_err *err);
void tr_nvml_unload(struct tr_nvml *api);
TR_DEFINE_FREEP(struct tr_nvml, tr_nvml_close)

/* 0, or -code: NO_PERMISSION is PERMISSION, IN_USE is BUSY, NOT_SUPPORTED is UNSUPPORTED, NOT_FOUND
 * is NOT_FOUND, INSUFFICIENT_RESOURCES is NO_ROOM, everything else DRIVER. */
int tr_nvml_check(
	struct tr_err *err, const struct tr_nvml *api, nvmlReturn_t result, const char *sym);

/* A missing symbol is named in the message. */
#define TR_NVML(err, api, sym, args) \
	tr_nvml_check(               \
		(err), (api), (api)->sym ? (api)->sym args : NVML_ERROR_FUNCTION_NOT_FOUND, #sym)
