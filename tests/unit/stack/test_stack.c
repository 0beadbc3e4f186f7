/* SPDX-License-Identifier: Apache-2.0 */
/* What a sound file comes out as. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "stack/engine.h"
#include "stack/stack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ONE(flow) \
	"version: 1\nmodels:\n  m: {engine: llama.cpp, slice: auto, model: org/m, " flow "}\n"

static const char demo[] =
	"# tranche.yaml\n"
	"version: 1\n"
	"name: demo                          # default: the file's folder\n"
	"gateway: {listen: 127.0.0.1:8080}\n"
	"price: {per_gpu_month: 1380, currency: EUR}\n"
	"models:\n"
	"  chat:\n"
	"    model: Qwen/Qwen3-4B            # hub id, folder, or .gguf file\n"
	"    engine: llama.cpp\n"
	"    image: ghcr.io/ggml-org/llama.cpp:server # default: the engine's own\n"
	"    slice: 2g.20gb                  # a profile, {memory: 18G}, auto, or whole\n"
	"    replicas: 2\n"
	"    port: 8000\n"
	"    gpu: 0\n"
	"    env_file: hf.env                # secrets never stand in an argument list\n"
	"    cache: /var/cache/models        # one weights cache for all replicas\n"
	"    args: [--ctx-size, \"8192\"]\n"
	"    env: {HF_HUB_OFFLINE: 1, LANG: C}\n"
	"    volumes: [./data:/data:ro]\n"
	"  coder: {model: Qwen/Qwen3-14B, engine: llama.cpp, slice: 3g.40gb}\n";

static struct tr_stack *parse(const char *file, const char *text)
{
	struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };

	if (tr_stack_parse(file, text, strlen(text), &stack, &err) != 0)
		fail_msg("%s\n-> %s", text, err.msg);
	return stack;
}

static void check_strv(const struct tr_strv *strv, const char *first, const char *second)
{
	assert_int_equal(strv->n, second ? 2 : 1);
	assert_string_equal(strv->v[0], first);
	if (second)
		assert_string_equal(strv->v[1], second);
}

static void every_key_arrives(void **state)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = parse("/srv/x/tranche.yaml", demo);
	const struct tr_model *chat = &stack->models[0];

	(void)state;
	assert_string_equal(stack->file, "/srv/x/tranche.yaml");
	assert_string_equal(stack->name, "demo");
	assert_string_equal(stack->gateway_listen, "127.0.0.1:8080");
	assert_true(stack->price_per_gpu == 1380);
	assert_int_equal(stack->price_per, TR_STACK_PER_MONTH);
	assert_string_equal(stack->price_currency, "EUR");
	assert_string_equal(stack->text, demo);
	assert_int_equal(stack->n_models, 2);
	assert_string_equal(chat->name, "chat");
	assert_string_equal(chat->model, "Qwen/Qwen3-4B");
	assert_ptr_equal(chat->engine, tr_engine_find("llama.cpp"));
	assert_string_equal(chat->image, "ghcr.io/ggml-org/llama.cpp:server");
	assert_int_equal(chat->slice.kind, TR_WANT_PROFILE);
	assert_string_equal(chat->slice.profile, "2g.20gb");
	assert_int_equal(chat->replicas, 2);
	assert_int_equal(chat->port, 8000);
	assert_int_equal(chat->gpu, 0);
	assert_string_equal(chat->env_file, "/srv/x/hf.env");
	assert_string_equal(chat->cache, "/var/cache/models");
	check_strv(&chat->args, "--ctx-size", "8192");
	check_strv(&chat->env, "HF_HUB_OFFLINE=1", "LANG=C");
	check_strv(&chat->volumes, "/srv/x/data:/data:ro", NULL);
}

static void what_is_left_out_has_its_default(void **state)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = parse("/srv/x/f.yaml", ONE("args: []"));
	const struct tr_model *m = &stack->models[0];

	(void)state;
	assert_null(stack->gateway_listen);
	assert_null(stack->price_currency);
	assert_string_equal(stack->name, "x");
	assert_int_equal(m->replicas, 1);
	assert_int_equal(m->port, 0);
	assert_int_equal(m->gpu, -1);
	assert_null(m->image);
	assert_null(m->env_file);
	assert_null(m->cache);
	assert_null(m->slice.profile);
	assert_int_equal(m->args.n + m->env.n + m->volumes.n, 0);
}

static void places_are_kept_for_later_complaints(void **state)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = parse("/srv/x/f.yaml", demo);
	const struct tr_model *chat = &stack->models[0], *coder = &stack->models[1];
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_stack_fail(stack, chat->at_slice, &err, "no '%s'", "x"), -TR_E_INVALID);
	assert_string_equal(err.msg, "/srv/x/f.yaml:11:12: no 'x'");
	assert_int_equal(chat->at.line, 7);
	assert_int_equal(chat->at.column, 3);
	assert_int_equal(chat->at_model.line, 8);
	assert_int_equal(chat->at_image.line, 10);
	assert_int_equal(chat->at_port.line, 13);
	assert_int_equal(chat->at_gpu.line, 14);
	assert_int_equal(chat->at_env_file.line, 15);
	/* A key that is not there: the model's own place. */
	assert_int_equal(coder->at_image.line, 20);
	assert_int_equal(coder->at_image.column, 3);
}

