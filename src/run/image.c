/* SPDX-License-Identifier: Apache-2.0 */
#include "run/image.h"

#include "base/err.h"
#include "run/needs.h"
#include "run/run.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

void tr_image_done(struct tr_image *image)
{
	free(image->os);
	free(image->arch);
	tr_strv_done(&image->env);
	tr_strv_done(&image->layers);
	*image = (struct tr_image){ 0 };
}

/* --- Reading --- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Entry points are lists; a text stands for a list of one. */
static size_t count_words(const json_t *value)
{
	return json_is_string(value) ? json_string_length(value) > 0 : json_array_size(value);
}

/* "DIR:DIR:..." */
static void add_folders(const char *list, struct tr_strv *ret)
{
	while (*list) {
		size_t len = strcspn(list, ":");

		if (len)
			tr_strv_addf(ret, "%.*s", (int)len, list);
		list += len + (list[len] == ':');
	}
}

static void read_layers(const json_t *driver, struct tr_strv *ret)
{
	const json_t *data = json_object_get(driver, "Data");

	if (strncmp(text_of(driver, "Name"), "overlay", 7) != 0)
		return;
	add_folders(text_of(data, "UpperDir"), ret);
	add_folders(text_of(data, "LowerDir"), ret);
}

static int fill(const json_t *top, struct tr_image *ret, struct tr_err *err)
{
	const json_t *config = json_object_get(top, "Config");
	const json_t *env = json_object_get(config, "Env"), *entry;
	size_t i;

	ret->os = strdup(text_of(top, "Os"));
	ret->arch = strdup(text_of(top, "Architecture"));
	ret->n_entry = count_words(json_object_get(config, "Entrypoint"));
	ret->n_cmd = count_words(json_object_get(config, "Cmd"));
	json_array_foreach (env, i, entry)
		if (json_is_string(entry))
			tr_strv_add(&ret->env, json_string_value(entry));
	read_layers(json_object_get(top, "GraphDriver"), &ret->layers);
	if (!ret->os || !ret->arch || ret->env.failed || ret->layers.failed)
		return tr_fail(err, TR_E_NO_MEMORY, "look at an image: out of memory");
	return 0;
}

int tr_image_read(const char *json, size_t len, struct tr_image *ret, struct tr_err *err)
{
	struct tr_image image = { 0 };
	json_error_t why;
	json_t *list = json_loadb(json, len, 0, &why);
	const json_t *top = json_array_get(list, 0);
	int r;

	if (json_is_object(top))
		r = fill(top, &image, err);
	else
		r = tr_fail(err, TR_E_IO, "what is said of the image cannot be read: %s",
			list ? "not a list of objects" : why.text);
	json_decref(list);
	if (r < 0)
		tr_image_done(&image);
	else
		*ret = image;
	return r;
}

/* --- The machine it is for --- */

static const struct {
	const char *machine, *arch; /* as uname and as OCI call it */
	const char *glibc, *musl;   /* the loaders' names */
} machines[] = {
	{ "x86_64", "amd64", "ld-linux-x86-64.so.2", "ld-musl-x86_64.so.1" },
	{ "aarch64", "arm64", "ld-linux-aarch64.so.1", "ld-musl-aarch64.so.1" },
};

static int wrong_machine(const struct tr_image *image, const char *arch, const char *name,
	const char *program, struct tr_err *err)
{
	bool is_ours = strncmp(name, "localhost/", 10) == 0, is_podman = program[0] == 'p';
	const char *option = is_podman ? "--arch" : "--platform";
	const char *prefix = is_podman ? "" : "linux/";

	tr_fail(err, TR_E_UNSUPPORTED,
		"image '%s' is for %s/%s, and this machine is linux/%s: no program in it can load "
		"the driver's library that its slice brings",
		name, *image->os ? image->os : "linux", image->arch, arch);
	if (is_ours)
		return tr_hint(
			err, "%s build %s %s%s -t %s FOLDER", program, option, prefix, arch, name);
	return tr_hint(err, "%s pull %s %s%s %s", program, option, prefix, arch, name);
}

