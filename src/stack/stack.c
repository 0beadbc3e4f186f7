/* SPDX-License-Identifier: Apache-2.0 */
#include "stack/stack.h"

#include "base/err.h"
#include "base/fs.h"
#include "stack/stack_priv.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum { MAX_NAME = 31 };

static void model_done(struct tr_model *model)
{
	free(model->name);
	free(model->model);
	free(model->image);
	free(model->slice.profile);
	free(model->env_file);
	free(model->cache);
	tr_strv_done(&model->args);
	tr_strv_done(&model->env);
	tr_strv_done(&model->volumes);
}

void tr_stack_free(struct tr_stack *stack)
{
	if (!stack)
		return;
	for (size_t i = 0; i < stack->n_models; i++)
		model_done(&stack->models[i]);
	free(stack->models);
	free(stack->file);
	free(stack->name);
	free(stack->gateway_listen);
	free(stack->price_currency);
	free(stack->text);
	free(stack);
}

/* --- Where relative paths start, and the name that a folder gives --- */

/* The file's folder with no links in it, or as it is written where there is no such folder. */
static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	TR_AUTO_FREE char *dir = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup("./");
	TR_AUTO_FREE char *here = NULL;
	char *real;

	if (!dir)
		return NULL;
	real = realpath(dir, NULL);
	if (real)
		return real;
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	here = realpath(".", NULL);
	return tr_stack__absolute(here ? here : "/", dir);
}

/* "/srv/My Models" gives "my-models"; a folder with nothing fit in its name gives "stack". */
static char *name_of_folder(const char *dir)
{
	const char *slash = strrchr(dir, '/');
	char name[MAX_NAME + 1];
	size_t len = 0;

	for (const char *c = slash ? slash + 1 : dir; *c && len < MAX_NAME; c++) {
		bool fits = strchr(TR_ALNUM, *c);

		if (fits)
			name[len++] = (char)tolower((unsigned char)*c);
		else if (len > 0 && name[len - 1] != '-')
			name[len++] = '-';
	}
	while (len > 0 && name[len - 1] == '-')
		len--;
	name[len] = '\0';
	return strdup(len ? name : "stack");
}

static bool ran_out(const struct tr_stack *stack)
{
	for (size_t i = 0; i < stack->n_models; i++)
		if (stack->models[i].args.failed || stack->models[i].env.failed ||
			stack->models[i].volumes.failed)
			return true;
	return !stack->name;
}

int tr_stack_rename(struct tr_stack *stack, const char *name, struct tr_err *err)
{
	char *copy;

	if (!tr_stack__is_word(name, TR_LOWER TR_DIGIT, TR_LOWER TR_DIGIT "-", MAX_NAME))
		return tr_fail(err, TR_E_INVALID,
			"'%s' is no name for a stack: small letters, digits and -, a letter or "
			"digit first, %d at most",
			TR_SHOWN(name), MAX_NAME);
	copy = strdup(name);
	if (!copy)
		return tr_fail(err, TR_E_NO_MEMORY, "name the stack: out of memory");
	free(stack->name);
	stack->name = copy;
	return 0;
}

/* --- Reading --- */

int tr_stack_parse(
	const char *file, const char *text, size_t len, struct tr_stack **ret, struct tr_err *err)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = calloc(1, sizeof(*stack));
	static const struct tr_yaml_words words = { "version: 1", "stack" };
	TR_AUTO(tr_yaml_freep) struct tr_yaml *root = NULL;
	TR_AUTO_FREE char *dir = folder_of(file);
	struct tr_reader r = { .stack = stack, .dir = dir };
	int ret_code = tr_yaml_read(file, &words, text, len, &root, err);

	if (ret_code < 0)
		return ret_code;
	if (stack) {
		stack->file = strdup(file);
		stack->text = strndup(text, len);
	}
	if (!stack || !dir || !stack->file || !stack->text)
		return tr_fail(err, TR_E_NO_MEMORY, "read '%s': out of memory", file);
	ret_code = tr_stack__read(&r, root, err);
	if (ret_code < 0)
		return ret_code;
	if (!stack->name && strcmp(file, "-") == 0)
		return tr_yaml_fail(file, root->at, err,
			"no 'name', which standard input needs; allowed: a name, as 'name: demo'");
	if (!stack->name)
		stack->name = name_of_folder(dir);
	if (ran_out(stack))
		return tr_stack__no_memory(&r, err);
	*ret = TR_TAKE(stack);
	return 0;
}

int tr_stack_load(const char *file, struct tr_stack **ret, struct tr_err *err)
{
	const char *path = strcmp(file, "-") == 0 ? "/dev/stdin" : file;
	TR_AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r = tr_read_file(path, TR_YAML_MAX_BYTES, &text, &len, err);

	if (r == -TR_E_INVALID)
		return tr_yaml_fail(file, (struct tr_where){ 1, 1 }, err,
			"too large a file; allowed: %d bytes", TR_YAML_MAX_BYTES);
	if (r == -TR_E_NOT_FOUND)
		tr_hint(err, "write a tranche.yaml there, or name another file with -f FILE\n"
			     "man tranche.yaml   has some to start from");
	if (r == 0)
		r = tr_stack_parse(file, text, len, ret, err);
	if (r == -TR_E_INVALID && !*err->hint)
		tr_hint(err, "man tranche.yaml   has every key, and examples");
	return r;
}
