/* SPDX-License-Identifier: Apache-2.0 */
/* The same as `tranche smi`, as a program of its own that needs libc only. */
#include "smi/smi.h"

int main(int argc, char **argv)
{
	int status = tr_smi_main(
		/* node= */ NULL, (const char *const *)(argc > 0 ? argv + 1 : argv), stdout,
		stderr);

	return fflush(stdout) == 0 ? status : 255;
}
