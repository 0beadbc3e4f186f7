/* SPDX-License-Identifier: Apache-2.0 */
/* The fault language: text to struct and back. */
#include "sim/state/hooks.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int32_t code;
	const char *name;
} codes[] = {
	{ 0, "SUCCESS" },
	{ 1, "UNINITIALIZED" },
	{ 2, "INVALID_ARGUMENT" },
	{ 3, "NOT_SUPPORTED" },
	{ 4, "NO_PERMISSION" },
	{ 5, "ALREADY_INITIALIZED" },
	{ 6, "NOT_FOUND" },
	{ 7, "INSUFFICIENT_SIZE" },
	{ 8, "INSUFFICIENT_POWER" },
	{ 9, "DRIVER_NOT_LOADED" },
	{ 10, "TIMEOUT" },
	{ 11, "IRQ_ISSUE" },
	{ 12, "LIBRARY_NOT_FOUND" },
	{ 13, "FUNCTION_NOT_FOUND" },
	{ 14, "CORRUPTED_INFOROM" },
	{ 15, "GPU_IS_LOST" },
	{ 16, "RESET_REQUIRED" },
	{ 17, "OPERATING_SYSTEM" },
	{ 18, "LIB_RM_VERSION_MISMATCH" },
	{ 19, "IN_USE" },
	{ 20, "MEMORY" },
	{ 21, "NO_DATA" },
	{ 22, "VGPU_ECC_NOT_SUPPORTED" },
	{ 23, "INSUFFICIENT_RESOURCES" },
	{ 24, "FREQ_NOT_SUPPORTED" },
	{ 25, "ARGUMENT_VERSION_MISMATCH" },
	{ 26, "DEPRECATED" },
	{ 27, "NOT_READY" },
	{ 28, "GPU_NOT_FOUND" },
	{ 29, "INVALID_STATE" },
	{ 30, "RESET_TYPE_NOT_SUPPORTED" },
	{ 999, "UNKNOWN" },
};

const char *tr_sim_code_name(int32_t code)
{
	for (size_t i = 0; i < TR_COUNT(codes); i++)
		if (codes[i].code == code)
			return codes[i].name;
	return NULL;
}

/* A number of at most nine digits, without sign or blanks; moves *at behind it. */
static bool take_number(const char **at, uint32_t *ret)
{
	size_t n = strspn(*at, "0123456789");

	if (n == 0 || n > 9)
		return false;
	*ret = (uint32_t)strtoul(*at, NULL, 10);
	*at += n;
	return true;
}

static bool take_code(const char **at, int32_t *ret)
{
	size_t len = strcspn(*at, "@");
	uint32_t number;

	for (size_t i = 0; i < TR_COUNT(codes); i++) {
		if (strlen(codes[i].name) != len || strncmp(codes[i].name, *at, len) != 0)
			continue;
		*ret = codes[i].code;
		*at += len;
		return true;
	}
	if (!take_number(at, &number))
		return false;
	*ret = (int32_t)number;
	return tr_sim_code_name(*ret) != NULL;
}

/* True when NVML has such a function, or several for a name that ends in '*'. */
static bool is_function(const char *name)
{
	size_t len = strlen(name);
	bool is_open = len > 0 && name[len - 1] == '*';

	for (int i = 0; i < TR_FN_COUNT; i++)
		if (is_open ? strncmp(tr_sim_fn_names[i], name, len - 1) == 0
			    : strcmp(tr_sim_fn_names[i], name) == 0)
			return true;
	return false;
}

