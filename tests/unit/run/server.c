/* SPDX-License-Identifier: Apache-2.0 */
/* A model server for the tests of run: linked statically, so that it is all that an image needs.
 *	server serve PORT | eat MIB | exit N | signal N | env NAME | say MIB | stubborn | family */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

__attribute__((noreturn)) static void wait_for_end(void)
{
	for (;;)
		pause();
}

static int serve(int port)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	address.sin_port = htons((unsigned short)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0) {
		perror("bind");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		char request[1024];
		ssize_t got = client < 0 ? -1 : read(client, request, sizeof(request));

		if (got > 0 && write(client, answer, sizeof(answer) - 1) < 0)
			perror("write");
		if (client >= 0)
			close(client);
	}
}

static int eat(int mib)
{
	size_t size = (size_t)mib << 20;
	char *food = malloc(size);

	puts("eating");
	fflush(stdout);
	for (size_t i = 0; food && i < size; i += 4096)
		((volatile char *)food)[i] = 1;
	wait_for_end();
}

/* Numbered lines, `mib` in all. */
static int say(int mib)
{
	for (int i = 0; i < mib * 8192; i++)
		printf("%-126d.\n", i);
	fflush(stdout);
	wait_for_end();
}

/* A grandchild that got away from parent, session and output. */
static int family(void)
{
	if (fork() == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		if (fork() == 0)
			wait_for_end();
		_exit(0);
	}
	puts("family");
	fflush(stdout);
	wait_for_end();
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "0";

	signal(SIGTERM, leave);
	if (strcmp(verb, "serve") == 0)
		return serve(atoi(arg));
	if (strcmp(verb, "eat") == 0)
		return eat(atoi(arg));
	if (strcmp(verb, "exit") == 0) {
		fprintf(stderr, "about to exit %s\n", arg);
		return atoi(arg);
	}
	if (strcmp(verb, "signal") == 0) {
		raise(atoi(arg));
		wait_for_end();
	}
	if (strcmp(verb, "env") == 0) {
		printf("%s=%s\n", arg, getenv(arg) ? getenv(arg) : "(none)");
		return 0;
	}
	if (strcmp(verb, "say") == 0)
		return say(atoi(arg));
	if (strcmp(verb, "family") == 0)
		return family();
	if (strcmp(verb, "stubborn") == 0)
		signal(SIGTERM, SIG_IGN);
	else
		return 64;
	puts("stubborn");
	fflush(stdout);
	wait_for_end();
}
