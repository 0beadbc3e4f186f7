/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help, made from the descriptors.
 */
#pragma once

#include "base/buf.h"
#include "cli/cmd.h"

/* What `tranche` alone prints: commands by group, and examples. */
void tr_help_all(const struct tr_cmd *const *cmds, FILE *out);
/* The commands whose path begins with `word` ("virtual"). */
void tr_help_family(const struct tr_cmd *const *cmds, const char *word, FILE *out);
void tr_help_cmd(const struct tr_cmd *cmd, FILE *out);
/* "tranche create [OPTION]... PROFILE[:START]..." */
void tr_help_usage(const struct tr_cmd *cmd, struct tr_buf *ret);
/* Every shown command and option, one a line, for checks and completion:
 * "command TAB path", "option TAB path TAB --name TAB -n TAB VALUE". */
void tr_help_list(const struct tr_cmd *const *cmds, FILE *out);

/* The command that the first words name, NULL when none; ret_used is how many words that took. */
const struct tr_cmd *tr_cmd_find(
	const struct tr_cmd *const *cmds, const char *const *words, size_t n, size_t *ret_used);
/* True when there are commands "word ...". */
bool tr_cmd_is_family(const struct tr_cmd *const *cmds, const char *word);
/* INVALID: there is no such command; the hint holds the nearest. */
int tr_cmd_unknown(
	const struct tr_cmd *const *cmds, const char *const *words, size_t n, struct tr_err *err);
/* Calls `each` for the command's options, its own first, then the shared ones. */
void tr_cmd_each_opt(
	const struct tr_cmd *cmd, void (*each)(void *arg, const struct tr_opt *opt), void *arg);
