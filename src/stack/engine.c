/* SPDX-License-Identifier: Apache-2.0 */
#include "stack/engine.h"

#include "base/err.h"
#include "stack/stack_priv.h"

#include <stdint.h>
#include <string.h>

#define ARGS(...)                 \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}
#define DEFAULTS(...)                      \
	(const struct tr_engine_default[]) \
	{                                  \
		__VA_ARGS__,               \
		{                          \
			NULL, NULL, 0      \
		}                          \
	}
#define REFUSE(...)                        \
	(const struct tr_engine_refusal[]) \
	{                                  \
		__VA_ARGS__,               \
		{                          \
			NULL, NULL, NULL   \
		}                          \
	}

static const struct tr_engine engines[] = {
#define TR_ENGINE(...) { __VA_ARGS__ },
#include "data/engines.def"
#undef TR_ENGINE
};

const struct tr_engine *tr_engine_find(const char *name)
{
	for (size_t i = 0; i < TR_COUNT(engines); i++)
		if (strcmp(engines[i].name, name) == 0)
			return &engines[i];
	return NULL;
}

void tr_engine_names(struct tr_buf *ret)
{
	for (size_t i = 0; i < TR_COUNT(engines); i++)
		tr_buf_addf(ret, "%s%s", i ? ", " : "", engines[i].name);
}

/* --- Templates --- */

enum { IS_TEXT, IS_FIRST, IS_U16, IS_U32 };

static const struct {
	const char *name;
	int kind;
	size_t offset;
} variables[] = {
	{ "HOST", IS_TEXT, offsetof(struct tr_engine_vars, host) },
	{ "PORT", IS_U16, offsetof(struct tr_engine_vars, port) },
	{ "MODEL", IS_TEXT, offsetof(struct tr_engine_vars, model) },
	{ "NAMES", IS_TEXT, offsetof(struct tr_engine_vars, names) },
	{ "NAME", IS_FIRST, offsetof(struct tr_engine_vars, names) },
	{ "SLICE_UUID", IS_TEXT, offsetof(struct tr_engine_vars, slice_uuid) },
	{ "SLICE_MEMORY_MIB", IS_U32, offsetof(struct tr_engine_vars, slice_memory_mib) },
};

static int unknown_variable(const char *name, size_t len, struct tr_err *err)
{
	TR_AUTO_BUF typed = { 0 };
	TR_AUTO_BUF list = { 0 };

	tr_buf_add(&typed, name, len);
	for (size_t i = 0; i < TR_COUNT(variables); i++)
		tr_buf_addf(&list, "${%s}, ", variables[i].name);
	return tr_fail(err, TR_E_INVALID, "unknown '${%s}'; allowed: %sand $$ for a dollar",
		TR_SHOWN(tr_buf_str(&typed)), tr_buf_str(&list));
}

static int put_variable(
	size_t idx, const struct tr_engine_vars *vars, struct tr_buf *ret, struct tr_err *err)
{
	const void *field = (const char *)vars + variables[idx].offset;
	const char *text;

	if (variables[idx].kind == IS_U16)
		tr_buf_addf(ret, "%u", *(const uint16_t *)field);
	if (variables[idx].kind == IS_U32)
		tr_buf_addf(ret, "%u", *(const uint32_t *)field);
	if (variables[idx].kind == IS_U16 || variables[idx].kind == IS_U32)
		return 0;
	text = *(const char *const *)field;
	if (!text)
		return tr_fail(err, TR_E_INVALID, "'${%s}' has no value here", variables[idx].name);
	tr_buf_add(ret, text, variables[idx].kind == IS_FIRST ? strcspn(text, ",") : strlen(text));
	return 0;
}

/* The name of "${NAME}" that starts at s; ret_end is behind the '}'. */
static int find_variable(const char *s, size_t *ret_idx, const char **ret_end, struct tr_err *err)
{
	const char *name = s + 2, *end = strchr(name, '}');
	size_t len;

	if (!end)
		return tr_fail(err, TR_E_INVALID,
			"'${' that is not closed; allowed: ${NAME}, and $$ for a dollar");
	len = (size_t)(end - name);
	for (size_t i = 0; i < TR_COUNT(variables); i++) {
		if (strlen(variables[i].name) != len || memcmp(variables[i].name, name, len) != 0)
			continue;
		*ret_idx = i;
		*ret_end = end + 1;
		return 0;
	}
	return unknown_variable(name, len, err);
}

