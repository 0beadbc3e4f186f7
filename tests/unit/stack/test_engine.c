/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines from engines' rows and users' templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "stack/engine.h"
#include "stack/stack.h"

#include <string.h>

static const struct tr_engine_vars usual = { .host = "127.0.0.1",
	.port = 8001,
	.model = "/models/m.gguf",
	.is_file = true,
	.names = "chat,m.gguf",
	.slice_uuid = "MIG-1",
	.slice_memory_mib = 19968 };

static void check_command(
	const struct tr_model *model, const struct tr_engine_vars *vars, const char *expected)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF text = { 0 };
	struct tr_err err = { 0 };

	if (tr_engine_command(model, vars, &argv, &err) != 0)
		fail_msg("%s", err.msg);
	tr_strv_quote(&argv, &text);
	assert_string_equal(tr_buf_str(&text), expected);
}

static void llama_server_serves_a_file_under_both_names(void **state)
{
	TR_AUTO_STRV args = { 0 };
	struct tr_model model = { .name = "chat", .engine = tr_engine_find("llama.cpp") };
	struct tr_engine_vars vars = usual;

	(void)state;
	tr_strv_adds(&args, "-t", "1", NULL);
	model.args = args;
	check_command(&model, &vars,
		"llama-server --host 127.0.0.1 --port 8001 --alias chat,m.gguf -m /models/m.gguf "
		"-t 1");
	/* The image's entry point is the program. */
	vars.in_container = true;
	check_command(&model, &vars,
		"--host 127.0.0.1 --port 8001 --alias chat,m.gguf -m /models/m.gguf -t 1");
}

static void llama_server_fetches_a_hub_id(void **state)
{
	struct tr_model model = { .name = "chat", .engine = tr_engine_find("llama.cpp") };
	struct tr_engine_vars vars = usual;

	(void)state;
	vars.is_file = false;
	vars.model = "Qwen/Qwen3-4B";
	vars.names = "chat,Qwen/Qwen3-4B";
	check_command(&model, &vars,
		"llama-server --host 127.0.0.1 --port 8001 --alias chat,Qwen/Qwen3-4B "
		"-hf Qwen/Qwen3-4B");
}

static void vllm_gets_both_names_and_what_a_slice_needs(void **state)
{
	struct tr_model model = { .name = "chat", .engine = tr_engine_find("vllm") };
	struct tr_engine_vars vars = usual;
	TR_AUTO_STRV args = { 0 };

	(void)state;
	vars.is_file = false;
	vars.in_container = true;
	vars.model = "Qwen/Qwen3-4B";
	vars.names = "chat,Qwen/Qwen3-4B";
	check_command(&model, &vars,
		"--host 127.0.0.1 --port 8001 --served-model-name chat Qwen/Qwen3-4B --model "
		"Qwen/Qwen3-4B --gpu-memory-utilization 0.90 --max-model-len 8192");
	vars.slice_memory_mib = 9728;
	check_command(&model, &vars,
		"--host 127.0.0.1 --port 8001 --served-model-name chat Qwen/Qwen3-4B --model "
		"Qwen/Qwen3-4B --gpu-memory-utilization 0.90 --max-model-len 4096");
	/* What the user says of a flag is all that is said of it. */
	tr_strv_adds(&args, "--max-model-len=16384", "--gpu-memory-utilization", "0.8", NULL);
	model.args = args;
	vars.slice_memory_mib = 40192;
	check_command(&model, &vars,
		"--host 127.0.0.1 --port 8001 --served-model-name chat Qwen/Qwen3-4B --model "
		"Qwen/Qwen3-4B --max-model-len=16384 --gpu-memory-utilization 0.8");
}

static void sglang_gets_one_name_and_its_module(void **state)
{
	struct tr_model model = { .name = "chat", .engine = tr_engine_find("sglang") };
	struct tr_engine_vars vars = usual;

	(void)state;
	vars.is_file = false;
	vars.in_container = true;
	vars.model = "Qwen/Qwen3-4B";
	vars.names = "chat,Qwen/Qwen3-4B";
	check_command(&model, &vars,
		"python3 -m sglang.launch_server --host 127.0.0.1 --port 8001 --served-model-name "
		"chat --model-path Qwen/Qwen3-4B --mem-fraction-static 0.85 --context-length 8192");
}

static void a_command_is_its_arguments(void **state)
{
	TR_AUTO_STRV args = { 0 };
	struct tr_model model = { .name = "x", .engine = tr_engine_find("command") };

	(void)state;
	tr_strv_adds(&args, "python3", "serve.py", "--bind=${HOST}:${PORT}", "${MODEL}", "${NAMES}",
		"${SLICE_UUID}/${SLICE_MEMORY_MIB}", "$$", "$${PORT}", "a$b", "$", "", NULL);
	model.args = args;
	check_command(&model, &usual,
		"python3 serve.py --bind=127.0.0.1:8001 /models/m.gguf chat,m.gguf MIG-1/19968 '$' "
		"'${PORT}' 'a$b' '$' ''");
}

/* What is put in is not read again: a name may hold anything. */
static void values_are_put_in_once(void **state)
{
	TR_AUTO_STRV args = { 0 };
	struct tr_model model = { .name = "x", .engine = tr_engine_find("command") };
	struct tr_engine_vars vars = usual;

	(void)state;
	tr_strv_adds(&args, "${MODEL}", NULL);
	model.args = args;
	vars.model = "$${PORT}";
	check_command(&model, &vars, "'$${PORT}'");
}

