/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack file's reader, fed with anything.
 *
 * What must hold for every input: a stack that keeps the header's promises, or INVALID with
 * FILE:LINE:COLUMN and what is allowed; nothing in between.
 */
#include "base/err.h"
#include "stack/engine.h"
#include "stack/stack.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char file[] = "/nonexistent/x/tranche.yaml";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}
#define MUST(condition) must((condition), #condition)

static void check_command(const struct tr_model *model, bool in_container)
{
	TR_AUTO_BUF names = { 0 };
	TR_AUTO_STRV argv = { 0 };
	struct tr_err err = { 0 };
	struct tr_engine_vars vars = { .host = "127.0.0.1",
		.port = 8000,
		.model = model->model,
		.slice_uuid = "MIG-1",
		.slice_memory_mib = 1,
		.in_container = in_container };
	int r;

	tr_model_names(model, &names);
	vars.names = tr_buf_str(&names);
	vars.is_file = model->model && tr_model_is_path(model->model);
	r = tr_engine_command(model, &vars, &argv, &err);
	/* Templates were checked when the file was read; only a program may be missing. */
	MUST(r == 0 || (model->image && !in_container && model->args.n == 0));
	MUST(r < 0 || in_container || argv.n > 0);
}

static void check_model(const struct tr_model *model)
{
	MUST(model->name && isalnum((unsigned char)model->name[0]) && strlen(model->name) <= 63);
	MUST(model->engine);
	MUST(model->model || !model->engine->needs_model);
	MUST(model->replicas >= 1 && model->replicas <= 64);
	MUST(model->port + model->replicas - 1 <= 65535);
	MUST(model->gpu >= -1);
	MUST((model->slice.kind == TR_WANT_PROFILE) == (model->slice.profile != NULL));
	MUST((model->slice.kind == TR_WANT_MEMORY) == (model->slice.memory_bytes > 0));
	MUST(!model->env_file || model->env_file[0] == '/');
	MUST(!model->cache || model->cache[0] == '/');
	MUST(!model->model || !tr_model_is_path(model->model) || model->model[0] == '/');
	for (size_t i = 0; i < model->env.n; i++)
		MUST(strchr(model->env.v[i], '=') > model->env.v[i]);
	for (size_t i = 0; i < model->volumes.n; i++)
		MUST(model->volumes.v[i][0] == '/' && strstr(model->volumes.v[i], ":/"));
	MUST(model->at.line > 0 && model->at_slice.line > 0 && model->at_gpu.column > 0);
	check_command(model, true);
	check_command(model, false);
}

static void check_stack(const struct tr_stack *stack)
{
	MUST(stack->n_models > 0);
	MUST(stack->name && strlen(stack->name) <= 31 && isalnum((unsigned char)stack->name[0]));
	MUST(!stack->gateway_listen || strchr(stack->gateway_listen, ':') > stack->gateway_listen);
	MUST(!stack->price_currency || strlen(stack->price_currency) == 3);
	for (size_t i = 0; i < stack->n_models; i++)
		check_model(&stack->models[i]);
}

static void check_complaint(int r, const struct tr_err *err)
{
	unsigned int line = 0, column = 0;
	int end = 0;

	MUST(r == -TR_E_INVALID && err->code == TR_E_INVALID);
	MUST(strncmp(err->msg, file, strlen(file)) == 0);
	MUST(sscanf(err->msg + strlen(file), ":%u:%u: %n", &line, &column, &end) == 2 && end > 0);
	MUST(line >= 1 && column >= 1);
	MUST(strstr(err->msg, "; allowed: "));
	for (const char *c = err->msg; *c; c++)
		MUST((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };
	int r = tr_stack_parse(file, (const char *)data, size, &stack, &err);

	if (r == 0)
		check_stack(stack);
	else
		check_complaint(r, &err);
	return 0;
}
