/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/own.h"
#include "base/snapshot.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { KIND = 0x54455301, WORDS = 1000, ODD = WORDS * 8 + 3 };

static char room[64];
static struct tr_err err;

static int room_open(void **state)
{
	(void)state;
	snprintf(room, sizeof(room), "/tmp/tranche-test-XXXXXX");
	return mkdtemp(room) ? 0 : -1;
}

static int room_close(void **state)
{
	(void)state;
	return tr_rm_tree(room, &err);
}

static const char *file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", room, name);
	return path;
}

/* A payload is whole when each of its words is the same; the odd tail holds the first bytes. */
static void fill(unsigned char payload[ODD], uint64_t value)
{
	for (size_t i = 0; i < ODD; i++)
		payload[i] = ((unsigned char *)&value)[i % 8];
}

static bool is_whole(const unsigned char payload[ODD])
{
	for (size_t i = 8; i < ODD; i++)
		if (payload[i] != payload[i - 8])
			return false;
	return true;
}

static uint64_t value_of(const unsigned char payload[ODD])
{
	uint64_t value;

	memcpy(&value, payload, 8);
	return value;
}

static void published_is_read_back(void **state)
{
	struct tr_snapshot writer = TR_SNAPSHOT_CLOSED, reader = TR_SNAPSHOT_CLOSED;
	unsigned char payload[ODD], seen[ODD];
	uint64_t first, second;

	(void)state;
	fill(payload, 1);
	assert_int_equal(tr_snapshot_create(file("s"), KIND, payload, ODD, 0600, &err), 0);
	assert_int_equal(
		tr_snapshot_create(file("s"), KIND, payload, ODD, 0600, &err), -TR_E_EXISTS);
	assert_int_equal(tr_snapshot_open(file("s"), KIND, ODD, 1, &writer, &err), 0);
	assert_int_equal(tr_snapshot_open(file("s"), KIND, ODD, 0, &reader, &err), 0);
	assert_int_equal(tr_snapshot_read(&reader, seen, &first, &err), 0);
	assert_memory_equal(seen, payload, ODD);
	for (uint64_t value = 2; value < 12; value++) {
		fill(payload, value * 0x0101010101010101);
		tr_snapshot_write(&writer, payload);
		assert_int_equal(tr_snapshot_read(&reader, seen, &second, &err), 0);
		assert_memory_equal(seen, payload, ODD);
		assert_int_equal(second, first + 1);
		assert_int_equal(second, tr_snapshot_generation(&reader));
		first = second;
	}
	tr_snapshot_close(&writer);
	tr_snapshot_close(&reader);
	tr_snapshot_close(&reader);
	assert_int_equal(reader.fd, -1);
}

static void strange_files_are_refused(void **state)
{
	static const char *const damages[] = { "magic", "kind", "size", "short", "empty" };
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	unsigned char payload[ODD];

	(void)state;
	fill(payload, 1);
	for (size_t i = 0; i < TR_COUNT(damages); i++) {
		assert_int_equal(tr_snapshot_create(file("d"), KIND, payload, ODD, 0600, &err), 0);
		int fd = open(file("d"), O_RDWR | O_CLOEXEC);

		if (i < 3)
			assert_int_equal(pwrite(fd, "\x7f", 1, (off_t[]){ 0, 8, 12 }[i]), 1);
		else
			assert_int_equal(ftruncate(fd, i == 3 ? 100 : 0), 0);
		close(fd);
		assert_int_equal(
			tr_snapshot_open(file("d"), KIND, ODD, 0, &snap, &err), -TR_E_INVALID);
		assert_int_equal(snap.fd, -1);
		assert_int_equal(unlink(file("d")), 0);
	}
	assert_int_equal(tr_snapshot_open(file("d"), KIND, ODD, 0, &snap, &err), -TR_E_NOT_FOUND);
	assert_int_equal(mkdir(file("d"), 0700), 0);
	assert_true(tr_snapshot_open(file("d"), KIND, ODD, 0, &snap, &err) < 0);
	assert_int_equal(tr_snapshot_create(file("no/such"), KIND, payload, ODD, 0600, &err),
		-TR_E_NOT_FOUND);
}

