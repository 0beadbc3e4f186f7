/* SPDX-License-Identifier: Apache-2.0 */
/* -q: everything that is known of a card, or some sections of it. */
#pragma once

#include "smi/sheet.h"

#include <stdint.h>

struct tr_smi;

/* Reads -d's list; 0 when a name is none. */
uint32_t tr_smi__parse_sections(const char *list);
/* `where`: the bits of what is shown; TR_SMI_Q, TR_SMI_X or what tr_smi__parse_sections gave. */
void tr_smi__query(struct tr_smi *smi, enum tr_smi_style style, uint32_t where);
/* The sections' names, for help. */
void tr_smi__put_sections(FILE *out);
