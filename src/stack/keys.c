/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of the stack file: every key, its type, where it goes and what it may be. The man page
 * tranche.yaml(5) says the same to people.
 */
#include "base/err.h"
#include "stack/engine.h"
#include "stack/stack_priv.h"

#include <stdio.h>
#include <string.h>

#define INTO(type, field)  .into = offsetof(type, field), .size = sizeof(((type *)NULL)->field)
#define NO_PLACE	   .at = TR_NO_PLACE
#define PLACE(type, field) .at = offsetof(type, field)

static const struct tr_key slice_keys[] = {
	{ "memory", tr_stack__read_size,
		"a number and a unit, K, M, G, T (powers of 1000) or Ki, Mi, Gi (of 1024), as 18G",
		.is_required = true, INTO(struct tr_slice_want, memory_bytes), NO_PLACE },
	{ 0 },
};

static const struct tr_key model_keys[] = {
	{ "model", tr_stack__read_text,
		"a hub id (Qwen/Qwen3-4B), a path (/..., ./..., ../...), or a .gguf file",
		INTO(struct tr_model, model), PLACE(struct tr_model, at_model) },
	{ "engine", tr_stack__read_engine, "an engine's name", .is_required = true,
		INTO(struct tr_model, engine), NO_PLACE },
	{ "image", tr_stack__read_image, "a container image, as ghcr.io/org/name:tag",
		INTO(struct tr_model, image), PLACE(struct tr_model, at_image) },
	{ "slice", tr_stack__read_slice,
		"a profile (2g.20gb) or its id (14), {memory: 18G}, auto, or whole",
		.is_required = true, INTO(struct tr_model, slice), PLACE(struct tr_model, at_slice),
		.keys = slice_keys },
	{ "replicas", tr_stack__read_number, "a whole number from 1 to 64",
		INTO(struct tr_model, replicas), NO_PLACE, .min = 1, .max = 64 },
	{ "port", tr_stack__read_number, "a whole number from 1 to 65535",
		INTO(struct tr_model, port), PLACE(struct tr_model, at_port), .min = 1,
		.max = 65535 },
	{ "gpu", tr_stack__read_number, "a GPU's index, from 0 to 255", INTO(struct tr_model, gpu),
		PLACE(struct tr_model, at_gpu), .min = 0, .max = 255 },
	{ "env_file", tr_stack__read_path, "a path", INTO(struct tr_model, env_file),
		PLACE(struct tr_model, at_env_file) },
	{ "cache", tr_stack__read_path, "a folder's path", INTO(struct tr_model, cache), NO_PLACE },
	{ "args", tr_stack__read_args, "a list of texts, as [-c, \"4096\"]",
		INTO(struct tr_model, args), NO_PLACE },
	{ "env", tr_stack__read_env,
		"a mapping {NAME: value} or a list [NAME=value], names of letters, digits and _, "
		"each "
		"once",
		INTO(struct tr_model, env), NO_PLACE },
	{ "volumes", tr_stack__read_volumes,
		"a list of HOST:TARGET, with :ro or :rw behind it or not, as ./data:/data:ro",
		INTO(struct tr_model, volumes), NO_PLACE },
	{ 0 },
};

static const struct tr_key gateway_keys[] = {
	{ "listen", tr_stack__read_listen,
		"HOST:PORT or PORT (on 127.0.0.1), as 127.0.0.1:8080 or \"[::1]:8080\" in quotes",
		.is_required = true, INTO(struct tr_stack, gateway_listen), NO_PLACE },
	{ 0 },
};

static tr_stack__read_fn read_version, read_models, read_price, read_gpu_price;

#define A_PRICE "a number, as 1380 or 1380.50"
static const struct tr_key price_keys[] = {
	{ "per_gpu_month", read_gpu_price, A_PRICE, INTO(struct tr_stack, price_per_gpu),
		NO_PLACE },
	{ "per_gpu_hour", read_gpu_price, A_PRICE, INTO(struct tr_stack, price_per_gpu), NO_PLACE },
	{ "per_gpu_year", read_gpu_price, A_PRICE, INTO(struct tr_stack, price_per_gpu), NO_PLACE },
	{ "currency", tr_stack__read_currency, "three capital letters, as EUR", .is_required = true,
		INTO(struct tr_stack, price_currency), NO_PLACE },
	{ 0 },
};