static void slices_are_asked_for_in_four_ways(void **state)
{
	static const struct {
		const char *text;
		enum tr_want_kind kind;
		const char *profile;
		uint64_t bytes;
	} rows[] = {
		{ "auto", TR_WANT_AUTO, NULL, 0 },
		{ "whole", TR_WANT_WHOLE, NULL, 0 },
		{ "14", TR_WANT_PROFILE, "14", 0 },
		{ "0", TR_WANT_PROFILE, "0", 0 },
		{ "\"2g.20gb\"", TR_WANT_PROFILE, "2g.20gb", 0 },
		{ "1g.10gb+me", TR_WANT_PROFILE, "1g.10gb+me", 0 },
		{ "{memory: 18G}", TR_WANT_MEMORY, NULL, 18000000000 },
		{ "{memory: 18Gi}", TR_WANT_MEMORY, NULL, 18ull << 30 },
		{ "{memory: 17.5Gi}", TR_WANT_MEMORY, NULL, 35ull << 29 },
		{ "{memory: 0.125G}", TR_WANT_MEMORY, NULL, 125000000 },
		{ "{memory: 500M}", TR_WANT_MEMORY, NULL, 500000000 },
		{ "{memory: 512Mi}", TR_WANT_MEMORY, NULL, 512ull << 20 },
		{ "{memory: 1000K}", TR_WANT_MEMORY, NULL, 1000000 },
		{ "{memory: 4096Ki}", TR_WANT_MEMORY, NULL, 4ull << 20 },
		{ "{memory: 0.1T}", TR_WANT_MEMORY, NULL, 100000000000 },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		char text[256];

		snprintf(text, sizeof(text),
			"version: 1\nmodels:\n  m: {engine: llama.cpp, model: m, slice: %s}\n",
			rows[i].text);
		stack = parse("f.yaml", text);
		assert_int_equal(stack->models[0].slice.kind, rows[i].kind);
		assert_int_equal(stack->models[0].slice.memory_bytes, rows[i].bytes);
		if (rows[i].profile)
			assert_string_equal(stack->models[0].slice.profile, rows[i].profile);
		else
			assert_null(stack->models[0].slice.profile);
	}
}

