/* SPDX-License-Identifier: Apache-2.0 */
/* A library that has what the loader needs and nothing it merely wants; built twice, once lacking
 * one of them. The arguments stay unread, so one shape of body serves every signature. */
#define EXPORT __attribute__((visibility("default")))

#define ANSWER(sym)           \
	EXPORT int sym(void); \
	int sym(void)         \
	{                     \
		return 0;     \
	}

#ifndef LACKING
ANSWER(nvmlDeviceGetMemoryInfo)
#endif
ANSWER(nvmlInit_v2)
ANSWER(nvmlShutdown)
ANSWER(nvmlSystemGetDriverVersion)
ANSWER(nvmlDeviceGetCount_v2)
ANSWER(nvmlDeviceGetHandleByIndex_v2)
ANSWER(nvmlDeviceGetName)
ANSWER(nvmlDeviceGetUUID)
ANSWER(nvmlDeviceGetPciInfo_v3)

EXPORT const char *nvmlErrorString(int code);

const char *nvmlErrorString(int code)
{
	return code == 13 ? "fake 13" : "fake";
}
