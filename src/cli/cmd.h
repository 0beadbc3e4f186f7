/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command is.
 *
 * A command is one file: its options, its run function and, last, its descriptor. Help, usage
 * errors, completion and the check that each command has its man page all come from the array of
 * descriptors in main.c.
 */
#pragma once

#include "cli/opt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tr_err;

/* The headings of `tranche help`, in this order. */
enum tr_cmd_group {
	TR_GROUP_MODELS,
	TR_GROUP_LOOK,
	TR_GROUP_SLICES,
	TR_GROUP_LAYOUTS,
	TR_GROUP_VIRTUAL,
	TR_GROUP_OTHER,
	TR_GROUP_HIDDEN, /* works, is not shown, needs no man page */
};

/* Options that several commands share; a command names those it takes. */
enum {
	TR_USES_NODE = 1u << 0,	   /* --node */
	TR_USES_JSON = 1u << 1,	   /* --json */
	TR_USES_DRY_RUN = 1u << 2, /* --dry-run */
	TR_USES_GPU = 1u << 3,	   /* -i, --gpu */
	TR_USES_RUNTIME = 1u << 4, /* --runtime */
	TR_USES_TIMEOUT = 1u << 5, /* --timeout */
	TR_USES_GRACE = 1u << 6,   /* --grace */
	TR_USES_HELP = 1u << 7,	   /* --help: every command */
	TR_USES_VERSION = 1u << 8, /* --version: before the command only */
};

struct tr_common {
	const char *node; /* NULL: the library chooses */
	bool json, dry_run, help, version;
	int gpu; /* -1: not given */
	const char *runtime;
	int64_t timeout_ms, grace_ms; /* -1: not given */
};

struct tr_call {
	const struct tr_cmd *cmd;
	const struct tr_cmd *const *cmds; /* all of them, NULL at the end */
	const struct tr_common *common;
	const void *opts; /* the command's own struct */
	const char *const *args;
	size_t n_args;
};

struct tr_cmd {
	const char *path; /* "virtual create" */
	const char *args; /* "PROFILE[:START]..."; "" for none */
	const char *help; /* one line */
	enum tr_cmd_group group;
	uint32_t uses;		   /* TR_USES_* */
	const struct tr_opt *opts; /* its own; NULL: none */
	size_t opts_size;	   /* of the struct that they are parsed into */
	const void *defaults;	   /* what it holds before; NULL: zeroes */
	size_t min_args, max_args; /* max SIZE_MAX: any number */
	size_t stop_at;	  /* behind that many arguments nothing is an option; 0: all may be */
	const char *also; /* what other tools call it: "rm delete"; NULL: nothing */
	const char *const *example; /* lines for its help, NULL at the end; NULL: none */
	void (*more)(FILE *out);    /* the rest of its help; NULL: none */
	/* 0; -code, which is reported; or an exit status of its own. */
	int (*run)(const struct tr_call *call, struct tr_err *err);
	/* For a command with a command line of its own, in place of all that: gets the words behind
	 * its name as they are (NULL at the end), prints for itself and returns the exit status. */
	int (*run_words)(const struct tr_common *common, const char *const *words);
};

/* The shared options, as a table for tr_opts_parse: values are a struct tr_common. */
extern const struct tr_opt tr_common_opts[];

/* Runs the command that the words name, and reports; returns the exit status. */
int tr_cli_main(const struct tr_cmd *const *cmds, char **argv);

extern const struct tr_cmd tr_cmd_apply;
extern const struct tr_cmd tr_cmd_assert;
extern const struct tr_cmd tr_cmd_cdi_generate;
extern const struct tr_cmd tr_cmd_cdi_list;
extern const struct tr_cmd tr_cmd_checkpoint;
extern const struct tr_cmd tr_cmd_complete;
extern const struct tr_cmd tr_cmd_completion;
extern const struct tr_cmd tr_cmd_cost;
extern const struct tr_cmd tr_cmd_create;
extern const struct tr_cmd tr_cmd_destroy;
extern const struct tr_cmd tr_cmd_doctor;
extern const struct tr_cmd tr_cmd_down;
extern const struct tr_cmd tr_cmd_export;
extern const struct tr_cmd tr_cmd_gpus;
extern const struct tr_cmd tr_cmd_help;
extern const struct tr_cmd tr_cmd_logs;
extern const struct tr_cmd tr_cmd_mig;
extern const struct tr_cmd tr_cmd_plan;
extern const struct tr_cmd tr_cmd_profiles;
extern const struct tr_cmd tr_cmd_ps;
extern const struct tr_cmd tr_cmd_restart;
extern const struct tr_cmd tr_cmd_restore;
extern const struct tr_cmd tr_cmd_run;
extern const struct tr_cmd tr_cmd_slices;
extern const struct tr_cmd tr_cmd_smi;
extern const struct tr_cmd tr_cmd_status;
extern const struct tr_cmd tr_cmd_up;
extern const struct tr_cmd tr_cmd_version;
extern const struct tr_cmd tr_cmd_virtual_create;
extern const struct tr_cmd tr_cmd_virtual_destroy;
extern const struct tr_cmd tr_cmd_virtual_env;
extern const struct tr_cmd tr_cmd_virtual_fault;
extern const struct tr_cmd tr_cmd_virtual_install_hook;
extern const struct tr_cmd tr_cmd_virtual_list;
extern const struct tr_cmd tr_cmd_virtual_reboot;
extern const struct tr_cmd tr_cmd_virtual_reload;
extern const struct tr_cmd tr_cmd_virtual_reset;
extern const struct tr_cmd tr_cmd_virtual_run;
extern const struct tr_cmd tr_cmd_virtual_trace;
