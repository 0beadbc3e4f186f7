/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_LEN = 63 }; /* longer words are compared by their beginnings */

/* Capitals are no slip: "UP" is up. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Rows of the usual table, of which the swap needs the last three. */
unsigned tr_near_distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	unsigned rows[3][MAX_LEN + 1];

	len_a = len_a < MAX_LEN ? len_a : MAX_LEN;
	len_b = len_b < MAX_LEN ? len_b : MAX_LEN;

	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= len_a; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3],
			 *older = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= len_b; j++) {
			unsigned replaced = before[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

			now[j] = min3(before[j] + 1, now[j - 1] + 1, replaced);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]) && older[j - 2] + 1 < now[j])
				now[j] = older[j - 2] + 1;
		}
	}
	return rows[len_a % 3][len_b];
}

static bool begins(const char *name, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(name[i]) != lower(word[i]))
			return false;
	return true;
}

/* A beginning ("prof") is as good as one slip. */
static unsigned effective_distance(const char *wrong, const char *name, size_t name_len)
{
	size_t len = strlen(wrong);
	unsigned distance = tr_near_distance(wrong, len, name, name_len);

	if (len >= 2 && len <= name_len && begins(name, wrong, len) && distance > 1)
		return 1;
	return distance;
}

/* Half of a short word may be wrong, a third of a longer one. */
static bool is_near(const char *wrong, unsigned distance)
{
	size_t len = strnlen(wrong, MAX_LEN);

	return distance <= (len <= 4 ? len / 2 : len / 3);
}

static bool is_kept(const struct tr_near *near, const char *name, size_t len)
{
	for (size_t i = 0; i < near->n; i++)
		if (near->len[i] == len && strncmp(near->v[i], name, len) == 0)
			return true;
	return false;
}

void tr_near_offer(struct tr_near *near, const char *name, size_t len)
{
	unsigned distance = effective_distance(near->wrong, name, len);

	if (!is_near(near->wrong, distance) || is_kept(near, name, len))
		return;
	if (near->n && distance > near->distance)
		return;
	if (near->n && distance < near->distance)
		near->n = 0;
	if (near->n == TR_NEAR_MAX)
		return;
	near->distance = distance;
	near->v[near->n] = name;
	near->len[near->n++] = len;
}
