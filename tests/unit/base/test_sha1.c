/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hex_of(const uint8_t digest[20], char ret[41])
{
	for (int i = 0; i < 20; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

/* FIPS 180-2's own examples, and lengths around a block's end (from coreutils' sha1sum). */
static void digests_are_the_standards(void **state)
{
	static const struct {
		const char *text;
		size_t repeat;
		const char *digest;
	} rows[] = {
		{ "", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
			"84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ "a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
		{ "a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" },
		{ "a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ "a", 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" },
		{ "a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ "a", 65, "11655326c708d70319be2610e8a57d9a5b959d3b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t one = strlen(rows[i].text), len = one * rows[i].repeat;
		char *data = malloc(len + 1), text[41];
		uint8_t digest[20];

		assert_non_null(data);
		for (size_t r = 0; r < rows[i].repeat; r++)
			memcpy(data + r * one, rows[i].text, one);
		tr_sha1(data, len, digest);
		hex_of(digest, text);
		assert_string_equal(text, rows[i].digest);
		free(data);
	}
}

/* RFC 9562, A.4: the DNS namespace and "www.example.com". */
static void uuid5_is_the_rfcs(void **state)
{
	static const uint8_t dns[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4,
		0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	uint8_t data[64], uuid[16];
	char text[37];

	(void)state;
	memcpy(data, dns, 16);
	memcpy(data + 16, "www.example.com", 15);
	tr_uuid5(data, 31, uuid);
	tr_uuid_text(uuid, text);
	assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_the_standards),
		cmocka_unit_test(uuid5_is_the_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
