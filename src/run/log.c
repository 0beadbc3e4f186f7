/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the logs that the shim and conmon write.
 *
 * A file that was rotated away is known by its inode, and read to its end before the new one is
 * opened. The end of a log is the end of its writer: what the server said last comes after the
 * server's own death.
 */
#include "run/run_priv.h"

#include "base/err.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

enum { FOLLOW_MS = 100, LOG_MAX = 64 << 20 };

/* The text behind "TIME STREAM FLAG ", and whether it is a part of a line. */
static const char *cri_text(const char *line, size_t len, bool *ret_is_part)
{
	const char *end = line + len, *at = line;

	*ret_is_part = false;
	for (int i = 0; i < 3; i++) {
		const char *blank = memchr(at, ' ', (size_t)(end - at));

		if (!blank)
			return line; /* not of this form: shown as it is */
		if (i == 2)
			*ret_is_part = blank - at == 1 && *at == 'P';
		at = blank + 1;
	}
	return at;
}

size_t tr_run__log_decode(enum tr_log_form form, const char *text, size_t len, struct tr_buf *ret)
{
	size_t used = 0;

	if (form == TR_LOG_PLAIN) {
		tr_buf_add(ret, text, len);
		return len;
	}
	while (used < len) {
		const char *line = text + used, *newline = memchr(line, '\n', len - used);
		const char *said;
		bool is_part;

		if (!newline)
			break;
		said = cri_text(line, (size_t)(newline - line), &is_part);
		tr_buf_add(ret, said, (size_t)(newline - said) + !is_part);
		used = (size_t)(newline - text) + 1;
	}
	return used;
}

/* All of one file, decoded. One that is not there says nothing. */
static int read_log(
	const struct tr_log *log, const char *path, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *text = NULL;
	size_t len;

	if (!path[0] || !tr_is_file(path))
		return 0;
	if (tr_read_file(path, LOG_MAX, &text, &len, err) < 0)
		return err->code == TR_E_NOT_FOUND ? 0 : -(int)err->code;
	tr_run__log_decode(log->form, text, len, ret);
	return tr_buf_ok(ret, err);
}

static int read_all(const struct tr_log *log, struct tr_buf *ret, struct tr_err *err)
{
	if (read_log(log, log->older, ret, err) < 0 || read_log(log, log->path, ret, err) < 0)
		return -(int)err->code;
	return 0;
}

/* Where the last n lines begin; a line without its newline counts. */
static const char *last_lines(const struct tr_buf *text, uint32_t n_lines)
{
	const char *begin = tr_buf_str(text), *at = begin + text->len;

	if (n_lines == 0)
		return at;
	if (at > begin && at[-1] == '\n')
		at--;
	while (at > begin) {
		if (at[-1] == '\n' && --n_lines == 0)
			return at;
		at--;
	}
	return begin;
}

int tr_run__log_tail(
	const struct tr_log *log, uint32_t n_lines, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };
	const char *from;

	if (read_all(log, &text, err) < 0)
		return -(int)err->code;
	from = last_lines(&text, n_lines);
	tr_buf_add(ret, from, (size_t)(tr_buf_str(&text) + text.len - from));
	return tr_buf_ok(ret, err);
}

int tr_run__log_keep(const struct tr_log *log, const char *path, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };

	if (read_all(log, &text, err) < 0)
		return -(int)err->code;
	return tr_write_file(path, 0600, tr_buf_str(&text), text.len, err);
}

