/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for a model server's image: takes any command line with "--port N" in it, answers
 * /health, and answers everything else with what it was given, a line each:
 *
 *	arg TEXT    env KEY=VALUE    mount TARGET OPTIONS    device PATH    shm BYTES    cache ok
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

extern char **environ;

static char report[1 << 16];
static size_t used;

static void add(const char *kind, const char *text, const char *more)
{
	int n = snprintf(report + used, sizeof(report) - used, "%s %s%s%s\n", kind, text,
		*more ? " " : "", more);

	if (n > 0 && used + (size_t)n < sizeof(report))
		used += (size_t)n;
}

static void add_mounts(void)
{
	FILE *file = fopen("/proc/self/mounts", "re");
	char line[4096], target[1024], options[1024];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %1023s %*s %1023s", target, options) == 2)
			add("mount", target, options);
	if (file)
		fclose(file);
}

static void add_devices(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[512];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (stat(path, &st) == 0 && S_ISCHR(st.st_mode))
			add("device", path, "");
	}
	if (dir)
		closedir(dir);
}

static void add_room(void)
{
	const char *cache = getenv("HF_HOME");
	char text[600];
	struct statvfs shm;
	int fd;

	if (statvfs("/dev/shm", &shm) == 0) {
		snprintf(text, sizeof(text), "%llu",
			(unsigned long long)shm.f_blocks * shm.f_frsize);
		add("shm", text, "");
	}
	if (!cache)
		return;
	snprintf(text, sizeof(text), "%s/seen", cache);
	fd = open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0) {
		add("cache", "ok", "");
		close(fd);
	}
}

static int listen_on(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)(void *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0)
		return -1;
	return fd;
}

static void answer(int fd)
{
	char request[4096] = "", head[128];
	ssize_t got = read(fd, request, sizeof(request) - 1);
	int is_health = got > 0 && strncmp(request, "GET /health ", 12) == 0;
	size_t len = is_health ? 0 : used;

	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
	if (write(fd, head, strlen(head)) > 0 && len && write(fd, report, len) < 0)
		perror("write");
	close(fd);
}

int main(int argc, char **argv)
{
	int port = 0, server;

	for (int i = 1; i < argc; i++) {
		add("arg", argv[i], "");
		if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
			port = atoi(argv[i + 1]);
	}
	for (char **e = environ; *e; e++)
		add("env", *e, "");
	add_mounts();
	add_devices("/dev");
	add_devices("/dev/nvidia-caps");
	add_room();
	server = port ? listen_on(port) : -1;
	if (server < 0) {
		fprintf(stderr, "no port to listen on\n");
		return 2;
	}
	for (;;) {
		int fd = accept(server, NULL, NULL);

		if (fd >= 0)
			answer(fd);
	}
}
