/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer: each file of its corpus as it is, then damaged at random.
 *
 *	fuzz_X CORPUS_DIR [ROUNDS]
 *
 * The seed is printed and can be given back as TR_FUZZ_SEED. A crash is the failure; what is tried
 * is left in $TMPDIR/fuzz-PID, so that it can be put into the corpus. With a fuzzer
 * (clang -fsanitize=fuzzer) this file is left out: a target is the usual LLVMFuzzerTestOneInput.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { INPUT_MAX_BYTES = 1 << 20, ROUNDS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int trace_fd = -1; /* what is tried now */

static void try_input(const char *data, size_t size)
{
	/* malloc'd to its very size, so that a sanitizer sees one byte too far. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return;
	if (size)
		memcpy(copy, data, size);
	if (ftruncate(trace_fd, 0) < 0 || pwrite(trace_fd, data, size, 0) < 0)
		perror("fuzz: keep the input");
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

/* One to four bytes changed, a piece cut out, or a piece doubled. */
static void damage(struct tr_buf *ret, const char *data, size_t size, unsigned *seed)
{
	size_t from = size ? (size_t)rand_r(seed) % size : 0;
	size_t len = size ? 1 + (size_t)rand_r(seed) % (size - from) : 0;

	tr_buf_clear(ret);
	switch (rand_r(seed) % 4) {
	case 0:
		tr_buf_add(ret, data, from);
		tr_buf_add(ret, data + from + len, size - from - len);
		break;
	case 1:
		tr_buf_add(ret, data, from + len);
		tr_buf_add(ret, data + from, size - from);
		break;
	default:
		tr_buf_add(ret, data, size);
		for (int n = 1 + rand_r(seed) % 4; size && n > 0; n--)
			ret->s[(size_t)rand_r(seed) % size] = (char)rand_r(seed);
	}
}

static int replay(const char *path, unsigned rounds, unsigned *seed)
{
	TR_AUTO_FREE char *data = NULL;
	TR_AUTO_BUF damaged = { 0 };
	struct tr_err err = { 0 };
	size_t size;

	if (tr_read_file(path, INPUT_MAX_BYTES, &data, &size, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	try_input(data, size);
	for (unsigned i = 0; i < rounds; i++) {
		damage(&damaged, data, size, seed);
		try_input(tr_buf_str(&damaged), damaged.len);
	}
	return 0;
}

static int replay_all(const char *dir_path, unsigned rounds, unsigned *seed)
{
	DIR *dir = opendir(dir_path);
	int n = 0;

	if (!dir)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir));) {
		TR_AUTO_BUF path = { 0 };

		if (entry->d_name[0] == '.')
			continue;
		tr_buf_addf(&path, "%s/%s", dir_path, entry->d_name);
		if (replay(path.s, rounds, seed) < 0) {
			closedir(dir);
			return -1;
		}
		printf("ok %d - %s\n", ++n, entry->d_name);
		fflush(stdout);
	}
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	const char *given = getenv("TR_FUZZ_SEED"), *temp = getenv("TMPDIR");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : ROUNDS;
	TR_AUTO_BUF trace = { 0 };
	int n;

	if (argc < 2)
		return 2;
	tr_buf_addf(&trace, "%s/fuzz-%d", temp ? temp : "/tmp", (int)getpid());
	trace_fd = open(trace.s, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (trace_fd < 0)
		return 2;
	printf("# TR_FUZZ_SEED=%u, input in %s\n", seed, trace.s);
	fflush(stdout);
	n = replay_all(argv[1], rounds, &seed);
	printf("1..%d\n", n);
	unlink(trace.s);
	close(trace_fd);
	return n > 0 ? 0 : 1;
}
