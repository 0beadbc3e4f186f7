/* SPDX-License-Identifier: Apache-2.0 */
/* `topo`: how cards reach each other, and which CPUs and memory are near. */
#pragma once

struct tr_smi;

/* `words` behind "topo", NULL at the end. Returns the exit status. */
int tr_smi__topo(const char *node, struct tr_smi *smi, const char *const *words);
