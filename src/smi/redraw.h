/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing a text on a terminal over the one before. */
#pragma once

#include <stdio.h>

/*
 * Shows `text` from the terminal's first line on, over what is there, without wiping it first (that
 * would flicker). Lines are cut at its right edge, for one that wraps tears a table; lines that do
 * not fit below are counted in its last. Where the size cannot be asked, 80 by 24.
 */
void tr_smi__redraw(FILE *terminal, const char *text);
