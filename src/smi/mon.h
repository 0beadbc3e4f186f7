/* SPDX-License-Identifier: Apache-2.0 */
/* `dmon` and `pmon`: a line for each card, or each process, again and again. */
#pragma once

struct tr_smi;

/* `words` behind the verb, NULL at the end. Both return the exit status. */
int tr_smi__dmon(const char *node, struct tr_smi *smi, const char *const *words);
int tr_smi__pmon(const char *node, struct tr_smi *smi, const char *const *words);
