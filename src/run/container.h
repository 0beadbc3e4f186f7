/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podman and docker have in common: one program with nearly the same words, run by argument
 * vector in the server's folder. A runtime fills in struct tr_container and keeps what differs.
 */
#pragma once

#include "run/run.h"

#include <jansson.h>

struct tr_container {
	const struct tr_runtime *runtime;
	const char *program;

	/* The program, and the switches that this machine needs on every call. */
	void (*begin)(struct tr_strv *ret);

	/* `run` for a spec. `env_file` is a file that holds the entries of spec->env which may not
	 * stand in the program's own environment; NULL: they are named like the others (dry run).
	 */
	void (*run)(const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret);

	/* Appends the line of what the program said that tells why; `said` may be changed. */
	void (*reason)(struct tr_buf *said, struct tr_buf *ret);

	/* Appends what the program says of an image, as JSON. NOT_FOUND when it is not here. */
	int (*inspect_image)(const char *image, struct tr_buf *ret, struct tr_err *err);

	/* Removes a container at once, running or not. One that is not there is fine. */
	int (*rm)(const char *name, struct tr_err *err);
};

/* --- Command lines --- */

/* --label tranche.KEY=VALUE for all that list() is to say. */
void tr_container__add_labels(const struct tr_server_spec *spec, struct tr_strv *ret);
/* -d; for a job -i, and -t where it has a terminal. */
void tr_container__add_mode(const struct tr_server_spec *spec, struct tr_strv *ret);
/* -m, --memory-swap, --cpus, --shm-size */
void tr_container__add_limits(const struct tr_server_spec *spec, struct tr_strv *ret);
/* --env-file, --env: names only. */
void tr_container__add_env(
	const struct tr_server_spec *spec, const char *env_file, struct tr_strv *ret);
/* The image, and the server's arguments behind it. */
void tr_container__add_command(const struct tr_server_spec *spec, struct tr_strv *ret);
/* True for an entry that would change the program itself when handed over by its environment. */
bool tr_container__is_env_for_file(const char *entry);

/* --- Running them --- */

/* Runs a command; a status other than 0 is an error with the program's own words. */
int tr_container__call(const struct tr_container *c, const struct tr_strv *argv,
	struct tr_buf *ret_out, struct tr_err *err);
/* The same, ended with INTERRUPTED when *stop_flag becomes non-zero. */
int tr_container__call_until(const struct tr_container *c, const volatile int *stop_flag,
	const struct tr_strv *argv, struct tr_buf *ret_out, struct tr_err *err);

/* needs_pull(), prepare() and describe() of struct tr_runtime. */
bool tr_container__needs_pull(const struct tr_container *c, const struct tr_server_spec *spec);
int tr_container__prepare(const struct tr_container *c, const struct tr_server_spec *spec,
	const struct tr_prepare *how, struct tr_err *err);
int tr_container__describe(const struct tr_container *c, const struct tr_server_spec *spec,
	struct tr_buf *ret, struct tr_err *err);

/* Runs `run` in the server's folder, which is there already. EXISTS when the name is taken. */
int tr_container__run(
	const struct tr_container *c, const struct tr_server_spec *spec, struct tr_err *err);

/* The job() of struct tr_runtime, for a folder that is claimed; its container stays. */
int tr_container__job(const struct tr_container *c, const struct tr_server_spec *spec,
	const struct tr_job_io *io, struct tr_job_exit *ret, struct tr_err *err);

/* Removes a container for good: also one that a `run` which outlives its starter makes late. */
int tr_container__remove(const struct tr_container *c, const char *name, struct tr_err *err);

/* --- Reading what is there --- */

/* The word that the program uses for a container's state. */
enum tr_server_state tr_container__state(const char *word);
/* A text of a JSON object; "" when it has none of that name. */
const char *tr_container__text(const json_t *json, const char *key);
/* What the labels say. Out of memory leaves a NULL, which tr_run__add_server finds. */
void tr_container__read_labels(const struct tr_container *c, const char *name, const json_t *labels,
	struct tr_server *ret);
/* Adds the servers whose folders are there and whose containers are not in the list: starts that
 * were cut off. `names` are the folders, read before the containers were asked: a container that
 * appears later has its folder already, one that goes later leaves it behind for a moment. */
int tr_container__add_folders(const struct tr_container *c, const struct tr_strv *names,
	struct tr_servers *ret, struct tr_err *err);
