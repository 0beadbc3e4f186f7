/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's program that uses NVML as the loader finds it: prints how many GPUs it sees. */
#include <dlfcn.h>
#include <stdio.h>

typedef int init_fn(void);
typedef int count_fn(unsigned *count);

int main(void)
{
	void *dl = dlopen("libnvidia-ml.so.1", RTLD_NOW);
	init_fn *init = dl ? (init_fn *)dlsym(dl, "nvmlInit_v2") : NULL;
	count_fn *count = dl ? (count_fn *)dlsym(dl, "nvmlDeviceGetCount_v2") : NULL;
	unsigned n;

	if (!init || !count || init() != 0 || count(&n) != 0) {
		fprintf(stderr, "no NVML: %s\n", dl ? "it does not answer" : dlerror());
		return 1;
	}
	printf("%u\n", n);
	return 0;
}
