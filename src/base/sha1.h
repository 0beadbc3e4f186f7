/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version-5 UUIDs (RFC 4122), for names that must come out the same each time.
 *
 * SHA-1 stands here, and not in a library's name, because the virtual driver is loaded into
 * strangers' programs and may need libc only. It guards nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void tr_sha1(const void *data, size_t len, uint8_t ret_digest[20]);

/* SHA-1 of the data, cut to 16 bytes, with version 5 and the RFC variant put in. */
void tr_uuid5(const void *data, size_t len, uint8_t ret_uuid[16]);

/* "8443519f-66f7-5962-8955-60dba0866f3a"; ret needs 37 bytes. */
void tr_uuid_text(const uint8_t uuid[16], char ret[37]);
