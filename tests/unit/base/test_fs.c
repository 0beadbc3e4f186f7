/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

static const char *at(const char *rest)
{
	static char paths[8][256];
	static int next;

	next = (next + 1) % 8;
	snprintf(paths[next], sizeof(paths[next]), "%s/%s", room, rest);
	return paths[next];
}

static void written_file_is_read_back(void **state)
{
	char *text = NULL;
	struct stat st;
	size_t len = 0;

	(void)state;
	assert_int_equal(tr_write_file(at("f"), 0640, "a\0b", 3, &err), 0);
	assert_int_equal(tr_read_file(at("f"), 3, &text, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(tr_read_file(at("f"), 2, &text, &len, &err), -TR_E_INVALID);
	assert_int_equal(tr_read_file(at("none"), 2, &text, &len, &err), -TR_E_NOT_FOUND);
	assert_int_equal(tr_read_file(room, 99, &text, &len, &err), -TR_E_IO);
	assert_int_equal(tr_read_file("/proc/self/stat", 1 << 16, &text, NULL, &err), 0);
	assert_true(strlen(text) > 10);
	free(text);
}

/* A reader has the old text or the new, and a link is replaced, not followed. */
static void write_replaces_in_one_step(void **state)
{
	TR_AUTO_CLOSE int old = -1;
	char text[8] = "", *now = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(tr_write_file(at("r"), 0600, "old", 3, &err), 0);
	old = open(at("r"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(tr_write_file(at("r"), 0600, "new", 3, &err), 0);
	assert_int_equal(read(old, text, 7), 3);
	assert_string_equal(text, "old");
	assert_int_equal(symlink(at("r"), at("link")), 0);
	assert_int_equal(tr_write_file(at("link"), 0600, "other", 5, &err), 0);
	assert_int_equal(lstat(at("link"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(tr_read_file(at("r"), 99, &now, NULL, &err), 0);
	assert_string_equal(now, "new");
	free(now);
	assert_int_equal(tr_write_file(at("no/such/dir"), 0600, "", 0, &err), -TR_E_NOT_FOUND);
}

static int n_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void failed_write_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(tr_mkdir_p(at("w/taken"), 0755, &err), 0);
	/* rename cannot put a file over a folder */
	assert_true(tr_write_file(at("w/taken"), 0600, "x", 1, &err) < 0);
	assert_int_equal(n_entries(at("w")), 1);
}

static void folders_are_made_with_what_is_above(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(tr_mkdir_p(at("a/b/c"), 0700, &err), 0);
	assert_int_equal(tr_mkdir_p(at("a/b/c"), 0700, &err), 0);
	assert_int_equal(tr_mkdir_p(at("a//b/d"), 0700, &err), 0);
	assert_int_equal(stat(at("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(tr_is_dir(at("a/b")));
	assert_false(tr_is_file(at("a/b")));
	assert_int_equal(tr_write_file(at("a/file"), 0600, "", 0, &err), 0);
	assert_true(tr_is_file(at("a/file")));
	assert_true(tr_mkdir_p(at("a/file"), 0700, &err) < 0);
	assert_true(tr_mkdir_p(at("a/file/below"), 0700, &err) < 0);
	assert_int_equal(tr_mkdir_p("/", 0700, &err), 0);
	assert_true(tr_mkdir_p("", 0700, &err) < 0);
}

static void removal_follows_no_link(void **state)
{
	(void)state;
	assert_int_equal(tr_mkdir_p(at("keep/inner"), 0755, &err), 0);
	assert_int_equal(tr_write_file(at("keep/file"), 0600, "x", 1, &err), 0);
	assert_int_equal(tr_mkdir_p(at("gone/deep/er"), 0755, &err), 0);
	assert_int_equal(symlink(at("keep"), at("gone/link")), 0);
	assert_int_equal(symlink(at("keep"), at("gone/deep/link")), 0);
	assert_int_equal(symlink("/no/such/place", at("gone/dangling")), 0);
	assert_int_equal(mkfifo(at("gone/fifo"), 0600), 0);
	assert_int_equal(symlink(at("keep"), at("toplink")), 0);
	assert_int_equal(tr_rm_tree(at("gone"), &err), 0);
	assert_int_equal(tr_rm_tree(at("toplink"), &err), 0);
	assert_false(tr_is_dir(at("gone")));
	assert_false(tr_is_dir(at("toplink")));
	assert_true(tr_is_file(at("keep/file")));
	assert_true(tr_is_dir(at("keep/inner")));
	assert_int_equal(tr_rm_tree(at("gone"), &err), 0);
	assert_int_equal(tr_rm_tree(at("no/such"), &err), 0);
}

/* In a mount namespace of its own: a bind mount has the same device number as what is around it. */
static int remove_across_mount(const char *kind)
{
	struct tr_err child = { 0 };
	bool refused;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (strcmp(kind, "bind") == 0) {
		if (mount(at("precious"), at("tree/mnt"), "none", MS_BIND, NULL) < 0)
			return 77;
	} else if (mount("none", at("tree/mnt"), "tmpfs", 0, NULL) < 0 ||
		   tr_write_file(at("tree/mnt/file"), 0600, "x", 1, &child) < 0) {
		return 77;
	}
	refused = tr_rm_tree(at("tree"), &child) == -TR_E_BUSY;
	return refused && tr_is_file(at("tree/mnt/file")) ? 0 : 1;
}

static void removal_crosses_no_mount(void **state)
{
	static const char *const kinds[] = { "bind", "tmpfs" };

	(void)state;
	assert_int_equal(tr_mkdir_p(at("tree/mnt"), 0755, &err), 0);
	assert_int_equal(tr_mkdir_p(at("precious"), 0755, &err), 0);
	assert_int_equal(tr_write_file(at("precious/file"), 0600, "x", 1, &err), 0);
	for (size_t i = 0; i < TR_COUNT(kinds); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(remove_across_mount(kinds[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(status, 0);
	}
	assert_int_equal(tr_rm_tree(at("tree"), &err), 0);
	assert_true(tr_is_file(at("precious/file")));
}

static void lock_excludes_until_closed(void **state)
{
	TR_AUTO_CLOSE int first = -1;
	int second = -1, status;
	pid_t pid;

	(void)state;
	assert_int_equal(tr_lock_file(at("lock"), true, &first, &err), 0);
	assert_int_equal(fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(tr_lock_file(at("lock"), false, &second, &err), -TR_E_BUSY);
	assert_int_equal(second, -1);
	/* Any close() of the file elsewhere in the program drops an fcntl lock. */
	close(open(at("lock"), O_RDWR | O_CLOEXEC));
	assert_int_equal(tr_lock_file(at("lock"), false, &second, &err), -TR_E_BUSY);
	tr_closep(&first);
	assert_int_equal(tr_lock_file(at("lock"), false, &second, &err), 0);
	tr_closep(&second);
	/* A killed holder holds no longer. */
	pid = fork();
	if (pid == 0) {
		struct tr_err child;

		tr_lock_file(at("lock"), true, &first, &child);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(tr_lock_file(at("lock"), false, &first, &err), 0);
	assert_int_equal(symlink(at("lock"), at("locklink")), 0);
	assert_true(tr_lock_file(at("locklink"), false, &second, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_file_is_read_back),
		cmocka_unit_test(write_replaces_in_one_step),
		cmocka_unit_test(failed_write_leaves_nothing),
		cmocka_unit_test(folders_are_made_with_what_is_above),
		cmocka_unit_test(removal_follows_no_link),
		cmocka_unit_test(removal_crosses_no_mount),
		cmocka_unit_test(lock_excludes_until_closed),
	};

	return cmocka_run_group_tests(tests, room_open, room_close);
}
