/* SPDX-License-Identifier: Apache-2.0 */
/* -pm and -mig: switching a card's modes. */
#pragma once

struct tr_smi;

/* `mode` as typed: 0, 1, DISABLED, ENABLED. Both return the exit status, printed. */
int tr_smi__set_persistence(struct tr_smi *smi, const char *mode);
int tr_smi__set_mig(struct tr_smi *smi, const char *mode);