static int parse_call(const char *text, struct tr_sim_fault *ret, struct tr_err *err)
{
	struct tr_sim_fault fault = { .kind = TR_SIM_FAULT_CALL, .nth = 1, .for_good = true };
	size_t len = strcspn(text, ":=");
	const char *at = text + len;
	uint32_t pid = 0;

	if (len == 0 || len >= sizeof(fault.function))
		return tr_fail(err, TR_E_INVALID, "fault '%.80s' names no function", text);
	memcpy(fault.function, text, len);
	if (!is_function(fault.function))
		return tr_fail(err, TR_E_INVALID, "NVML has no function '%s'", fault.function);
	if (*at == ':') {
		at++;
		if (!take_number(&at, &fault.nth) || fault.nth == 0)
			return tr_fail(err, TR_E_INVALID,
				"fault '%.80s' wants the number of a call behind ':'", text);
		fault.for_good = *at == '+';
		at += *at == '+';
	}
	if (*at++ != '=' || !take_code(&at, &fault.code))
		return tr_fail(err, TR_E_INVALID,
			"fault '%.80s' wants '=' and a return code: INSUFFICIENT_RESOURCES, or 23",
			text);
	if (*at == '@') {
		at++;
		if (!take_number(&at, &pid) || pid == 0)
			return tr_fail(err, TR_E_INVALID,
				"fault '%.80s' wants a process id behind '@'", text);
	}
	if (*at)
		return tr_fail(err, TR_E_INVALID, "fault '%.80s' goes on behind its end", text);
	fault.pid = (int32_t)pid;
	*ret = fault;
	return 0;
}

/* "", or ":GPU". */
static bool parse_gpu(const char *at, uint32_t *ret)
{
	*ret = 0;
	if (*at == '\0')
		return true;
	return *at++ == ':' && take_number(&at, ret) && *at == '\0';
}

int tr_sim_fault_parse(const char *text, struct tr_sim_fault *ret, struct tr_err *err)
{
	struct tr_sim_fault fault = { 0 };
	const char *at = text;

	if (strcmp(text, "slow") == 0) {
		fault.kind = TR_SIM_FAULT_SLOW;
	} else if (strncmp(text, "gpu-lost", 8) == 0) {
		fault.kind = TR_SIM_FAULT_LOST;
		if (!parse_gpu(text + 8, &fault.gpu_idx))
			return tr_fail(
				err, TR_E_INVALID, "fault '%.80s' wants gpu-lost[:GPU]", text);
	} else if (strncmp(text, "xid", 3) == 0) {
		fault.kind = TR_SIM_FAULT_XID;
		at += 3;
		if (*at++ != ' ' || !take_number(&at, &fault.xid) || !parse_gpu(at, &fault.gpu_idx))
			return tr_fail(
				err, TR_E_INVALID, "fault '%.80s' wants 'xid NUMBER[:GPU]'", text);
	} else {
		return parse_call(text, ret, err);
	}
	*ret = fault;
	return 0;
}

void tr_sim_fault_text(const struct tr_sim_fault *fault, char ret[TR_SIM_FAULT_TEXT])
{
	char nth[24] = "", pid[24] = "", number[24] = "";
	const char *name = tr_sim_code_name(fault->code);

	switch (fault->kind) {
	case TR_SIM_FAULT_SLOW:
		snprintf(ret, TR_SIM_FAULT_TEXT, "slow");
		return;
	case TR_SIM_FAULT_LOST:
		snprintf(ret, TR_SIM_FAULT_TEXT, "gpu-lost:%u", fault->gpu_idx);
		return;
	case TR_SIM_FAULT_XID:
		snprintf(ret, TR_SIM_FAULT_TEXT, "xid %u:%u", fault->xid, fault->gpu_idx);
		return;
	case TR_SIM_FAULT_CALL:
		break;
	}
	if (fault->nth != 1 || !fault->for_good)
		snprintf(nth, sizeof(nth), ":%u%s", fault->nth, fault->for_good ? "+" : "");
	if (fault->pid)
		snprintf(pid, sizeof(pid), "@%d", fault->pid);
	snprintf(number, sizeof(number), "%d", fault->code);
	snprintf(ret, TR_SIM_FAULT_TEXT, "%s%s=%s%s", fault->function, nth, name ? name : number,
		pid);
}
