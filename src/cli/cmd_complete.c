/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shells ask: the words behind `tranche`, the last being typed. Answers from the array of
 * commands, and for names from the node; whatever fails on the way offers nothing, and says so to
 * nobody.
 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/show.h"

#include <stdlib.h>
#include <string.h>

struct asked {
	const struct tr_cmd *const *cmds;
	const char *const *words;
	size_t n;	 /* of words before the one that is typed */
	const char *cur; /* which is this */
	const char *node;
	const struct tr_cmd *cmd; /* NULL: its name is not whole yet */
	const char *path[2];	  /* the words of its name so far */
	size_t n_path, n_args;	  /* words of its name, and its arguments, so far */
	const struct tr_opt *opt; /* whose value is typed; NULL: none */
	bool only_args;		  /* behind "--", or what a job's own command line is */
};

static void offer(const struct asked *a, const char *word, const char *what)
{
	if (strncmp(word, a->cur, strlen(a->cur)) == 0)
		printf("%s\t%s\n", word, what ? what : "");
}

static void offer_list(const struct asked *a, const char *words)
{
	char one[64];
	size_t len;

	for (; *words; words += len) {
		words += strspn(words, " |");
		len = strcspn(words, " |");
		if (len == 0 || len >= sizeof(one))
			continue;
		memcpy(one, words, len);
		one[len] = '\0';
		offer(a, one, NULL);
	}
}

/* --- Names from the node --- */

static void offer_profiles(const struct asked *a, struct tr_node *node)
{
	TR_AUTO(tr_profiles_freep) struct tr_profiles *profiles = NULL;
	struct tr_err ignored;

	if (tr_profiles_get(node, -1, &profiles, &ignored) < 0)
		return;
	for (size_t i = 0; i < profiles->n; i++) {
		const struct tr_profile *p = &profiles->v[i];
		bool is_new = true;
		char what[96];

		for (size_t j = 0; j < i && is_new; j++)
			is_new = strcmp(profiles->v[j].name, p->name) != 0;
		snprintf(what, sizeof(what), "id %u, %llu MiB, %u SMs", p->id,
			(unsigned long long)p->memory_mib, p->sm);
		if (is_new)
			offer(a, p->name, what);
	}
}

static void offer_slices(const struct asked *a, struct tr_node *node)
{
	TR_AUTO(tr_slices_freep) struct tr_slices *slices = NULL;
	struct tr_err ignored;

	if (tr_slices_get(node, &slices, &ignored) < 0)
		return;
	for (size_t i = 0; i < slices->n; i++) {
		const struct tr_slice *s = &slices->v[i];
		TR_AUTO_BUF what = { 0 };

		tr_buf_addf(&what, "%s at %u:%u", s->profile, s->gpu_idx, s->start);
		if (s->model[0])
			tr_buf_addf(&what, ", %s/%s-%u", s->stack, s->model, s->replica);
		if (s->uuid[0] && !s->is_whole)
			offer(a, s->uuid, tr_buf_str(&what));
	}
}

