/* SPDX-License-Identifier: Apache-2.0 */
/* What holds between the keys of a model, and between models. */
#include "base/err.h"
#include "stack/engine.h"
#include "stack/stack_priv.h"

#include <string.h>

/* --- A model and its engine --- */

/* ORG/NAME or NAME, with ":TAG" behind it or not. */
static bool is_hub_id(const char *model)
{
	size_t tag = strcspn(model, ":"), at = 0, n_parts = 0;

	while (at <= tag) {
		size_t len = strcspn(model + at, "/:");

		if (len == 0 || !strchr(TR_ALNUM, model[at]) ||
			strspn(model + at, TR_ALNUM "._-") < len)
			return false;
		at += len + 1;
		n_parts++;
	}
	if (n_parts > 2)
		return false;
	return !model[tag] || tr_stack__is_word(model + tag + 1, TR_ALNUM, TR_ALNUM "._-", 64);
}

static int to_absolute(const struct tr_reader *r, struct tr_model *model, struct tr_err *err)
{
	char *absolute = tr_stack__absolute(r->dir, model->model);
	size_t len;

	if (!absolute)
		return tr_stack__no_memory(r, err);
	for (len = strlen(absolute); len > 1 && absolute[len - 1] == '/'; len--)
		absolute[len - 1] = '\0';
	free(model->model);
	model->model = absolute;
	return 0;
}

static int check_source(const struct tr_reader *r, struct tr_model *model, struct tr_err *err)
{
	static const char allowed[] =
		"a hub id (Qwen/Qwen3-4B), a path (/..., ./..., ../...), or a .gguf file";
	const struct tr_engine *engine = model->engine;
	const char *file = r->stack->file, *fault = NULL;

	if (!model->model && engine->needs_model)
		return tr_yaml_fail(file, model->at, err,
			"no 'model' in models.%s, which engine '%s' needs; allowed: %s",
			model->name, engine->name, allowed);
	if (!model->model)
		return 0;
	if (tr_model_is_path(model->model)) {
		fault = tr_stack__path_fault(model->model);
		if (!fault)
			return to_absolute(r, model, err);
	} else if (engine->args_hub && !is_hub_id(model->model)) {
		fault = "neither a hub id nor a path";
	}
	if (fault)
		return tr_yaml_fail(file, model->at_model, err, "'model' is '%s', %s; allowed: %s",
			TR_SHOWN(model->model), fault, allowed);
	return 0;
}

/* The argument's value is behind '=', or the next argument. */
static bool is_refused(const struct tr_engine_refusal *refusal, const struct tr_yaml *arg)
{
	size_t len = strlen(refusal->flag);
	const char *value = arg->next ? arg->next->text : "";

	if (strncmp(arg->text, refusal->flag, len) != 0)
		return false;
	if (arg->text[len] == '=')
		value = arg->text + len + 1;
	else if (arg->text[len] != '\0')
		return false;
	return !refusal->value || strcmp(refusal->value, value) == 0;
}

static int check_arg(const struct tr_reader *r, const struct tr_model *model,
	const struct tr_yaml *arg, struct tr_err *err)
{
	const struct tr_engine_refusal *refusal = model->engine->refused;

	if (!model->model && strstr(arg->text, "${MODEL}"))
		return tr_yaml_fail(r->stack->file, arg->at, err,
			"'${MODEL}' with no 'model' in models.%s; allowed: with the key 'model'",
			model->name);
	for (; refusal && refusal->flag; refusal++)
		if (is_refused(refusal, arg))
			return tr_yaml_fail(r->stack->file, arg->at, err,
				"'%s%s%s' is not for 'args': %s; allowed: %s's other arguments",
				refusal->flag, refusal->value ? " " : "",
				refusal->value ? refusal->value : "", refusal->why,
				model->engine->name);
	return 0;
}

int tr_stack__check_model(const struct tr_reader *r, const struct tr_yaml *node,
	struct tr_model *model, struct tr_err *err)
{
	const struct tr_yaml *args = tr_yaml_child(node, "args");
	int ret = check_source(r, model, err);

	for (const struct tr_yaml *arg = args ? args->first : NULL; ret == 0 && arg;
		arg = arg->next)
		ret = check_arg(r, model, arg, err);
	if (ret < 0)
		return ret;
	if (!model->engine->program && model->args.n == 0 && !model->image)
		return tr_yaml_fail(r->stack->file, model->at, err,
			"nothing to start in models.%s; allowed: 'args' that starts with a "
			"program, "
			"or 'image'",
			model->name);
	return 0;
}

/* --- Ports --- */

static uint32_t last_port(const struct tr_model *model)
{
	return model->port + model->replicas - 1;
}

/* The gateway's port, when it listens where models do (127.0.0.1); else 0. */
static uint32_t gateway_port(const char *listen)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "localhost", "[::]" };
	const char *colon = listen ? strrchr(listen, ':') : NULL;
	size_t len = colon ? (size_t)(colon - listen) : 0;

	for (size_t i = 0; colon && i < TR_COUNT(hosts); i++)
		if (strlen(hosts[i]) == len && memcmp(hosts[i], listen, len) == 0)
			return (uint32_t)strtoul(colon + 1, NULL, 10);
	return 0;
}

static int check_port(const struct tr_stack *stack, size_t idx, struct tr_err *err)
{
	const struct tr_model *model = &stack->models[idx];
	uint32_t gateway = gateway_port(stack->gateway_listen);

	if (last_port(model) > 65535)
		return tr_stack_fail(stack, model->at_port, err,
			"port %u and %u replicas end at %u; allowed: ports up to 65535",
			model->port, model->replicas, last_port(model));
	if (gateway >= model->port && gateway <= last_port(model))
		return tr_stack_fail(stack, model->at_port, err,
			"port %u of models.%s is the gateway's; allowed: each port once", gateway,
			model->name);
	for (size_t i = 0; i < idx; i++) {
		const struct tr_model *other = &stack->models[i];

		if (other->port && other->port <= last_port(model) &&
			model->port <= last_port(other))
			return tr_stack_fail(stack, model->at_port, err,
				"ports %u to %u of models.%s meet ports %u to %u of models.%s; "
				"allowed: each port once",
				model->port, last_port(model), model->name, other->port,
				last_port(other), other->name);
	}
	return 0;
}

int tr_stack__check_ports(const struct tr_stack *stack, struct tr_err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < stack->n_models; i++)
		if (stack->models[i].port)
			ret = check_port(stack, i, err);
	return ret;
}
