/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for a model server's image, and says what it sees: a stranger's program that uses NVML
 * as the loader finds it.
 *
 *	guest --model NAME [--eat MIB]     listens on every address, port 8000
 *	guest once                         prints what it sees, and ends
 *
 * GET /see: a line each for "gpu UUID", "mig UUID TOTAL_BYTES", "device PATH".  GET /health: "ok".
 * GET /eat: writes that much memory first.  POST: a chat completion with the model's name.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/nvml.h"

enum { PORT = 8000, ANSWER_MAX = 8192 };

#define CALLS                               \
	CALL(nvmlInit_v2)                   \
	CALL(nvmlShutdown)                  \
	CALL(nvmlDeviceGetCount_v2)         \
	CALL(nvmlDeviceGetHandleByIndex_v2) \
	CALL(nvmlDeviceGetUUID)             \
	CALL(nvmlDeviceGetMemoryInfo)       \
	CALL(nvmlDeviceGetMigDeviceHandleByIndex)

static struct {
#define CALL(sym) __typeof__(sym) *sym;
	CALLS
#undef CALL
} nvml;

static void put(char *text, const char *word, const char *value)
{
	size_t len = strlen(text);

	snprintf(text + len, ANSWER_MAX - len, "%s %s\n", word, value);
}

static void see_slices(nvmlDevice_t card, char *text)
{
	for (unsigned i = 0; i < 8; i++) {
		nvmlDevice_t mig;
		nvmlMemory_t memory;
		char uuid[96], line[160];

		if (nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, i, &mig) != NVML_SUCCESS ||
			nvml.nvmlDeviceGetUUID(mig, uuid, sizeof(uuid)) != NVML_SUCCESS ||
			nvml.nvmlDeviceGetMemoryInfo(mig, &memory) != NVML_SUCCESS)
			continue;
		snprintf(line, sizeof(line), "%s %llu", uuid, (unsigned long long)memory.total);
		put(text, "mig", line);
	}
}

static void see_nvml(char *text)
{
	void *dl = dlopen("libnvidia-ml.so.1", RTLD_NOW);
	unsigned n = 0;

	if (!dl) {
		put(text, "no", dlerror());
		return;
	}
#define CALL(sym) *(void **)&nvml.sym = dlsym(dl, #sym);
	CALLS
#undef CALL
	if (nvml.nvmlInit_v2() != NVML_SUCCESS)
		put(text, "no", "init");
	else if (nvml.nvmlDeviceGetCount_v2(&n) != NVML_SUCCESS)
		put(text, "no", "count");
	for (unsigned i = 0; i < n; i++) {
		nvmlDevice_t card;
		char uuid[96];

		if (nvml.nvmlDeviceGetHandleByIndex_v2(i, &card) != NVML_SUCCESS ||
			nvml.nvmlDeviceGetUUID(card, uuid, sizeof(uuid)) != NVML_SUCCESS)
			continue;
		put(text, "gpu", uuid);
		see_slices(card, text);
	}
	nvml.nvmlShutdown();
	dlclose(dl);
}

static void see_devices(const char *path, char *text)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char full[512];
		struct stat st;

		snprintf(full, sizeof(full), "%s/%.200s", path, entry->d_name);
		if (entry->d_name[0] == '.' || !strstr(full, "nvidia") || stat(full, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			see_devices(full, text);
		else if (S_ISCHR(st.st_mode) && access(full, R_OK | W_OK) == 0)
			put(text, "device", full);
	}
	if (dir)
		closedir(dir);
}

static void eat(int mib)
{
	size_t size = (size_t)mib << 20;
	volatile char *food = malloc(size);

	for (size_t i = 0; food && i < size; i += 4096)
		food[i] = 1;
}

static void answer(int fd, const char *model, int mib)
{
	char request[4096] = "", body[ANSWER_MAX] = "", head[128];

	if (read(fd, request, sizeof(request) - 1) <= 0)
		return;
	if (strncmp(request, "GET /see", 8) == 0) {
		see_nvml(body);
		see_devices("/dev", body);
	} else if (strncmp(request, "POST", 4) == 0) {
		snprintf(body, sizeof(body),
			"{\"model\": \"%s\", \"choices\": [{\"message\": {\"content\": "
			"\"Hello!\"}}]}",
			model);
	} else {
		if (strncmp(request, "GET /eat", 8) == 0)
			eat(mib);
		strcpy(body, "ok");
	}
	snprintf(
		head, sizeof(head), "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
	if (write(fd, head, strlen(head)) < 0 || write(fd, body, strlen(body)) < 0)
		perror("write");
}

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static int serve(const char *model, int mib)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	/* The first process of a container gets no signal that it has not asked for. */
	signal(SIGTERM, leave);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0) {
		perror("listen");
		return 1;
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		answer(client, model, mib);
		close(client);
	}
}

int main(int argc, char **argv)
{
	const char *model = "none";
	int mib = 0;

	if (argc > 1 && strcmp(argv[1], "once") == 0) {
		static char text[ANSWER_MAX];

		see_nvml(text);
		see_devices("/dev", text);
		fputs(text, stdout);
		return 0;
	}
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--model") == 0)
			model = argv[i + 1];
		else if (strcmp(argv[i], "--eat") == 0)
			mib = atoi(argv[i + 1]);
	}
	return serve(model, mib);
}