static void relative_paths_start_at_the_files_folder(void **state)
{
	static const struct {
		const char *path, *absolute;
	} rows[] = {
		{ "a/b", "/nonexistent/x/a/b" },
		{ "./a", "/nonexistent/x/a" },
		{ "././/a", "/nonexistent/x/a" },
		{ ".", "/nonexistent/x" },
		{ "../a", "/nonexistent/a" },
		{ "./../a", "/nonexistent/a" },
		{ "..", "/nonexistent" },
		{ "../../a", "/a" },
		{ "../../../a", "/a" },
		{ "../..", "/" },
		{ "..a", "/nonexistent/x/..a" },
		{ ".a", "/nonexistent/x/.a" },
		{ "/a/../b", "/a/../b" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		char text[256];

		snprintf(text, sizeof(text), ONE("cache: %s"), rows[i].path);
		stack = parse("/nonexistent/x/f.yaml", text);
		assert_string_equal(stack->models[0].cache, rows[i].absolute);
	}
}

static void model_files_come_out_absolute_and_hub_ids_as_they_are(void **state)
{
	static const struct {
		const char *model, *out;
	} rows[] = {
		{ "m.gguf", "/nonexistent/m.gguf" },
		{ "models/m.gguf", "/nonexistent/models/m.gguf" },
		{ "./qwen", "/nonexistent/qwen" },
		{ "../qwen/", "/qwen" },
		{ "/models/qwen//", "/models/qwen" },
		{ "Qwen/Qwen3-4B", "Qwen/Qwen3-4B" },
		{ "unsloth/Qwen3-4B-GGUF:Q4_K_M", "unsloth/Qwen3-4B-GGUF:Q4_K_M" },
		{ "gpt2", "gpt2" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		char text[256];

		snprintf(text, sizeof(text),
			"version: 1\nmodels:\n  m: {engine: llama.cpp, slice: auto, model: '%s'}\n",
			rows[i].model);
		stack = parse("/nonexistent/f.yaml", text);
		assert_string_equal(stack->models[0].model, rows[i].out);
	}
}

static void text_stays_as_it_is_typed(void **state)
{
	TR_AUTO(tr_stack_freep)
	struct tr_stack *stack = parse("f.yaml", ONE("args: [yes, null, 1.10, 0x10, \"\", ~], env: "
						     "{A: no, B: 1.10, C: \"\", D: null}"));
	const struct tr_model *m = &stack->models[0];
	static const char *const args[] = { "yes", "null", "1.10", "0x10", "", "~" };
	static const char *const env[] = { "A=no", "B=1.10", "C=", "D=null" };

	(void)state;
	assert_int_equal(m->args.n, TR_COUNT(args));
	for (size_t i = 0; i < TR_COUNT(args); i++)
		assert_string_equal(m->args.v[i], args[i]);
	assert_int_equal(m->env.n, TR_COUNT(env));
	for (size_t i = 0; i < TR_COUNT(env); i++)
		assert_string_equal(m->env.v[i], env[i]);
}

static void an_environment_may_be_a_list(void **state)
{
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = parse("f.yaml", ONE("env: [A=b=c, _x=]"));

	(void)state;
	check_strv(&stack->models[0].env, "A=b=c", "_x=");
}

static void a_port_alone_is_on_loopback(void **state)
{
	static const struct {
		const char *typed, *listen;
	} rows[] = {
		{ "8080", "127.0.0.1:8080" },
		{ "\":8080\"", "127.0.0.1:8080" },
		{ "\"[::1]:8080\"", "[::1]:8080" },
		{ "0.0.0.0:1", "0.0.0.0:1" },
		{ "gpu-1.example.com:65535", "gpu-1.example.com:65535" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		char text[256];

		snprintf(text, sizeof(text), "gateway: {listen: %s}\n" ONE("port: 8000"),
			rows[i].typed);
		stack = parse("f.yaml", text);
		assert_string_equal(stack->gateway_listen, rows[i].listen);
	}
}

/* A gateway on another address and a model's port on loopback do not meet. */
static void ports_that_only_look_alike_are_fine(void **state)
{
	TR_AUTO(tr_stack_freep)
	struct tr_stack *stack = parse("f.yaml",
		"version: 1\n"
		"gateway: {listen: 192.168.0.1:8000}\n"
		"models:\n"
		"  a: {engine: llama.cpp, slice: auto, model: a, port: 8000, replicas: 2}\n"
		"  b: {engine: llama.cpp, slice: auto, model: a, port: 8002}\n"
		"  c: {engine: llama.cpp, slice: auto, model: a}\n"
		"  d: {engine: llama.cpp, slice: auto, model: a, port: 65534, replicas: 2}\n");

	(void)state;
	assert_int_equal(stack->n_models, 4);
}

static void a_stack_is_named_after_its_folder(void **state)
{
	static const struct {
		const char *file, *name;
	} rows[] = {
		{ "/nonexistent/demo/tranche.yaml", "demo" },
		{ "/nonexistent/My Models_2/f", "my-models-2" },
		{ "/nonexistent/--x--/f", "x" },
		{ "/nonexistent/\xc3\xa4\xc3\xb6/f", "stack" },
		{ "/nonexistent/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b/f",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "/f", "stack" },
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(rows); i++) {
		TR_AUTO(tr_stack_freep)
		struct tr_stack *stack = parse(rows[i].file, ONE("args: []"));

		assert_string_equal(stack->name, rows[i].name);
	}
}

static void standard_input_needs_a_name(void **state)
{
	static const char text[] = ONE("args: []");
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };

	(void)state;
	assert_int_equal(tr_stack_parse("-", text, strlen(text), &stack, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "<stdin>:1:1: no 'name', which standard input needs; allowed: "
				     "a name, as 'name: demo'");
	stack = parse("-", "name: x\n" ONE("args: []"));
	assert_string_equal(stack->name, "x");
}

static void line_ends_and_a_byte_order_mark_of_other_systems_are_read(void **state)
{
	TR_AUTO(tr_stack_freep)
	struct tr_stack *stack =
		parse("f.yaml", "\xef\xbb\xbfversion: 1\r\nname: x\r\nmodels:\r\n  m: {engine: "
				"llama.cpp, slice: auto, model: m}\r\n");

	(void)state;
	assert_string_equal(stack->name, "x");
	assert_int_equal(stack->models[0].at.line, 4);
}

static void a_file_is_read_from_its_folder(void **state)
{
	char dir[] = "/tmp/tranche-stack-XXXXXX", file[64], path[128];
	TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/tranche.yaml", dir);
	assert_int_equal(tr_stack_load(file, &stack, &err), -TR_E_NOT_FOUND);
	assert_non_null(strstr(err.hint, "-f FILE"));
	assert_int_equal(tr_write_file(file, 0600, demo, strlen(demo), &err), 0);
	assert_int_equal(tr_stack_load(file, &stack, &err), 0);
	snprintf(path, sizeof(path), "%s/hf.env", dir);
	assert_string_equal(stack->models[0].env_file, path);
	assert_int_equal(tr_rm_tree(dir, &err), 0);
}

static void a_file_that_is_too_large_is_not_read(void **state)
{
	char file[] = "/tmp/tranche-stack-XXXXXX", expected[128];
	struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };
	int fd = mkostemp(file, O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	assert_int_equal(tr_stack_load(file, &stack, &err), -TR_E_INVALID);
	snprintf(expected, sizeof(expected), "%s:1:1: too large a file; allowed: 1048576 bytes",
		file);
	assert_string_equal(err.msg, expected);
	close(fd);
	unlink(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_arrives),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(places_are_kept_for_later_complaints),
		cmocka_unit_test(slices_are_asked_for_in_four_ways),
		cmocka_unit_test(relative_paths_start_at_the_files_folder),
		cmocka_unit_test(model_files_come_out_absolute_and_hub_ids_as_they_are),
		cmocka_unit_test(text_stays_as_it_is_typed),
		cmocka_unit_test(an_environment_may_be_a_list),
		cmocka_unit_test(a_port_alone_is_on_loopback),
		cmocka_unit_test(ports_that_only_look_alike_are_fine),
		cmocka_unit_test(a_stack_is_named_after_its_folder),
		cmocka_unit_test(standard_input_needs_a_name),
		cmocka_unit_test(line_ends_and_a_byte_order_mark_of_other_systems_are_read),
		cmocka_unit_test(a_file_is_read_from_its_folder),
		cmocka_unit_test(a_file_that_is_too_large_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
