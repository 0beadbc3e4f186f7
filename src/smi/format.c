/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/format.h"

#include "base/own.h"

#include <string.h>
#include <time.h>

#define PUT(...) ((void)snprintf(ret, TR_SMI_VALUE, __VA_ARGS__), (nvmlReturn_t)NVML_SUCCESS)

/* Defines write_NAME and the format itself; the rest of the row are the format's fields. */
#define FORMAT(name, ...)                                                                       \
	static nvmlReturn_t write_##name(const struct tr_smi_value *v, char ret[TR_SMI_VALUE]); \
	const struct tr_smi_format tr_smi__##name = { .write = write_##name, __VA_ARGS__ };     \
	static nvmlReturn_t write_##name(const struct tr_smi_value *v, char ret[TR_SMI_VALUE])

static nvmlReturn_t word(const char *const *words, size_t n, int64_t number, char *ret)
{
	if (number < 0 || (size_t)number >= n || !words[number])
		return PUT("Unknown");
	return PUT("%s", words[number]);
}

/* A format that is nothing but words for small numbers. */
#define WORDS(name, ...)                                             \
	FORMAT(name, .arg = 0)                                       \
	{                                                            \
		static const char *const words[] = { __VA_ARGS__ };  \
		return word(words, TR_COUNT(words), v->number, ret); \
	}

WORDS(YES, "No", "Yes")
WORDS(ENABLED, "Disabled", "Enabled")
WORDS(ON, "Off", "On")
WORDS(BRAND_NAME, "Unknown", "Quadro", "Tesla", "NVS", "GRID", "GeForce", "Titan",
	"NVIDIA Virtual Applications", "NVIDIA Virtual PC", "NVIDIA Virtual Compute Server",
	"NVIDIA RTX Virtual Workstation", "NVIDIA Cloud Gaming", "Quadro RTX", "NVIDIA RTX",
	"NVIDIA", "GeForce RTX", "Titan RTX")
WORDS(ARCH_NAME, NULL, NULL, "Kepler", "Maxwell", "Pascal", "Volta", "Turing", "Ampere",
	"Ada Lovelace", "Hopper", "Blackwell")
WORDS(ADDRESSING_NAME, "None", "HMM", "ATS")
WORDS(DRIVER_MODEL_NAME, "WDDM", "TCC", "MCDM")
WORDS(GOM_NAME, "All On", "Compute", "Low Double Precision")
WORDS(VIRT_NAME, "None", "Pass-Through", "VGPU", "Host VGPU", "Host VSGA")
WORDS(HOST_VGPU_NAME, "Non SR-IOV", "SR-IOV")
WORDS(RECOVERY_NAME, "None", "Reset", "Reboot", "Drain P2P", "Drain and Reset")
WORDS(BRIDGE_NAME, "PLX", "BRO4")
WORDS(COMPUTE_NAME, "Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process")
WORDS(VALID, "invalid", "valid")
WORDS(PEER, "Direct Connected", "Direct Connected", "Switch Connected")

FORMAT(TIMESTAMP, .arg = 0)
{
	struct timespec now;
	struct tm tm = { 0 };
	char text[32];

	(void)v;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y/%m/%d %H:%M:%S", &tm);
	return PUT("%s.%03ld", text, now.tv_nsec / 1000000);
}

FORMAT(DRIVER, .arg = 0)
{
	return PUT("%s", tr_smi__driver(v->dev->smi));
}

FORMAT(COUNT, .arg = 0)
{
	return PUT("%u", v->dev->smi->n_gpus);
}

FORMAT(NUMBER, .arg = 0)
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(STRING, .arg = 0)
{
	return PUT("%s", v->text);
}

static nvmlReturn_t hex(const struct tr_smi_value *v, int digits, bool is_upper, char *ret)
{
	unsigned long long number = (unsigned long long)v->number;
	const char *before = v->style == TR_SMI_XML || v->style == TR_SMI_JSON ? "" : "0x";

	return is_upper ? PUT("%s%0*llX", before, digits, number)
			: PUT("%s%0*llx", before, digits, number);
}

