/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model server that does as it is told: linked statically, so that it is all that an image needs.
 *
 *	server PORT [WORD]...      before it listens, it obeys each word:
 *	say=TEXT  late=MS  eat=MIB  exit=N  signal=N  stubborn (no SIGTERM)
 *	together=I/N:DIR (told to end, it makes DIR/told-I, waits for all N of them, and makes
 *DIR/ended-I)
 *
 * Then it answers GET /WORD: the words above, "pid", and "env=NAME" with the value.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static struct {
	int self, n;
	char dir[256];
} together;

static void path_of(const char *what, int i, char ret[512])
{
	snprintf(ret, 512, "%s/%s-%d", together.dir, what, i);
}

static void leave_together(int signal)
{
	char path[512];

	path_of("told", together.self, path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (int i = 0; i < together.n; i++)
		for (path_of("told", i, path); access(path, F_OK) < 0;)
			usleep(5000);
	path_of("ended", together.self, path);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	leave(signal);
}

/* Anonymous memory of its own, every page of it written. */
static int eat(int mib)
{
	size_t size = (size_t)mib << 20;
	volatile char *food =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (food == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < size; i += PAGE)
		food[i] = 1;
	return 0;
}

/* Dies of a signal. The first process of a container is spared those that it sends to itself, and
 * of what goes wrong by itself nobody is. */
static void die_of(int signal)
{
	volatile char *nothing = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (signal == SIGSEGV)
		*nothing = 1;
	raise(signal);
}

/* Obeys one word; what it answers is put into `ret`. */
static void obey(const char *word, char *ret, size_t size)
{
	const char *value = strchr(word, '=');
	size_t len = value ? (size_t)(value - word) : strlen(word);
	const char *text = value ? value + 1 : "";

	snprintf(ret, size, "ok");
	if (strncmp(word, "say", len) == 0)
		fprintf(stderr, "%s\n", text);
	else if (strncmp(word, "late", len) == 0)
		usleep((useconds_t)atoi(text) * 1000);
	else if (strncmp(word, "eat", len) == 0)
		snprintf(ret, size, eat(atoi(text)) < 0 ? "no memory" : "eaten");
	else if (strncmp(word, "exit", len) == 0)
		exit(atoi(text));
	else if (strncmp(word, "signal", len) == 0)
		die_of(atoi(text));
	else if (strncmp(word, "together", len) == 0 &&
		 sscanf(text, "%d/%d:%255s", &together.self, &together.n, together.dir) == 3)
		signal(SIGTERM, leave_together);
	else if (strncmp(word, "stubborn", len) == 0)
		signal(SIGTERM, SIG_IGN);
	else if (strncmp(word, "env", len) == 0)
		snprintf(ret, size, "%s", getenv(text) ? getenv(text) : "(none)");
	else if (strncmp(word, "pid", len) == 0)
		snprintf(ret, size, "%d", (int)getpid());
}

static void answer(int client)
{
	static const struct timeval patience = { .tv_sec = 1 };
	char request[1024], word[512], said[1024], text[1280];
	ssize_t got;
	int len;

	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	got = read(client, request, sizeof(request) - 1);
	if (got <= 0)
		return;
	request[got] = '\0';
	if (sscanf(request, "GET /%511[^ ] ", word) != 1)
		snprintf(word, sizeof(word), "ok");
	obey(word, said, sizeof(said));
	len = snprintf(text, sizeof(text), "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(said), said);
	if (write(client, text, (size_t)len) < 0)
		perror("write");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd, one = 1;
	char said[1024];

	if (argc < 2)
		return 64;
	signal(SIGTERM, leave);
	for (int i = 2; i < argc; i++)
		obey(argv[i], said, sizeof(said));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0) {
		perror("bind");
		return 1;
	}
	fprintf(stderr, "listening on %s\n", argv[1]);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			continue;
		answer(client);
		close(client);
	}
}