static int say(const char *text, size_t len, struct tr_err *err)
{
	while (len > 0) {
		ssize_t put = write(STDOUT_FILENO, text, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return tr_fail_errno(err, errno, "write the log");
		text += put;
		len -= (size_t)put;
	}
	return 0;
}

struct reader {
	const struct tr_log *log;
	int fd;		    /* -1: nothing to read yet */
	struct tr_buf rest; /* the beginning of a line */
};

/* Reads what has been added to the open file, decoded; 0 when nothing has. */
static ssize_t read_new(struct reader *reader, struct tr_buf *ret)
{
	char chunk[65536];
	ssize_t got;
	size_t used;

	do
		got = reader->fd >= 0 ? read(reader->fd, chunk, sizeof(chunk)) : 0;
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got;
	tr_buf_add(&reader->rest, chunk, (size_t)got);
	if (reader->rest.failed) {
		ret->failed = true;
		return got;
	}
	used = tr_run__log_decode(reader->log->form, reader->rest.s, reader->rest.len, ret);
	reader->rest.len -= used;
	memmove(reader->rest.s, reader->rest.s + used, reader->rest.len + 1);
	return got;
}

static int say_new(struct reader *reader, struct tr_err *err)
{
	for (;;) {
		TR_AUTO_BUF text = { 0 };
		ssize_t got = read_new(reader, &text);

		if (got < 0)
			return tr_fail_errno(err, errno, "read '%s'", reader->log->path);
		if (got == 0)
			return 0;
		if (tr_buf_ok(&text, err) < 0 || say(tr_buf_str(&text), text.len, err) < 0)
			return -(int)err->code;
	}
}

/* True when the log goes on in another file than the open one. */
static bool is_rotated(const struct reader *reader)
{
	struct stat open_st, there_st;

	if (stat(reader->log->path, &there_st) < 0)
		return false;
	return reader->fd < 0 || fstat(reader->fd, &open_st) < 0 ||
	       open_st.st_ino != there_st.st_ino || open_st.st_dev != there_st.st_dev;
}

/* All that can be read now, through a rotation too. */
static int catch_up(struct reader *reader, struct tr_err *err)
{
	bool rotated = is_rotated(reader);

	if (say_new(reader, err) < 0)
		return -(int)err->code;
	if (!rotated)
		return 0;
	tr_closep(&reader->fd);
	tr_buf_clear(&reader->rest);
	reader->fd = open(reader->log->path, O_RDONLY | O_CLOEXEC);
	return say_new(reader, err);
}

/* Waits a little; false once the writer has gone. */
static bool is_writing(int writer_fd)
{
	struct pollfd poll_fd = { writer_fd, POLLIN, 0 };

	return poll(&poll_fd, 1, FOLLOW_MS) <= 0;
}

static int follow_file(struct reader *reader, const volatile int *stop_flag, struct tr_err *err)
{
	TR_AUTO_CLOSE int writer_fd = -1;

	writer_fd = reader->log->writer > 0 ? pidfd_open(reader->log->writer, 0) : -1;
	for (bool more = writer_fd >= 0; more && !*stop_flag;) {
		more = is_writing(writer_fd);
		if (catch_up(reader, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

/* What there is now, by lines. From here on the open file is the present. */
static int say_last(struct reader *reader, uint32_t n_lines, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };
	const char *from;
	ssize_t got;

	if (read_log(reader->log, reader->log->older, &text, err) < 0)
		return -(int)err->code;
	while ((got = read_new(reader, &text)) > 0)
		if (tr_buf_ok(&text, err) < 0)
			return -(int)err->code;
	if (got < 0)
		return tr_fail_errno(err, errno, "read '%s'", reader->log->path);
	from = last_lines(&text, n_lines);
	return say(from, (size_t)(tr_buf_str(&text) + text.len - from), err);
}

int tr_run__log_follow(const struct tr_log *log, uint32_t n_lines, bool follow,
	const volatile int *stop_flag, struct tr_err *err)
{
	struct reader reader = { .log = log, .fd = open(log->path, O_RDONLY | O_CLOEXEC) };
	int r = say_last(&reader, n_lines, err);

	if (r == 0 && follow)
		r = follow_file(&reader, stop_flag, err);
	tr_closep(&reader.fd);
	tr_buf_done(&reader.rest);
	return r;
}