static void write_for_ever(const char *path)
{
	struct tr_snapshot snap = TR_SNAPSHOT_CLOSED;
	unsigned char payload[ODD];

	if (tr_snapshot_open(path, KIND, ODD, 1, &snap, &err) < 0 ||
		tr_snapshot_read(&snap, payload, NULL, &err) < 0)
		_exit(1);
	for (uint64_t value = value_of(payload) + 1;; value++) {
		fill(payload, value);
		tr_snapshot_write(&snap, payload);
	}
}

/* At any instruction: what is read is whole, and no older than what was read before. */
static void killed_writer_leaves_the_old_copy(void **state)
{
	struct tr_snapshot reader = TR_SNAPSHOT_CLOSED;
	unsigned seed = (unsigned)time(NULL);
	unsigned char payload[ODD];
	uint64_t last = 1;

	(void)state;
	print_message("# seed %u\n", seed);
	fill(payload, 1);
	assert_int_equal(tr_snapshot_create(file("k"), KIND, payload, ODD, 0600, &err), 0);
	assert_int_equal(tr_snapshot_open(file("k"), KIND, ODD, 0, &reader, &err), 0);
	for (int round = 0; round < 200; round++) {
		pid_t pid = fork();

		if (pid == 0)
			write_for_ever(file("k"));
		usleep((useconds_t)(rand_r(&seed) % 2000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_int_equal(tr_snapshot_read(&reader, payload, NULL, &err), 0);
		assert_true(is_whole(payload));
		assert_true(value_of(payload) >= last);
		last = value_of(payload);
	}
	assert_true(last > 1);
	tr_snapshot_close(&reader);
}

struct reading {
	const struct tr_snapshot *snap;
	_Atomic int *stop;
	int torn, backward, n;
};

static void *read_for_ever(void *arg)
{
	struct reading *reading = arg;
	unsigned char payload[ODD];
	struct tr_err mine;
	uint64_t last = 0;

	while (!*reading->stop) {
		if (tr_snapshot_read(reading->snap, payload, NULL, &mine) < 0)
			continue; /* outrun: allowed, and not what is tested */
		reading->torn += !is_whole(payload);
		reading->backward += value_of(payload) < last;
		last = value_of(payload);
		reading->n++;
	}
	return NULL;
}

/* Threads of one process, so that a TSan build sees all accesses. */
static void readers_never_see_half_a_write(void **state)
{
	struct tr_snapshot writer = TR_SNAPSHOT_CLOSED, reader = TR_SNAPSHOT_CLOSED;
	struct reading readings[2];
	_Atomic int stop = 0;
	unsigned char payload[ODD];
	pthread_t threads[2];

	(void)state;
	fill(payload, 1);
	assert_int_equal(tr_snapshot_create(file("t"), KIND, payload, ODD, 0600, &err), 0);
	assert_int_equal(tr_snapshot_open(file("t"), KIND, ODD, 1, &writer, &err), 0);
	assert_int_equal(tr_snapshot_open(file("t"), KIND, ODD, 0, &reader, &err), 0);
	for (int i = 0; i < 2; i++) {
		/* One through the writer's own mapping, one through another. */
		readings[i] = (struct reading){ .snap = i ? &reader : &writer, .stop = &stop };
		assert_int_equal(pthread_create(&threads[i], NULL, read_for_ever, &readings[i]), 0);
	}
	for (uint64_t value = 2; value < 20000; value++) {
		fill(payload, value);
		tr_snapshot_write(&writer, payload);
		if (value % 64 == 0)
			sched_yield();
	}
	usleep(10000); /* both read at least once when nobody writes */
	stop = 1;
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readings[i].torn, 0);
		assert_int_equal(readings[i].backward, 0);
		assert_true(readings[i].n > 0);
	}
	tr_snapshot_close(&writer);
	tr_snapshot_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_is_read_back),
		cmocka_unit_test(strange_files_are_refused),
		cmocka_unit_test(killed_writer_leaves_the_old_copy),
		cmocka_unit_test(readers_never_see_half_a_write),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