FORMAT(HEX1, .arg = 0)
{
	return hex(v, 1, true, ret);
}

FORMAT(HEX2, .arg = 0)
{
	return hex(v, 2, true, ret);
}

FORMAT(HEX4, .arg = 0)
{
	return hex(v, 4, true, ret);
}

FORMAT(HEX8, .arg = 0)
{
	return hex(v, 8, true, ret);
}

FORMAT(HEX, .arg = 0)
{
	return PUT("0x%llx", (unsigned long long)v->number);
}

FORMAT(HEX16, .arg = 0)
{
	return PUT("0x%016llX", (unsigned long long)v->number);
}

FORMAT(HEX_LONG, .arg = 0)
{
	unsigned long long number = (unsigned long long)v->number;

	return number ? PUT("0x%llx", number) : PUT("0x0000000000000000");
}

FORMAT(PART_NUMBER, .arg = 0)
{
	static const struct {
		unsigned pci;
		const char *rest;
	} parts[] = {
#define PART(pci, rest) { pci, rest },
#include "data/smi_parts.def"
#undef PART
	};
	unsigned pci = (unsigned)v->number >> 16;

	for (size_t i = 0; i < TR_COUNT(parts); i++)
		if (parts[i].pci == pci)
			return PUT("%04X-%s", pci, parts[i].rest);
	return NVML_ERROR_NOT_SUPPORTED;
}

/* Only Blackwell's answers are shown in -q; before, none is asked for. */
enum { ARCH_BLACKWELL = 10 };

static nvmlReturn_t platform(const struct tr_smi_value *v, nvmlPlatformInfo_v2_t *ret)
{
	const struct tr_smi_slot *slot;

	if (v->number < ARCH_BLACKWELL)
		return NVML_ERROR_NOT_SUPPORTED;
	slot = tr_smi__ask(v->dev, TR_ASK_PLATFORM);
	memcpy(ret, &slot->a, sizeof(*ret));
	return slot->r;
}

static nvmlReturn_t put_guid(const nvmlPlatformInfo_v2_t *info, char *ret)
{
	unsigned long long guid = 0;

	/* The first eight bytes, the highest first. */
	for (size_t i = 0; i < sizeof(guid); i++)
		guid = guid << 8 | info->ibGuid[i];
	return PUT("0x%016llx", guid);
}

FORMAT(PLATFORM_CHASSIS, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);

	return r == NVML_SUCCESS ? PUT("%.16s", (const char *)info.chassisSerialNumber) : r;
}

FORMAT(PLATFORM_SLOT, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);

	return r == NVML_SUCCESS ? PUT("%u", info.slotNumber) : r;
}

FORMAT(PLATFORM_TRAY, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);

	return r == NVML_SUCCESS ? PUT("%u", info.trayIndex) : r;
}

FORMAT(PLATFORM_HOST, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);

	return r == NVML_SUCCESS ? PUT("%u", info.hostId) : r;
}

FORMAT(PLATFORM_PEER, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);
	struct tr_smi_value peer = *v;

	peer.number = info.peerType;
	return r == NVML_SUCCESS ? write_PEER(&peer, ret) : r;
}

FORMAT(PLATFORM_GUID, .arg = 0)
{
	nvmlPlatformInfo_v2_t info = { 0 };
	nvmlReturn_t r = platform(v, &info);

	return r == NVML_SUCCESS ? put_guid(&info, ret) : r;
}

FORMAT(RAW_CHASSIS, .arg = 0)
{
	nvmlPlatformInfo_v2_t info;

	memcpy(&info, &v->slot->a, sizeof(info));
	return PUT("%.16s", (const char *)info.chassisSerialNumber);
}

FORMAT(RAW_GUID, .arg = 0)
{
	nvmlPlatformInfo_v2_t info;

	memcpy(&info, &v->slot->a, sizeof(info));
	return put_guid(&info, ret);
}

