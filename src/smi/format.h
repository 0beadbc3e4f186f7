/* SPDX-License-Identifier: Apache-2.0 */
/* How a value is written: words for its numbers, its unit, and where it has none. */
#pragma once

#include "smi/sheet.h"
#include "smi/smi_priv.h"

enum { TR_SMI_VALUE = 600 }; /* a process name, and what stands around it */

struct tr_smi_value {
	struct tr_smi_dev *dev;
	const struct tr_smi_slot *slot;
	int64_t number; /* of the part that the row names; 32 bits are not sign-extended */
	const char *text;
	enum tr_smi_style style;
	unsigned arg;
};

struct tr_smi_format {
	/* Writes the value; anything but SUCCESS stands for the call's own failure. */
	nvmlReturn_t (*write)(const struct tr_smi_value *value, char ret[TR_SMI_VALUE]);
	const char *unit;     /* behind it in text, XML and CSV; NULL: none */
	bool is_unit_of_text; /* CSV has no unit */
	bool is_glued;	      /* no blank before the unit */
	unsigned arg;
};

#define TR_SMI_FORMATS                                                                             \
	F(TIMESTAMP)                                                                               \
	F(DRIVER)                                                                                  \
	F(COUNT)                                                                                   \
	F(NUMBER)                                                                                  \
	F(STRING)                                                                                  \
	F(BRAND_NAME)                                                                              \
	F(ARCH_NAME) F(YES) F(ENABLED) F(ON) F(ADDRESSING_NAME) F(DRIVER_MODEL_NAME) F(            \
		HEX_LONG) F(HEX) F(HEX1) F(HEX2) F(HEX4) F(HEX8) F(HEX16) F(PART_NUMBER)           \
		F(PLATFORM_CHASSIS) F(PLATFORM_SLOT) F(PLATFORM_TRAY) F(PLATFORM_HOST) F(          \
			PLATFORM_PEER) F(PLATFORM_GUID) F(RAW_CHASSIS) F(RAW_GUID) F(PEER)         \
			F(VALID) F(WHEN) F(MICROSECONDS) F(NANOSECONDS) F(MILLISECONDS) F(         \
				GOM_NAME) F(VIRT_NAME) F(HOST_VGPU_NAME) F(RECOVERY_NAME) F(LANES) \
				F(BRIDGE_NAME) F(KB_A_SECOND) F(ATOMICS) F(PER_CENT) F(            \
					PSTATE_NAME) F(MIB) F(MIB_NEAR) F(COMPUTE_NAME)            \
					F(CAPABILITY) F(BANKS) F(CELSIUS) F(MILLIWATTS) F(         \
						MEGAHERTZ) F(PROFILES_ASKED) F(PROFILES_ENFORCED)  \
						F(FABRIC_STATE) F(FABRIC_STATUS) F(                \
							FABRIC_CLIQUE) F(FABRIC_CLUSTER)           \
							F(FABRIC_HEALTH) F(FABRIC_BANDWIDTH) F(    \
								FABRIC_RECOVERY) F(FABRIC_ROUTE)   \
								F(FABRIC_ACCESS)                   \
									F(FABRIC_CONFIGURATION)    \
										F(EGM)

#define F(name) extern const struct tr_smi_format tr_smi__##name;
TR_SMI_FORMATS
#undef F
/* Whether one of the reasons for lower clocks holds. */
extern const struct tr_smi_format tr_smi__reasons[9];