static void check_refused(struct tr_model *model, const char *arg,
	const struct tr_engine_vars *vars, const char *message)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_STRV args = { 0 };
	struct tr_err err = { 0 };

	if (arg)
		tr_strv_add(&args, arg);
	model->args = args;
	assert_int_equal(tr_engine_command(model, vars, &argv, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, message);
}

static void what_cannot_be_put_in_is_refused(void **state)
{
	struct tr_model model = { .name = "x", .engine = tr_engine_find("command") };
	struct tr_engine_vars vars = usual;
	struct tr_err err = { 0 };

	(void)state;
	check_refused(&model, "a${PROT}", &vars,
		"model 'x': unknown '${PROT}'; allowed: ${HOST}, ${PORT}, ${MODEL}, ${NAMES}, "
		"${NAME}, ${SLICE_UUID}, ${SLICE_MEMORY_MIB}, and $$ for a dollar");
	check_refused(&model, "${PORT", &vars,
		"model 'x': '${' that is not closed; allowed: ${NAME}, and $$ for a dollar");
	vars.model = NULL;
	check_refused(&model, "${MODEL}", &vars, "model 'x': '${MODEL}' has no value here");
	check_refused(&model, NULL, &vars,
		"model 'x': no program to start; 'args' starts with one, or 'image' names a "
		"container's");
	assert_int_equal(tr_engine_check_arg("${PORT}$$${", &err), -TR_E_INVALID);
	assert_int_equal(tr_engine_check_arg("${PORT}$$", &err), 0);
}

/* What engines to come need: a subcommand, another entry point, names as arguments of their own. */
static void a_row_may_put_its_arguments_by_how_it_is_started(void **state)
{
	static const char *const serve[] = { "serve", NULL };
	static const char *const module[] = { "python3", "-m", "server", NULL };
	static const char *const names[] = { "--name", "${NAMES}", "--all=${NAMES}", NULL };
	static const struct tr_engine engine = { .name = "x",
		.program = "x",
		.args_program = serve,
		.args_image = module,
		.args = names,
		.names_apart = true };
	struct tr_model model = { .name = "x", .engine = &engine };
	struct tr_engine_vars vars = usual;

	(void)state;
	check_command(&model, &vars, "x serve --name chat m.gguf --all=chat,m.gguf");
	vars.in_container = true;
	check_command(&model, &vars, "python3 -m server --name chat m.gguf --all=chat,m.gguf");
}

static void paths_are_told_from_hub_ids(void **state)
{
	static const struct {
		const char *model;
		bool is_path;
	} rows[] = {
		{ "/m", true },
		{ "./m", true },
		{ "../m", true },
		{ "m.gguf", true },
		{ "org/m.gguf", true },
		{ "org/m", false },
		{ "org/m-gguf", false },
		{ ".gguf", false },
		{ ".m", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++)
		assert_int_equal(tr_model_is_path(rows[i].model), rows[i].is_path);
}

static void a_server_answers_to_its_name_and_its_models(void **state)
{
	static const struct {
		const char *name, *model, *names;
	} rows[] = {
		{ "chat", "Qwen/Qwen3-4B", "chat,Qwen/Qwen3-4B" },
		{ "chat", "/srv/models/qwen.gguf", "chat,qwen.gguf" },
		{ "chat", "/srv/models/qwen", "chat,qwen" },
		{ "qwen", "/srv/models/qwen", "qwen" },
		{ "chat", "/srv/a,b.gguf", "chat" },
		{ "chat", NULL, "chat" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		char name[32], source[64];
		struct tr_model model = { .name = name, .model = rows[i].model ? source : NULL };
		TR_AUTO_BUF names = { 0 };

		strcpy(name, rows[i].name);
		strcpy(source, rows[i].model ? rows[i].model : "");
		tr_model_names(&model, &names);
		assert_string_equal(tr_buf_str(&names), rows[i].names);
	}
}

static void engines_are_found_by_name(void **state)
{
	TR_AUTO_BUF names = { 0 };

	(void)state;
	assert_string_equal(tr_engine_find("llama.cpp")->cache_env, "LLAMA_CACHE");
	assert_string_equal(tr_engine_find("llama.cpp")->ready_path, "/health");
	assert_null(tr_engine_find("command")->ready_path);
	assert_null(tr_engine_find("command")->image);
	assert_null(tr_engine_find("llama"));
	assert_null(tr_engine_find(""));
	tr_engine_names(&names);
	assert_string_equal(tr_buf_str(&names), "llama.cpp, vllm, sglang, command");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(llama_server_serves_a_file_under_both_names),
		cmocka_unit_test(llama_server_fetches_a_hub_id),
		cmocka_unit_test(vllm_gets_both_names_and_what_a_slice_needs),
		cmocka_unit_test(sglang_gets_one_name_and_its_module),
		cmocka_unit_test(a_command_is_its_arguments),
		cmocka_unit_test(values_are_put_in_once),
		cmocka_unit_test(what_cannot_be_put_in_is_refused),
		cmocka_unit_test(a_row_may_put_its_arguments_by_how_it_is_started),
		cmocka_unit_test(paths_are_told_from_hub_ids),
		cmocka_unit_test(a_server_answers_to_its_name_and_its_models),
		cmocka_unit_test(engines_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
