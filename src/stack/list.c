/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of text. An environment variable's value is never part of a message, nor is a name that is
 * none: it may be a secret, put where it does not belong.
 */
#include "base/err.h"
#include "stack/engine.h"
#include "stack/stack_priv.h"

#include <string.h>

/* Set for each server by tranche: they say which slice it may use. */
static const char *const reserved[] = { "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES" };

int tr_stack__each_text(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	tr_stack__read_fn *fn, void *field, struct tr_err *err)
{
	int ret = tr_stack__need_kind(r, key, value, TR_YAML_LIST, err);
	size_t n = 0;

	for (const struct tr_yaml *item = value->first; ret == 0 && item; item = item->next) {
		n++;
		if (item->is_missing)
			return tr_stack__bad(r, key, item, err,
				"item %zu of '%s' has no value (an empty one is \"\")", n,
				key->name);
		if (item->kind != TR_YAML_TEXT)
			return tr_stack__bad(r, key, item, err, "item %zu of '%s' is %s", n,
				key->name, item->kind == TR_YAML_LIST ? "a list" : "a mapping");
		ret = fn(r, key, item, field, err);
	}
	return ret;
}

static int add_arg(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	(void)key;
	if (tr_engine_check_arg(value->text, err) < 0)
		return tr_stack__fail_at(r, value->at, err);
	tr_strv_add(field, value->text);
	return 0;
}

int tr_stack__read_args(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	return tr_stack__each_text(r, key, value, add_arg, field, err);
}

/* --- Environment --- */

static int add_variable(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	const char *name, const char *text, struct tr_strv *env, struct tr_err *err)
{
	size_t len = strlen(name);

	if (!tr_stack__is_word(name, TR_LOWER TR_UPPER "_", TR_ALNUM "_", 255))
		return tr_stack__bad(r, key, value, err, "no name of a variable");
	for (size_t i = 0; i < TR_COUNT(reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return tr_stack__bad(r, key, value, err,
				"variable '%s' is set by tranche, to the model's slice", name);
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			return tr_stack__bad(
				r, key, value, err, "variable '%s' stands here twice", name);
	tr_strv_addf(env, "%s=%s", name, text);
	return 0;
}

static int add_pair(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	TR_AUTO_FREE char *name = NULL;
	const char *equals = strchr(value->text, '=');

	if (!equals)
		return tr_stack__bad(r, key, value, err, "an item of '%s' with no '='", key->name);
	name = strndup(value->text, (size_t)(equals - value->text));
	if (!name)
		return tr_stack__no_memory(r, err);
	return add_variable(r, key, value, name, equals + 1, field, err);
}

int tr_stack__read_env(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	int ret = 0;

	if (value->kind == TR_YAML_LIST)
		return tr_stack__each_text(r, key, value, add_pair, field, err);
	ret = tr_stack__need_kind(r, key, value, TR_YAML_MAPPING, err);
	for (const struct tr_yaml *item = value->first; ret == 0 && item; item = item->next) {
		struct tr_yaml named = { .at = item->key_at };

		if (item->is_missing)
			return tr_stack__bad(r, key, item, err,
				"a variable has no value (an empty one is \"\")");
		if (item->kind != TR_YAML_TEXT)
			return tr_stack__bad(r, key, item, err, "a variable is %s",
				item->kind == TR_YAML_LIST ? "a list" : "a mapping");
		ret = add_variable(r, key, &named, item->key, item->text, field, err);
	}
	return ret;
}
