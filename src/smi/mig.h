/* SPDX-License-Identifier: Apache-2.0 */
/* `tranche smi mig`: one verb on the cards and instances that the options name. */
#pragma once

#include <stdbool.h>

struct tr_smi;

/* `words` behind "mig", NULL at the end. Returns the exit status. */
int tr_smi__mig(const char *node, struct tr_smi *smi, const char *const *words);