/* vars NULL: only checks. A '$' before anything but '{' and '$' is itself. */
static int expand(
	const char *text, const struct tr_engine_vars *vars, struct tr_buf *ret, struct tr_err *err)
{
	const char *end = NULL;
	size_t idx = 0;

	while (*text) {
		int r = 0;

		if (text[0] == '$' && text[1] == '{') {
			r = find_variable(text, &idx, &end, err);
			if (r == 0 && vars)
				r = put_variable(idx, vars, ret, err);
			if (r < 0)
				return r;
			text = end;
			continue;
		}
		tr_buf_add(ret, text, 1);
		text += text[0] == '$' && text[1] == '$' ? 2 : 1;
	}
	return tr_buf_ok(ret, err);
}

int tr_engine_check_arg(const char *arg, struct tr_err *err)
{
	TR_AUTO_BUF unused = { 0 };

	return expand(arg, /* vars= */ NULL, &unused, err);
}

/* --- Command lines --- */

static void add_each_name(const char *names, struct tr_strv *ret)
{
	while (*names) {
		size_t len = strcspn(names, ",");

		tr_strv_addf(ret, "%.*s", (int)len, names);
		names += len + (names[len] == ',');
	}
}

static int add_arg(const struct tr_engine *engine, const char *arg,
	const struct tr_engine_vars *vars, struct tr_strv *ret, struct tr_err *err)
{
	TR_AUTO_BUF text = { 0 };
	int r;

	if (engine->names_apart && vars->names && strcmp(arg, "${NAMES}") == 0) {
		add_each_name(vars->names, ret);
		return 0;
	}
	r = expand(arg, vars, &text, err);
	if (r == 0)
		tr_strv_add(ret, tr_buf_str(&text));
	return r;
}

static int add_args(const struct tr_engine *engine, const char *const *args,
	const struct tr_engine_vars *vars, struct tr_strv *ret, struct tr_err *err)
{
	int r = 0;

	for (; r == 0 && args && *args; args++)
		r = add_arg(engine, *args, vars, ret, err);
	return r;
}

/* "--flag", or "--flag=value". */
static bool is_flag(const char *arg, const char *flag)
{
	size_t len = strlen(flag);

	return strncmp(arg, flag, len) == 0 && (arg[len] == '\0' || arg[len] == '=');
}

static void add_defaults(
	const struct tr_model *model, const struct tr_engine_vars *vars, struct tr_strv *ret)
{
	for (const struct tr_engine_default *row = model->engine->defaults; row && row->flag;
		row++) {
		const struct tr_engine_default *next = row + 1;
		bool is_given = false;

		if (vars->slice_memory_mib < row->from_mib)
			continue;
		if (next->flag && strcmp(next->flag, row->flag) == 0 &&
			vars->slice_memory_mib >= next->from_mib)
			continue;
		for (size_t i = 0; i < model->args.n; i++)
			is_given = is_given || is_flag(model->args.v[i], row->flag);
		if (!is_given)
			tr_strv_adds(ret, row->flag, row->value, NULL);
	}
}

int tr_engine_command(const struct tr_model *model, const struct tr_engine_vars *vars,
	struct tr_strv *ret, struct tr_err *err)
{
	const struct tr_engine *engine = model->engine;
	const char *const *first = vars->in_container ? engine->args_image : engine->args_program;
	int r;

	if (!vars->in_container && engine->program)
		tr_strv_add(ret, engine->program);
	r = add_args(engine, first, vars, ret, err);
	if (r == 0)
		r = add_args(engine, engine->args, vars, ret, err);
	if (r == 0 && vars->model)
		r = add_args(engine, vars->is_file ? engine->args_file : engine->args_hub, vars,
			ret, err);
	if (r == 0)
		add_defaults(model, vars, ret);
	for (size_t i = 0; r == 0 && i < model->args.n; i++)
		r = add_arg(engine, model->args.v[i], vars, ret, err);
	if (r < 0)
		return tr_wrap(err, "model '%s'", model->name);
	if (!vars->in_container && !engine->program && ret->n == 0)
		return tr_fail(err, TR_E_INVALID,
			"model '%s': no program to start; 'args' starts with one, or 'image' names "
			"a "
			"container's",
			model->name);
	return tr_strv_ok(ret, err);
}

/* --- Names --- */

bool tr_model_is_path(const char *model)
{
	size_t len = strlen(model);

	return model[0] == '/' || strncmp(model, "./", 2) == 0 || strncmp(model, "../", 3) == 0 ||
	       (len > 5 && strcmp(model + len - 5, ".gguf") == 0);
}

void tr_model_names(const struct tr_model *model, struct tr_buf *ret)
{
	const char *second = model->model ? model->model : "";
	const char *slash = strrchr(second, '/');

	if (slash && tr_model_is_path(second))
		second = slash + 1;
	tr_buf_puts(ret, model->name);
	if (*second && !strpbrk(second, ", \t\n") && strcmp(second, model->name) != 0)
		tr_buf_addf(ret, ",%s", second);
}
