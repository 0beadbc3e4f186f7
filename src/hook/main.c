/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvidia-container-runtime-hook, for virtual nodes.
 *
 *	prestart	what docker's --gpus asks for: the slice's parts, its limits, its hold
 *	hold		the last two: for CDI, whose spec has mounted the parts already
 *
 * Whoever started the daemon says where the nodes are: TRANCHE_RUN_DIR in its environment, else
 * the link that the installation left beside this program, else /run/tranche.
 */
#include "hook/hook.h"

#include "base/err.h"
#include "run/needs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINK_NAME ".tranche-run"

/* An installation looks for this in a file of our name, to know its own from the vendor's. */
__attribute__((used)) static const char mark[] = "tranche: a stand-in for virtual nodes";

static void find_nodes(void)
{
	char path[PATH_MAX + sizeof(LINK_NAME)], dir[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (len < 0 || getenv("TRANCHE_RUN_DIR"))
		return;
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, LINK_NAME);
	len = readlink(path, dir, sizeof(dir) - 1);
	if (len < 0)
		return;
	dir[len] = '\0';
	setenv("TRANCHE_RUN_DIR", dir, 1);
}

static int prestart(bool gives, struct tr_err *err)
{
	TR_AUTO(tr_hook_container_done) struct tr_hook_container container = { 0 };
	TR_AUTO(tr_hook_choice_done) struct tr_hook_choice choice = { 0 };
	const struct tr_driver driver = { .version = TR_SIM_DRIVER, .cuda = TR_SIM_CUDA };

	if (tr_hook_read(STDIN_FILENO, !gives, &container, err) < 0 ||
		tr_hook_choose(container.visible, getenv("TRANCHE_NODE"), &choice, err) < 0)
		return -(int)err->code;
	if (choice.uuids.n == 0)
		return 0;
	/* With CDI the vendor's tools do not ask, either. */
	if (gives && tr_needs_check(container.env.v, container.env.n, &driver, err) < 0)
		return tr_wrap(err, "the container's image");
	/* Who only watches holds nothing: it may look at slices that others are on. */
	if (!container.looks_only && tr_hook_hold(&choice, container.pid, err) < 0)
		return -(int)err->code;
	if (!gives || tr_hook_give(&choice, &container, err) == 0)
		return 0;
	if (!container.looks_only)
		tr_hook_release(&choice, container.pid);
	return -(int)err->code;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	struct tr_err err = { 0 };
	int r;

	/* Kinds of hooks that the vendor's answers to, and does nothing for. */
	if (strcmp(verb, "poststart") == 0 || strcmp(verb, "poststop") == 0)
		return 0;
	if (strcmp(verb, "prestart") != 0 && strcmp(verb, "hold") != 0) {
		fprintf(stderr,
			"%s\nusage: nvidia-container-runtime-hook prestart|hold   (container's "
			"state on "
			"standard input; docker runs it)\n",
			mark);
		return 2;
	}
	umask(022);
	find_nodes();
	r = prestart(strcmp(verb, "prestart") == 0, &err);
	if (r < 0)
		fprintf(stderr, "tranche: %s%s%s\n", err.msg, err.hint[0] ? "; try: " : "",
			err.hint);
	return r < 0 ? 1 : 0;
}