static const struct tr_key stack_keys[] = {
	{ "version", read_version, "1", .is_required = true, NO_PLACE, .min = 1, .max = 1 },
	{ "name", tr_stack__read_name,
		"small letters, digits and -, a letter or digit first, 31 at most",
		INTO(struct tr_stack, name), NO_PLACE },
	{ "gateway", tr_stack__read_mapping, "a mapping, as {listen: 127.0.0.1:8080}", NO_PLACE,
		.keys = gateway_keys },
	{ "price", read_price, "a mapping, as {per_gpu_month: 1380, currency: EUR}", NO_PLACE,
		.keys = price_keys },
	{ "models", read_models,
		"a mapping from names to models, as chat: {model: Qwen/Qwen3-4B, engine: "
		"llama.cpp, "
		"slice: 2g.20gb}",
		.is_required = true, NO_PLACE, .keys = model_keys },
	{ 0 },
};

/* Whichever of the three keys it is. */
static int read_gpu_price(struct tr_reader *r, const struct tr_key *key,
	const struct tr_yaml *value, void *field, struct tr_err *err)
{
	struct tr_stack *stack = r->stack;

	if (r->has_price)
		return tr_yaml_fail(stack->file, value->key_at, err,
			"'%s' is a second price of a GPU; allowed: one of per_gpu_hour, "
			"per_gpu_month, per_gpu_year",
			key->name);
	r->has_price = true;
	if (strcmp(key->name, "per_gpu_hour") == 0)
		stack->price_per = TR_STACK_PER_HOUR;
	else if (strcmp(key->name, "per_gpu_year") == 0)
		stack->price_per = TR_STACK_PER_YEAR;
	return tr_stack__read_decimal(r, key, value, field, err);
}

static int read_price(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	int ret = tr_stack__read_mapping(r, key, value, field, err);

	if (ret == 0 && !r->has_price)
		return tr_yaml_fail(r->stack->file, value->key_at, err,
			"no 'per_gpu_month' in price, nor per_gpu_hour or per_gpu_year; allowed: "
			"%s",
			A_PRICE);
	return ret;
}

static int read_version(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	uint32_t version;
	struct tr_key row = *key;

	(void)field; /* there is one version: nothing to keep */
	row.size = sizeof(version);
	return tr_stack__read_number(r, &row, value, &version, err);
}

static int read_model(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	struct tr_model *model, struct tr_err *err)
{
	static const struct tr_key name_row = {
		.allowed =
			"small letters, digits, '.', '_' and '-', a letter or digit first, 63 at "
			"most",
	};
	struct tr_yaml at_key = { .at = value->key_at };
	int ret;

	if (!tr_stack__is_word(value->key, TR_LOWER TR_DIGIT, TR_LOWER TR_DIGIT "._-", 63))
		return tr_stack__bad(
			r, &name_row, &at_key, err, "model name '%s'", TR_SHOWN(value->key));
	model->name = strdup(value->key);
	if (!model->name)
		return tr_stack__no_memory(r, err);
	model->replicas = 1;
	model->gpu = -1;
	model->at = model->at_slice = model->at_model = model->at_image = value->key_at;
	model->at_port = model->at_gpu = model->at_env_file = value->key_at;
	if (value->kind != TR_YAML_MAPPING)
		return tr_stack__bad(r, key, value, err, "'models.%s' is %s", model->name,
			value->is_missing	      ? "empty"
			: value->kind == TR_YAML_LIST ? "a list"
						      : "a single value");
	snprintf(r->where, sizeof(r->where), "models.%s", model->name);
	ret = tr_stack__walk(r, key->keys, value, model, err);
	r->where[0] = '\0';
	return ret < 0 ? ret : tr_stack__check_model(r, value, model, err);
}

static int read_models(struct tr_reader *r, const struct tr_key *key, const struct tr_yaml *value,
	void *field, struct tr_err *err)
{
	struct tr_stack *stack = r->stack;
	int ret = tr_stack__need_kind(r, key, value, TR_YAML_MAPPING, err);

	(void)field; /* two fields of the stack are filled */
	if (ret < 0)
		return ret;
	if (value->n == 0)
		return tr_stack__bad(r, key, value, err, "'models' is empty");
	stack->models = calloc(value->n, sizeof(*stack->models));
	if (!stack->models)
		return tr_stack__no_memory(r, err);
	for (const struct tr_yaml *node = value->first; ret == 0 && node; node = node->next)
		ret = read_model(r, key, node, &stack->models[stack->n_models++], err);
	return ret;
}

int tr_stack__read(struct tr_reader *r, const struct tr_yaml *root, struct tr_err *err)
{
	int ret;

	if (root->kind != TR_YAML_MAPPING)
		return tr_yaml_fail(r->stack->file, root->at, err,
			"%s where the whole file is a mapping; allowed: keys, as 'version: 1'",
			root->kind == TR_YAML_LIST ? "a list" : "text");
	ret = tr_stack__walk(r, stack_keys, root, r->stack, err);
	return ret < 0 ? ret : tr_stack__check_ports(r->stack, err);
}
