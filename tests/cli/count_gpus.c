/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's program that uses NVML as the loader finds it: prints how many GPUs it sees. With an
 * argument it then stays until its input ends. */
#include <dlfcn.h>
#include <stdio.h>

static int (*init)(void);
static int (*count)(unsigned *n);

int main(int argc, char **argv)
{
	void *dl = dlopen("libnvidia-ml.so.1", RTLD_NOW);
	unsigned n;

	if (dl) {
		*(void **)&init = dlsym(dl, "nvmlInit_v2");
		*(void **)&count = dlsym(dl, "nvmlDeviceGetCount_v2");
	}
	if (!init || !count || init() != 0 || count(&n) != 0) {
		fprintf(stderr, "no NVML: %s\n", dl ? "it does not answer" : dlerror());
		return 1;
	}
	printf("%u\n", n);
	fflush(stdout);
	(void)argv;
	while (argc > 1 && getchar() != EOF)
		;
	return 0;
}
