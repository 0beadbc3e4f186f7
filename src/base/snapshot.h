/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State that several processes share and that survives kill -9 at any instruction.
 *
 *	offset 0     magic "TRSNAP01", u32 kind, u32 payload bytes, u64 generation
 *	offset 64    copy 0, rounded up to 64 bytes
 *	then         copy 1
 *
 * Generation g says that copy g % 2 is whole. A writer (one at a time: the caller holds a lock)
 * fills the other copy and then stores g + 1; killed before that store, it has changed nothing.
 * A reader takes no lock: it copies and checks that the generation stood still meanwhile. Only
 * generation g + 2 reuses the copy that it read, so an unchanged g proves the copy whole.
 *
 * Lives in strangers' processes: no output, no exit, errno kept by the callers who must.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tr_err;

struct tr_snapshot {
	int fd; /* -1 when closed */
	void *map;
	size_t map_size, payload_size;
	int writable;
};

#define TR_SNAPSHOT_CLOSED ((struct tr_snapshot){ .fd = -1 })

/* Makes the file at `path` (which must not exist; EXISTS otherwise) with `payload` as its first
 * generation. `kind` names the payload's format and version; opening with another one fails. */
int tr_snapshot_create(const char *path, uint32_t kind, const void *payload, size_t payload_size,
	unsigned mode, struct tr_err *err);

/* Opens a file. INVALID when it is no snapshot of this kind and size. */
int tr_snapshot_open(const char *path, uint32_t kind, size_t payload_size, int writable,
	struct tr_snapshot *ret, struct tr_err *err);
void tr_snapshot_close(struct tr_snapshot *snap);

/* The generation now; one atomic load. */
uint64_t tr_snapshot_generation(const struct tr_snapshot *snap);

/* Copies the payload out; ret_generation may be NULL. BUSY only when writers outran it 1,000 times
 * in a row. */
int tr_snapshot_read(const struct tr_snapshot *snap, void *ret_payload, uint64_t *ret_generation,
	struct tr_err *err);

/* The payload where it lies, for who holds the writers' lock. It stays as it is over the next
 * write, which fills the other copy, and no longer. */
const void *tr_snapshot_payload(const struct tr_snapshot *snap);

/* Publishes a new payload. The caller holds the writers' lock. */
void tr_snapshot_write(struct tr_snapshot *snap, const void *payload);