static void offer_stacks(const struct asked *a, struct tr_node *node)
{
	TR_AUTO_FREE char *names = NULL;
	struct tr_err ignored;
	char *save = NULL;

	if (tr_stack_names(node, &names, &ignored) < 0)
		return;
	for (char *name = strtok_r(names, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		offer(a, name, "a stack");
}

static void offer_models(const struct asked *a, struct tr_node *node)
{
	TR_AUTO(tr_replicas_freep) struct tr_replicas *replicas = NULL;
	struct tr_err ignored;

	if (tr_replicas_get(node, NULL, &replicas, &ignored) < 0)
		return;
	for (size_t i = 0; i < replicas->n; i++) {
		const struct tr_replica *r = &replicas->v[i];
		TR_AUTO_BUF name = { 0 };

		tr_show_model_name(&name, r->stack, r->model, r->replica);
		offer(a, tr_buf_str(&name), tr_model_state_text(r->state));
	}
}

static void offer_gpus(const struct asked *a, struct tr_node *node)
{
	TR_AUTO(tr_gpus_freep) struct tr_gpus *gpus = NULL;
	struct tr_err ignored;

	if (tr_gpus_get(node, &gpus, &ignored) < 0)
		return;
	for (size_t i = 0; i < gpus->n; i++) {
		char idx[16];

		snprintf(idx, sizeof(idx), "%u", gpus->v[i].idx);
		offer(a, idx, gpus->v[i].name);
	}
}

static void offer_of_node(
	const struct asked *a, void (*offer_names)(const struct asked *a, struct tr_node *node))
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	struct tr_err ignored;

	if (tr_node_open(a->node, &node, &ignored) == 0)
		offer_names(a, node);
}

/* --- Names that need no node --- */

static void offer_nodes(const struct asked *a, bool with_hardware)
{
	TR_AUTO(tr_virtuals_freep) struct tr_virtuals *virtuals = NULL;
	struct tr_err ignored;

	if (with_hardware)
		offer(a, "hardware", "this machine's cards");
	if (tr_virtuals_get(&virtuals, &ignored) < 0)
		return;
	for (size_t i = 0; i < virtuals->n; i++)
		offer(a, virtuals->v[i].name, virtuals->v[i].gpus);
}

static void offer_products(const struct asked *a)
{
	size_t n;
	const struct tr_product *products = tr_virtual_products(&n);

	for (size_t i = 0; i < n; i++)
		offer(a, products[i].key, products[i].name);
}

static void offer_files(const struct asked *a)
{
	(void)a;
	puts(":files");
}

/* --- What a word may be --- */

/* By what the descriptors call it. */
static void offer_kind(const struct asked *a, const char *kind)
{
	static const struct {
		const char *kind;
		void (*from_node)(const struct asked *a, struct tr_node *node);
	} names[] = {
		{ "PROFILE", offer_profiles },
		{ "SLICE", offer_slices },
		{ "STACK", offer_stacks },
		{ "MODEL", offer_models },
		{ "N", offer_gpus },
	};
	static const struct {
		const char *kind, *words;
	} lists[] = {
		{ "SHELL", "bash zsh fish" },
		{ "RULE", "larger compute memory" },
		{ "CUR", "EUR USD GBP CHF" },
	};

	for (size_t i = 0; i < TR_COUNT(names); i++)
		if (strcmp(kind, names[i].kind) == 0)
			offer_of_node(a, names[i].from_node);
	for (size_t i = 0; i < TR_COUNT(lists); i++)
		if (strcmp(kind, lists[i].kind) == 0)
			offer_list(a, lists[i].words);
	if (strcmp(kind, "FILE") == 0 || strcmp(kind, "DIR") == 0 || strcmp(kind, "FOLDER") == 0)
		offer_files(a);
	else if (strcmp(kind, "NODE") == 0 || strcmp(kind, "NAME") == 0)
		offer_nodes(a, /* with_hardware= */ false);
	else if (strcmp(kind, "PRODUCT") == 0)
		offer_products(a);
	else if (strchr(kind, '|'))
		offer_list(a, kind);
}

static void offer_value(const struct asked *a)
{
	const struct tr_opt *opt = a->opt;

	if (strcmp(opt->name, "node") == 0)
		offer_nodes(a, /* with_hardware= */ true);
	else if (strcmp(opt->name, "runtime") == 0)
		offer_list(a, "podman docker process");
	else if (strcmp(opt->name, "per") == 0)
		offer_list(a, "hour month year");
	/* What a new thing is called is nobody's to know, and other numbers are no cards. */
	else if (opt->value && strcmp(opt->value, "NAME") != 0 && strcmp(opt->name, "name") != 0 &&
		 (strcmp(opt->value, "N") != 0 || strcmp(opt->name, "gpu") == 0))
		offer_kind(a, opt->value);
}

static void offer_opt(void *arg, const struct tr_opt *opt)
{
	char word[64];

	snprintf(word, sizeof(word), "--%s", opt->name);
	offer(arg, word, opt->help);
}

static void offer_global_opts(struct asked *a)
{
	for (const struct tr_opt *opt = tr_common_opts; opt->name; opt++)
		if (opt->group & (TR_USES_NODE | TR_USES_HELP | TR_USES_VERSION))
			offer_opt(a, opt);
}

/* The next words of names that begin with those that are there. */
static void offer_commands(const struct asked *a)
{
	const char *before = "";

	for (const struct tr_cmd *const *cmd = a->cmds; *cmd; cmd++) {
		const char *next = (*cmd)->path;
		char word[64];
		size_t len = a->n_path ? strlen(a->path[0]) : 0;

		if ((*cmd)->group == TR_GROUP_HIDDEN ||
			(len && (strncmp(next, a->path[0], len) != 0 || next[len] != ' ')))
			continue;
		next += len ? len + 1 : 0;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(next, " "), next);
		if (strcmp(word, before) != 0)
			offer(a, word, next[strlen(word)] ? "commands of its own" : (*cmd)->help);
		before = next;
	}
}