FORMAT(WHEN, .arg = 0)
{
	time_t at = (time_t)v->number;
	struct tm tm = { 0 };

	localtime_r(&at, &tm);
	return strftime(ret, TR_SMI_VALUE, "%Y/%m/%d %H:%M:%S", &tm) ? NVML_SUCCESS
								     : NVML_ERROR_UNKNOWN;
}

FORMAT(MICROSECONDS, .unit = "us")
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(NANOSECONDS, .unit = "us")
{
	return PUT("%lld", (long long)v->number / 1000);
}

FORMAT(MILLISECONDS, .unit = "ms")
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(LANES, .unit = "x", .is_unit_of_text = true, .is_glued = true)
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(KB_A_SECOND, .unit = "KB/s")
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(ATOMICS, .arg = 0)
{
	static const char *const names[] = { "FETCHADD_32", "FETCHADD_64", "SWAP_32", "SWAP_64",
		"CAS_32", "CAS_64", "CAS_128" };

	ret[0] = '\0';
	for (size_t i = 0; i < TR_COUNT(names); i++)
		if (v->number >> i & 1)
			snprintf(ret + strlen(ret), TR_SMI_VALUE - strlen(ret), "%s%s",
				*ret ? " " : "", names[i]);
	return *ret ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

FORMAT(PER_CENT, .unit = "%")
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(PSTATE_NAME, .arg = 0)
{
	/* 32: the driver does not know. */
	return v->number < 32 ? PUT("P%lld", (long long)v->number) : NVML_ERROR_NOT_SUPPORTED;
}

/* Each amount of a card's memory is rounded up by itself. */
FORMAT(MIB, .unit = "MiB")
{
	return PUT("%llu", ((unsigned long long)v->number + (1u << 20) - 1) >> 20);
}

/* Of BAR1 what is free is rounded up, and the rest down (seen on an H100). */
FORMAT(MIB_DOWN, .unit = "MiB")
{
	return PUT("%llu", (unsigned long long)v->number >> 20);
}

FORMAT(CAPABILITY, .arg = 0)
{
	return PUT("%u.%u", v->slot->a.u[0], v->slot->a.u[1]);
}

FORMAT(BANKS, .unit = "bank(s)", .is_unit_of_text = true)
{
	return PUT("%lld", (long long)v->number);
}

FORMAT(CELSIUS, .unit = "C", .is_unit_of_text = true)
{
	return PUT("%d", (int)(int32_t)v->number);
}

FORMAT(MILLIWATTS, .unit = "W")
{
	return PUT("%.2f", (double)v->number / 1000);
}

FORMAT(MEGAHERTZ, .unit = "MHz")
{
	return PUT("%lld", (long long)v->number);
}

static nvmlReturn_t reason(const struct tr_smi_value *v, char ret[TR_SMI_VALUE])
{
	const struct tr_smi_slot *known = tr_smi__ask(v->dev, TR_ASK_REASONS_KNOWN);

	if (known->r != NVML_SUCCESS || !(known->a.ull >> v->arg & 1))
		return known->r == NVML_SUCCESS ? NVML_ERROR_NOT_SUPPORTED : known->r;
	return PUT("%s", v->number >> v->arg & 1 ? "Active" : "Not Active");
}

#define REASON(n)                         \
	{                                 \
		.write = reason, .arg = n \
	}
const struct tr_smi_format tr_smi__reasons[] = { REASON(0), REASON(1), REASON(2), REASON(3),
	REASON(4), REASON(5), REASON(6), REASON(7), REASON(8) };

static nvmlReturn_t profiles(const nvmlMask255_t *mask, char *ret)
{
	ret[0] = '\0';
	for (size_t i = 0; i < 255; i++)
		if (mask->mask[i / 32] >> i % 32 & 1)
			snprintf(ret + strlen(ret), TR_SMI_VALUE - strlen(ret), "%s%zu",
				*ret ? "," : "", i);
	return *ret ? NVML_SUCCESS : PUT("None");
}

FORMAT(PROFILES_ASKED, .arg = 0)
{
	nvmlWorkloadPowerProfileCurrentProfiles_v1_t p;

	memcpy(&p, &v->slot->a, sizeof(p));
	return profiles(&p.requestedProfilesMask, ret);
}

FORMAT(PROFILES_ENFORCED, .arg = 0)
{
	nvmlWorkloadPowerProfileCurrentProfiles_v1_t p;

	memcpy(&p, &v->slot->a, sizeof(p));
	return profiles(&p.enforcedProfilesMask, ret);
}

/* A card outside of any fabric says "N/A" in CSV, too, without brackets. */
static bool has_fabric(const struct tr_smi_value *v, nvmlGpuFabricInfo_v3_t *info, char *ret)
{
	memcpy(info, &v->slot->a, sizeof(*info));
	if (info->state == 0)
		(void)PUT("N/A");
	return info->state != 0;
}

FORMAT(FABRIC_STATE, .arg = 0)
{
	static const char *const states[] = { "N/A", "Not Started", "In Progress", "Completed" };
	nvmlGpuFabricInfo_v3_t info;

	memcpy(&info, &v->slot->a, sizeof(info));
	return word(states, TR_COUNT(states), info.state, ret);
}

FORMAT(FABRIC_STATUS, .arg = 0)
{
	nvmlGpuFabricInfo_v3_t info;

	return has_fabric(v, &info, ret) ? PUT("%s", tr_smi__error_text(info.status))
					 : NVML_SUCCESS;
}

FORMAT(FABRIC_CLIQUE, .arg = 0)
{
	nvmlGpuFabricInfo_v3_t info;

	return has_fabric(v, &info, ret) ? PUT("%u", info.cliqueId) : NVML_SUCCESS;
}

FORMAT(FABRIC_CLUSTER, .arg = 0)
{
	nvmlGpuFabricInfo_v3_t info;
	const uint8_t *b = info.clusterUuid;

	if (!has_fabric(v, &info, ret))
		return NVML_SUCCESS;
	return PUT("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		b[14], b[15]);
}

FORMAT(FABRIC_HEALTH, .arg = 0)
{
	static const char *const words[] = { "N/A", "Healthy", "Unhealthy", "Limited Capacity" };
	nvmlGpuFabricInfo_v3_t info;

	return has_fabric(v, &info, ret) ? word(words, TR_COUNT(words), info.healthSummary, ret)
					 : NVML_SUCCESS;
}

/* Two bits of the health mask: 0 not known, 1 true, 2 false. */
static nvmlReturn_t health_bits(
	const struct tr_smi_value *v, unsigned shift, const char *yes, const char *no, char *ret)
{
	const char *const words[] = { "N/A", yes, no };
	nvmlGpuFabricInfo_v3_t info;

	if (!has_fabric(v, &info, ret))
		return NVML_SUCCESS;
	return word(words, TR_COUNT(words), info.healthMask >> shift & 3, ret);
}

FORMAT(FABRIC_BANDWIDTH, .arg = 0)
{
	return health_bits(v, 0, "Degraded", "Full", ret);
}

FORMAT(FABRIC_RECOVERY, .arg = 0)
{
	return health_bits(v, 2, "True", "False", ret);
}

FORMAT(FABRIC_ROUTE, .arg = 0)
{
	return health_bits(v, 4, "True", "False", ret);
}

FORMAT(FABRIC_ACCESS, .arg = 0)
{
	return health_bits(v, 6, "True", "False", ret);
}

FORMAT(FABRIC_CONFIGURATION, .arg = 0)
{
	static const char *const words[] = { "N/A", "None", "Incorrect SysGuid",
		"Incorrect Chassis SN", "No Partition", "Insufficient NVLinks",
		"Incompatible GPU FW", "Invalid Location" };
	nvmlGpuFabricInfo_v3_t info;

	if (!has_fabric(v, &info, ret))
		return NVML_SUCCESS;
	return word(words, TR_COUNT(words), info.healthMask >> 8 & 0xf, ret);
}

FORMAT(EGM, .arg = 0)
{
	return PUT("%s", v->number & 1 ? "enabled" : "disabled");
}
