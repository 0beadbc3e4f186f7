/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nvidia-smi prints, from any NVML: the vendor's library or a virtual node's.
 *
 * Output is R580's, byte for byte, so that a script written against a virtual node runs on the
 * card. Needs libc only. Every NVML call is made at most once for one output, and none that the
 * output does not ask for.
 */
#pragma once

#include <stdio.h>

/*
 * Runs one command line. `node`: a virtual node's name, or "hardware"; NULL chooses as all of
 * tranche does (TRANCHE_NODE, the driver, the only virtual node). `argv` ends with NULL and begins
 * behind the program's name. Results go to `out`; that a node is virtual, and our hints, to
 * `errout`. Returns the exit status that nvidia-smi has.
 */
int tr_smi_main(const char *node, const char *const *argv, FILE *out, FILE *errout);
