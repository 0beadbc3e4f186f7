/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target under AFL++ (tools/fuzz.py): one process takes many inputs, from shared
 * memory.
 *
 * What LLVMFuzzerInitialize sets up is there once, before AFL++ forks: a library that is loaded
 * later would not be counted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS_PER_PROCESS = 10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

__AFL_FUZZ_INIT()

int main(int argc, char **argv)
{
	const uint8_t *input;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	__AFL_INIT();
	input = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(INPUTS_PER_PROCESS)) {
		size_t size = (size_t)__AFL_FUZZ_TESTCASE_LEN;
		/* malloc'd to its very size, so that a sanitizer sees one byte too far. */
		uint8_t *copy = malloc(size ? size : 1);

		if (!copy)
			break;
		memcpy(copy, input, size);
		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
	return 0;
}
