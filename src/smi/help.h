/* SPDX-License-Identifier: Apache-2.0 */
/* Help, in our own words. */
#pragma once

#include <stdio.h>

void tr_smi__help(FILE *out);
void tr_smi__help_mig(FILE *out);