/* "PROFILE[:START] [--] COMMAND...": the name of the i-th argument; the last one, when it may be
 * repeated, stands for all behind it. */
static void arg_kind(const char *args, size_t i, char *ret, size_t size)
{
	char one[64] = "";

	*ret = '\0';
	for (size_t at = 0; *args; args += strcspn(args, " ")) {
		size_t len;

		args += strspn(args, " ");
		len = strcspn(args, " ");
		if (len == 0 || strncmp(args, "[--]", len) == 0)
			continue;
		snprintf(one, sizeof(one), "%.*s", (int)len, args);
		if (at++ == i)
			break;
		if (!strstr(one, "..."))
			one[0] = '\0';
	}
	for (const char *p = one; *p && *p != ':' && *p != '.' && size > 1; p++)
		if (*p != '[' && *p != ']') {
			*ret++ = *p;
			size--;
		}
	*ret = '\0';
}

static void offer_args(struct asked *a)
{
	char kind[64];

	arg_kind(a->cmd->args, a->n_args, kind, sizeof(kind));
	if (strcmp(a->cmd->path, "run") == 0 && a->n_args > 0)
		offer_files(a);
	else if (strcmp(kind, "COMMAND") == 0)
		offer_commands(a);
	else
		offer_kind(a, kind);
}

/* --- The words so far --- */

struct search {
	const char *word;
	const struct tr_opt *found;
};

static void match_opt(void *arg, const struct tr_opt *opt)
{
	struct search *s = arg;

	if (s->word[1] == '-' ? strcmp(s->word + 2, opt->name) == 0
			      : opt->short_name == s->word[1] && !s->word[2])
		s->found = opt;
}

static const struct tr_opt *find_opt(const struct asked *a, const char *word)
{
	struct search s = { word, NULL };

	if (a->cmd)
		tr_cmd_each_opt(a->cmd, match_opt, &s);
	else
		for (const struct tr_opt *opt = tr_common_opts; opt->name; opt++)
			match_opt(&s, opt);
	return s.found && s.found->kind != TR_OPT_FLAG ? s.found : NULL;
}

static void take_word(struct asked *a, const char *word)
{
	size_t used;

	if (a->opt) {
		if (strcmp(a->opt->name, "node") == 0)
			a->node = word;
		a->opt = NULL;
	} else if (!a->only_args && strcmp(word, "--") == 0) {
		a->only_args = true;
	} else if (!a->only_args && word[0] == '-' && word[1]) {
		a->opt = strchr(word, '=') ? NULL : find_opt(a, word);
		if (strncmp(word, "--node=", 7) == 0)
			a->node = word + 7;
	} else if (a->cmd) {
		a->n_args++;
		a->only_args |= a->n_args == a->cmd->stop_at;
	} else if (a->n_path < TR_COUNT(a->path)) {
		a->path[a->n_path++] = word;
		a->cmd = tr_cmd_find(a->cmds, a->path, a->n_path, &used);
	}
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	struct asked a = { .cmds = call->cmds, .words = call->args };

	(void)err;
	if (call->n_args == 0)
		return 0;
	a.n = call->n_args - 1;
	a.cur = a.words[a.n];
	for (size_t i = 0; i < a.n; i++)
		take_word(&a, a.words[i]);
	if (a.opt)
		offer_value(&a);
	else if (!a.only_args && a.cur[0] == '-' && a.cmd)
		tr_cmd_each_opt(a.cmd, offer_opt, &a);
	else if (!a.only_args && a.cur[0] == '-')
		offer_global_opts(&a);
	else if (a.cmd)
		offer_args(&a);
	else if (a.n_path < TR_COUNT(a.path))
		offer_commands(&a);
	return 0;
}

const struct tr_cmd tr_cmd_complete = {
	.path = "complete",
	.args = "[WORD...]",
	.help = "Print what the word that is typed may become, for the shells",
	.group = TR_GROUP_HIDDEN,
	.max_args = SIZE_MAX,
	.run = run,
};
