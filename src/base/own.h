/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership that is readable at the declaration.
 *
 *	TR_AUTO(tr_slice_freep) struct tr_slice *s = NULL;   freed when it goes out of scope
 *	*ret = TR_TAKE(s);                                   given away, s is NULL from here
 *	TR_AUTO_FREE char *text = NULL;                      free()
 *	TR_AUTO_CLOSE int fd = -1;                           close(), -1 is empty
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define TR_AUTO(fn) __attribute__((cleanup(fn)))

#define TR_TAKE(p)                             \
	__extension__({                        \
		__typeof__(p) tr_taken_ = (p); \
		(p) = NULL;                    \
		tr_taken_;                     \
	})

#define TR_DEFINE_FREEP(type, fn)          \
	static inline void fn##p(type **p) \
	{                                  \
		fn(*p);                    \
		*p = NULL;                 \
	}

static inline void tr_free_charp(char **p)
{
	free(*p);
	*p = NULL;
}

static inline void tr_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* For a descriptor that the caller keeps: gives it, and leaves -1 behind. */
static inline int tr_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define TR_AUTO_FREE  TR_AUTO(tr_free_charp)
#define TR_AUTO_CLOSE TR_AUTO(tr_closep)

#define TR_COUNT(array) (sizeof(array) / sizeof((array)[0]))
