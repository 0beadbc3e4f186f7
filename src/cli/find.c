/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a command by its words, and the nearest when there is none. */
#include "base/err.h"
#include "base/near.h"
#include "cli/help.h"

#include <string.h>

/* How many of the words make up this path; 0 when they do not. */
static size_t words_of(const char *path, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(path, words[i], len) != 0)
			return 0;
		if (!path[len])
			return i + 1;
		if (path[len] != ' ')
			return 0;
		path += len + 1;
	}
	return 0;
}

const struct tr_cmd *tr_cmd_find(
	const struct tr_cmd *const *cmds, const char *const *words, size_t n, size_t *ret_used)
{
	for (; *cmds; cmds++) {
		size_t used = words_of((*cmds)->path, words, n);

		if (used) {
			*ret_used = used;
			return *cmds;
		}
	}
	return NULL;
}

bool tr_cmd_is_family(const struct tr_cmd *const *cmds, const char *word)
{
	size_t len = strlen(word);

	for (; *cmds; cmds++)
		if (strncmp((*cmds)->path, word, len) == 0 && (*cmds)->path[len] == ' ')
			return true;
	return false;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list; list = strchr(list, ' ')) {
		list += *list == ' ';
		if (strncmp(list, word, len) == 0 && (list[len] == ' ' || !list[len]))
			return true;
	}
	return false;
}

/* The same word in other tools first ("rm"), then the likeliest slips. `family`: how much of each
 * path was typed right. */
static void offer(const struct tr_cmd *const *cmds, const char *family, struct tr_near *near)
{
	size_t skip = strlen(family);

	for (const struct tr_cmd *const *c = cmds; *c; c++) {
		const char *name = (*c)->path + skip;

		if (strncmp((*c)->path, family, skip) == 0 && !strchr(name, ' ') &&
			near->n < TR_NEAR_MAX && has_word((*c)->also, near->wrong)) {
			near->v[near->n] = name;
			near->len[near->n++] = strlen(name);
		}
	}
	for (const struct tr_cmd *const *c = cmds; *c && !(near->n && !near->distance); c++)
		if (strncmp((*c)->path, family, skip) == 0 && (*c)->group != TR_GROUP_HIDDEN)
			tr_near_offer(near, (*c)->path + skip, strcspn((*c)->path + skip, " "));
}

int tr_cmd_unknown(
	const struct tr_cmd *const *cmds, const char *const *words, size_t n, struct tr_err *err)
{
	bool is_family = n > 1 && tr_cmd_is_family(cmds, words[0]);
	struct tr_near near = { .wrong = words[is_family] };
	TR_AUTO_BUF family = { 0 }, hint = { 0 };

	if (is_family)
		tr_buf_addf(&family, "%s ", words[0]);
	offer(cmds, tr_buf_str(&family), &near);
	for (size_t i = 0; i < near.n; i++)
		tr_buf_addf(&hint, "%stranche %s%.*s", i ? "\n" : "", tr_buf_str(&family),
			(int)near.len[i], near.v[i]);
	if (!near.n)
		tr_buf_addf(
			&hint, "tranche help%s%s", is_family ? " " : "", is_family ? words[0] : "");
	tr_fail(err, TR_E_INVALID, "there is no command '%s%.60s'", tr_buf_str(&family),
		near.wrong);
	return tr_hint(err, "%s", tr_buf_str(&hint));
}
