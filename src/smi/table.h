/* SPDX-License-Identifier: Apache-2.0 */
/* The two outputs without options: the table, and -L. */
#pragma once

struct tr_smi;

void tr_smi__table(struct tr_smi *smi);
void tr_smi__list(struct tr_smi *smi);
