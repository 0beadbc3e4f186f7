/* SPDX-License-Identifier: Apache-2.0 */
#include "base/snapshot.h"

#include "base/err.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { HEADER_SIZE = 64 };

static const char magic[8] = "TRSNAP01";

struct header {
	char magic[8];
	uint32_t kind, payload_size;
	_Atomic uint64_t generation;
};

static size_t copy_size(size_t payload_size)
{
	return (payload_size + 63) / 64 * 64;
}

static size_t file_size(size_t payload_size)
{
	return HEADER_SIZE + 2 * copy_size(payload_size);
}

static struct header *header_of(const struct tr_snapshot *snap)
{
	return snap->map;
}

static char *copy_of(const struct tr_snapshot *snap, uint64_t generation)
{
	return (char *)snap->map + HEADER_SIZE + (generation % 2) * copy_size(snap->payload_size);
}

/* Word by word and atomic: a reader may overlap a writer, which is a race only by the letter, since
 * what was read then is thrown away. */
static void load_words(void *to, const void *from, size_t size)
{
	const _Atomic uint64_t *words = from;
	size_t whole = size / 8;

	for (size_t i = 0; i < whole; i++) {
		uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);

		memcpy((char *)to + i * 8, &word, 8);
	}
	if (size % 8) {
		uint64_t word = atomic_load_explicit(&words[whole], memory_order_relaxed);

		memcpy((char *)to + whole * 8, &word, size % 8);
	}
}

/* Only what differs: a page that is not written costs no fault and need not go to a disk. */
static void store_words(void *to, const void *from, size_t size)
{
	_Atomic uint64_t *words = to;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;

		memcpy(&word, (const char *)from + i, size - i < 8 ? size - i : 8);
		if (atomic_load_explicit(&words[i / 8], memory_order_relaxed) != word)
			atomic_store_explicit(&words[i / 8], word, memory_order_relaxed);
	}
}

int tr_snapshot_create(const char *path, uint32_t kind, const void *payload, size_t payload_size,
	unsigned mode, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	struct header header = { .kind = kind, .payload_size = (uint32_t)payload_size };

	if (fd < 0 && errno == EEXIST)
		return tr_fail(err, TR_E_EXISTS, "'%s' exists already", path);
	if (fd < 0)
		return tr_fail_errno(err, errno, "make '%s'", path);
	memcpy(header.magic, magic, sizeof(magic));
	atomic_init(&header.generation, 2); /* even: copy 0 is the whole one */
	if (ftruncate(fd, (off_t)file_size(payload_size)) < 0 || fchmod(fd, mode) < 0 ||
		pwrite(fd, payload, payload_size, HEADER_SIZE) != (ssize_t)payload_size ||
		pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
		int errnum = errno;

		unlink(path);
		return tr_fail_errno(err, errnum, "make '%s'", path);
	}
	return 0;
}

int tr_snapshot_open(const char *path, uint32_t kind, size_t payload_size, int writable,
	struct tr_snapshot *ret, struct tr_err *err)
{
	TR_AUTO_CLOSE int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	struct header header;
	struct stat st;
	void *map;

	if (fd < 0)
		return tr_fail_errno(err, errno, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return tr_fail_errno(err, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size != file_size(payload_size) ||
		pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
		memcmp(header.magic, magic, sizeof(magic)) != 0 ||
		header.payload_size != payload_size || header.kind != kind)
		return tr_fail(err, TR_E_INVALID,
			"'%s' was not written by this version (wanted kind %u with %zu bytes)",
			path, kind, payload_size);
	map = mmap(NULL, (size_t)st.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return tr_fail_errno(err, errno, "map '%s'", path);
	*ret = (struct tr_snapshot){ .fd = tr_take_fd(&fd),
		.map = map,
		.map_size = (size_t)st.st_size,
		.payload_size = payload_size,
		.writable = writable };
	return 0;
}

void tr_snapshot_close(struct tr_snapshot *snap)
{
	if (snap->map)
		munmap(snap->map, snap->map_size);
	tr_closep(&snap->fd);
	*snap = TR_SNAPSHOT_CLOSED;
}

uint64_t tr_snapshot_generation(const struct tr_snapshot *snap)
{
	return atomic_load_explicit(&header_of(snap)->generation, memory_order_acquire);
}

int tr_snapshot_read(const struct tr_snapshot *snap, void *ret_payload, uint64_t *ret_generation,
	struct tr_err *err)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		uint64_t before = tr_snapshot_generation(snap);

		load_words(ret_payload, copy_of(snap, before), snap->payload_size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&header_of(snap)->generation, memory_order_relaxed) !=
			before)
			continue;
		if (ret_generation)
			*ret_generation = before;
		return 0;
	}
	return tr_fail(err, TR_E_BUSY, "the shared state changes faster than it can be read");
}

const void *tr_snapshot_payload(const struct tr_snapshot *snap)
{
	return copy_of(snap, tr_snapshot_generation(snap));
}

void tr_snapshot_write(struct tr_snapshot *snap, const void *payload)
{
	uint64_t now = tr_snapshot_generation(snap);

	/* Readers of generation `now - 1` must see that it has passed before its copy is reused. */
	atomic_thread_fence(memory_order_release);
	store_words(copy_of(snap, now + 1), payload, snap->payload_size);
	atomic_store_explicit(&header_of(snap)->generation, now + 1, memory_order_release);
}