/* Where loaders lie, in a Debian-like, a Red-Hat-like and an Alpine-like image. What a later layer
 * took away again still lies in an earlier one: that lets an image pass, it refuses none. */
static bool has_file(const struct tr_image *image, const char *machine, const char *name)
{
	static const char *const dirs[] = { "lib", "lib64", "usr/lib", "usr/lib64" };
	struct stat st;

	for (size_t i = 0; i < image->layers.n; i++) {
		for (size_t d = 0; d < TR_COUNT(dirs); d++) {
			TR_AUTO_BUF plain = { 0 }, deep = { 0 };

			tr_buf_addf(&plain, "%s/%s/%s", image->layers.v[i], dirs[d], name);
			tr_buf_addf(&deep, "%s/%s/%s-linux-gnu/%s", image->layers.v[i], dirs[d],
				machine, name);
			if ((lstat(tr_buf_str(&plain), &st) == 0 && !S_ISCHR(st.st_mode)) ||
				(lstat(tr_buf_str(&deep), &st) == 0 && !S_ISCHR(st.st_mode)))
				return true;
		}
	}
	return false;
}

static int check_machine(
	const struct tr_image *image, const char *name, const char *program, struct tr_err *err)
{
	struct utsname us;

	if (uname(&us) < 0)
		return 0;
	for (size_t i = 0; i < TR_COUNT(machines); i++) {
		if (strcmp(us.machine, machines[i].machine) != 0)
			continue;
		if ((*image->os && strcmp(image->os, "linux") != 0) ||
			(*image->arch && strcmp(image->arch, machines[i].arch) != 0))
			return wrong_machine(image, machines[i].arch, name, program, err);
		/* One with neither loader holds programs that need none: whether they ask for the
		 * slice is their business. */
		if (!has_file(image, us.machine, machines[i].musl) ||
			has_file(image, us.machine, machines[i].glibc))
			return 0;
		tr_fail(err, TR_E_UNSUPPORTED,
			"image '%s' is built on musl (Alpine): no program in it can load the "
			"driver's library that its slice brings, which needs glibc",
			name);
		return tr_hint(err, "an image built on Debian, Ubuntu or Red Hat in its place");
	}
	return 0;
}

/* --- All of it --- */

static int check_command(
	const struct tr_image *image, const struct tr_server_spec *spec, struct tr_err *err)
{
	const char *first = spec->argv.n ? spec->argv.v[0] : "";

	if (image->n_entry)
		return 0;
	if (!spec->argv.n && !image->n_cmd) {
		tr_fail(err, TR_E_INVALID,
			"image '%s' names no program to start, and no command is given for it",
			spec->image);
		return tr_hint(err, "put the program first: %s",
			spec->is_job ? "tranche run ... -- PROGRAM ..." : "args: [PROGRAM, ...]");
	}
	if (first[0] != '-')
		return 0;
	tr_fail(err, TR_E_INVALID,
		"image '%s' has no entry point: '%s', the first word of its command, would be "
		"taken for the program",
		spec->image, first);
	return tr_hint(err, "%s",
		spec->is_job ? "put the program first: tranche run ... -- PROGRAM"
			     : "an image whose entry point is the server; or "
			       "engine: command, with the program first in args");
}

int tr_image_check(const struct tr_image *image, const struct tr_server_spec *spec,
	const char *program, struct tr_err *err)
{
	struct tr_err why = { 0 };

	if (check_machine(image, spec->image, program, err) < 0 ||
		check_command(image, spec, err) < 0)
		return -(int)err->code;
	if (!spec->driver || tr_needs_check(image->env.v, image->env.n, spec->driver, &why) == 0)
		return 0;
	tr_fail(err, why.code, "image '%s': %s", spec->image, why.msg);
	return tr_hint(err, "%s", why.hint);
}
