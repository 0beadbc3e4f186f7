/* SPDX-License-Identifier: Apache-2.0 */
/* Every wrong file gets its place and what is allowed there, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

/* One model up to its slice (line 6), and one up to the keys behind that (line 7). */
#define NO_SLICE     "version: 1\nmodels:\n  m:\n    engine: llama.cpp\n    model: org/m\n"
#define MODEL(lines) NO_SLICE "    slice: auto\n" lines
#define SLICE(value) NO_SLICE "    slice: " value "\n"
#define ONE(flow)    "version: 1\nmodels:\n  m: {" flow "}\n"

#define TOP_KEYS "version, name, gateway, price, models"
#define MODEL_KEYS \
	"model, engine, image, slice, replicas, port, gpu, env_file, cache, args, env, volumes"
#define MODELS                                                                                \
	"a mapping from names to models, as chat: {model: Qwen/Qwen3-4B, engine: llama.cpp, " \
	"slice: 2g.20gb}"
#define SLICES	"a profile (2g.20gb) or its id (14), {memory: 18G}, auto, or whole"
#define SIZES	"a number and a unit, K, M, G, T (powers of 1000) or Ki, Mi, Gi (of 1024), as 18G"
#define SOURCES "a hub id (Qwen/Qwen3-4B), a path (/..., ./..., ../...), or a .gguf file"
#define LISTEN	"HOST:PORT or PORT (on 127.0.0.1), as 127.0.0.1:8080 or \"[::1]:8080\" in quotes"
#define ENV                                                                                     \
	"a mapping {NAME: value} or a list [NAME=value], names of letters, digits and _, each " \
	"once"
#define VOLUMES "a list of HOST:TARGET, with :ro or :rw behind it or not, as ./data:/data:ro"
#define VARIABLES                                                                                 \
	"${HOST}, ${PORT}, ${MODEL}, ${NAMES}, ${NAME}, ${SLICE_UUID}, ${SLICE_MEMORY_MIB}, and " \
	"$$ for a "                                                                               \
	"dollar"
#define STACK_NAME "small letters, digits and -, a letter or digit first, 31 at most"
#define MODEL_NAME "small letters, digits, '.', '_' and '-', a letter or digit first, 63 at most"

struct complaint {
	const char *text, *message; /* the message without the file's name */
};

static void check(const struct complaint *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		static const char file[] = "/srv/demo/f.yaml:";
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		struct tr_err err = { 0 };
		int r = tr_stack_parse(
			"/srv/demo/f.yaml", rows[i].text, strlen(rows[i].text), &stack, &err);

		if (r != -TR_E_INVALID || strncmp(err.msg, file, strlen(file)) != 0 ||
			strcmp(err.msg + strlen(file), rows[i].message) != 0)
			fail_msg("row %zu: %s\n-> %d\n   %s\nnot %s", i, rows[i].text, r, err.msg,
				rows[i].message);
		assert_null(stack);
	}
}

static void keys_that_are_wrong(void **state)
{
	static const struct complaint rows[] = {
		{ "version: 1\nmodls:\n  a: b\n",
			"2:1: unknown key 'modls', did you mean 'models'?; allowed: " TOP_KEYS },
		{ "verzion: 1",
			"1:1: unknown key 'verzion', did you mean 'version'?; allowed: " TOP_KEYS },
		{ "gpus: 1", "1:1: unknown key 'gpus'; allowed: " TOP_KEYS },
		{ "<<: x", "1:1: unknown key '<<'; allowed: " TOP_KEYS },
		{ "\"\\e[31m\": x", "1:1: unknown key '?[31m'; allowed: " TOP_KEYS },
		{ "gateway: {port: 1}", "1:11: unknown key 'port' in gateway; allowed: listen" },
		{ MODEL("    modle: x\n"), "7:5: unknown key 'modle' in models.m, did you mean "
					   "'model'?; allowed: " MODEL_KEYS },
		{ MODEL("    replica: 2\n"), "7:5: unknown key 'replica' in models.m, did you mean "
					     "'replicas'?; allowed: " MODEL_KEYS },
		{ SLICE("{mem: 18G}"), "6:13: unknown key 'mem' in models.m.slice, did you mean "
				       "'memory'?; allowed: memory" },
		{ "name: a\nname: b\n", "2:1: key 'name' stands here twice, first in line 1; "
					"allowed: each key once" },
		{ MODEL("  m: {}\n"),
			"7:3: key 'm' stands here twice, first in line 3; allowed: each key once" },
		{ "version: 1\n", "1:1: no 'models'; allowed: " MODELS },
		{ "models: {m: {engine: command, args: [x], slice: auto}}",
			"1:1: no 'version'; allowed: 1" },
		{ NO_SLICE, "3:3: no 'slice' in models.m; allowed: " SLICES },
		{ SLICE("{}"), "6:5: no 'memory' in models.m.slice; allowed: " SIZES },
		{ "gateway: {}", "1:1: no 'listen' in gateway; allowed: " LISTEN },
		{ "price: {per_gpu_month: 1}",
			"1:1: no 'currency' in price; allowed: three capital letters, as EUR" },
		{ ONE("slice: auto"), "3:3: no 'engine' in models.m; allowed: an engine's name" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void types_that_are_wrong(void **state)
{
	static const struct complaint rows[] = {
		{ "[]", "1:1: a list where the whole file is a mapping; allowed: keys, as "
			"'version: 1'" },
		{ "x", "1:1: text where the whole file is a mapping; allowed: keys, as 'version: "
		       "1'" },
		{ "---\n", "2:1: text where the whole file is a mapping; allowed: keys, as "
			   "'version: 1'" },
		{ "name:", "1:6: 'name' has no value; allowed: " STACK_NAME },
		{ "name: \"\"", "1:7: 'name' is empty; allowed: " STACK_NAME },
		{ "name: {}", "1:7: 'name' is a mapping; allowed: " STACK_NAME },
		{ "price: 3", "1:8: 'price' is a single value; allowed: a mapping, as "
			      "{per_gpu_month: 1380, currency: EUR}" },
		{ "models:\n", "1:8: 'models' has no value; allowed: " MODELS },
		{ "models: []", "1:9: 'models' is a list; allowed: " MODELS },
		{ "models: {}", "1:9: 'models' is empty; allowed: " MODELS },
		{ "models:\n  m:\n", "2:5: 'models.m' is empty; allowed: " MODELS },
		{ "models: {m: []}", "1:13: 'models.m' is a list; allowed: " MODELS },
		{ MODEL("    replicas: [1]\n"),
			"7:15: 'replicas' is a list; allowed: a whole number from 1 to 64" },
		{ MODEL("    replicas:\n"),
			"7:14: 'replicas' has no value; allowed: a whole number from 1 to 64" },
		{ SLICE("[a]"), "6:12: 'slice' is a list; allowed: " SLICES },
		{ MODEL("    args: --foo\n"), "7:11: 'args' is a single value; allowed: a list of "
					      "texts, as [-c, \"4096\"]" },
		{ MODEL("    args: [a, [b]]\n"),
			"7:15: item 2 of 'args' is a list; allowed: a list of "
			"texts, as [-c, \"4096\"]" },
		{ MODEL("    args:\n    - a\n    -\n"), "9:6: item 2 of 'args' has no value (an "
							"empty one is \"\"); allowed: a list of "
							"texts, as [-c, \"4096\"]" },
		{ MODEL("    env: x\n"), "7:10: 'env' is a single value; allowed: " ENV },
		{ MODEL("    env: {A: [b]}\n"), "7:14: a variable is a list; allowed: " ENV },
		{ MODEL("    env: {A: }\n"),
			"7:14: a variable has no value (an empty one is \"\"); allowed: " ENV },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void values_that_are_wrong(void **state)
{
	static const struct complaint rows[] = {
		{ "version: 2\n", "1:10: 'version' is 2; allowed: 1" },
		{ "version: one\n", "1:10: 'version' is 'one', no whole number; allowed: 1" },
		{ "name: Demo", "1:7: 'name' is 'Demo'; allowed: " STACK_NAME },
		{ "name: -demo", "1:7: 'name' is '-demo'; allowed: " STACK_NAME },
		{ "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
			"1:7: 'name' is 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'; allowed: " STACK_NAME },
		{ "models:\n  Chat: {}\n", "2:3: model name 'Chat'; allowed: " MODEL_NAME },
		{ "models:\n  a b: {}\n", "2:3: model name 'a b'; allowed: " MODEL_NAME },
		{ "models:\n  \"\": {}\n", "2:3: model name ''; allowed: " MODEL_NAME },
		{ ONE("engine: tgi"),
			"3:15: unknown engine 'tgi'; allowed: llama.cpp, vllm, sglang, command" },
		{ ONE("engine: "),
			"3:15: 'engine' has no value; allowed: llama.cpp, vllm, sglang, command" },
		{ MODEL("    replicas: 0\n"),
			"7:15: 'replicas' is 0; allowed: a whole number from 1 to 64" },
		{ MODEL("    replicas: 65\n"),
			"7:15: 'replicas' is 65; allowed: a whole number from 1 to 64" },
		{ MODEL("    replicas: 2.0\n"),
			"7:15: 'replicas' is '2.0', no whole number; allowed: "
			"a whole number from 1 to 64" },
		{ MODEL("    replicas: 99999999999999999999\n"),
			"7:15: 'replicas' is '99999999999999999999', no whole number; allowed: a "
			"whole "
			"number from 1 to 64" },
		{ MODEL("    port: 0\n"),
			"7:11: 'port' is 0; allowed: a whole number from 1 to 65535" },
		{ MODEL("    port: 65536\n"),
			"7:11: 'port' is 65536; allowed: a whole number from 1 to 65535" },
		{ MODEL("    gpu: -1\n"), "7:10: 'gpu' is '-1', no whole number; allowed: a GPU's "
					  "index, from 0 to 255" },
		{ MODEL("    image: 'a b'\n"),
			"7:12: 'image' is 'a b'; allowed: a container image, as "
			"ghcr.io/org/name:tag" },
		{ MODEL("    image: --privileged\n"), "7:12: 'image' is '--privileged'; allowed: a "
						      "container image, as ghcr.io/org/name:tag" },
		{ "price: {per_gpu_month: -1}",
			"1:24: 'per_gpu_month' is '-1'; allowed: a number, as 1380 or 1380.50" },
		{ "price: {per_gpu_month: 1,380}",
			"1:26: unknown key '380' in price; allowed: per_gpu_month, per_gpu_hour, "
			"per_gpu_year, currency" },
		{ "price: {per_gpu_month: 1380, per_gpu_hour: 2, currency: EUR}",
			"1:30: 'per_gpu_hour' is a second price of a GPU; allowed: one of "
			"per_gpu_hour, per_gpu_month, per_gpu_year" },
		{ "price: {currency: EUR}",
			"1:1: no 'per_gpu_month' in price, nor per_gpu_hour or per_gpu_year; "
			"allowed: a number, as 1380 or 1380.50" },
		{ "price: {currency: eur}",
			"1:19: 'currency' is 'eur'; allowed: three capital letters, as EUR" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void slices_that_are_none(void **state)
{
	static const struct complaint rows[] = {
		{ SLICE("{memory: 18X}"),
			"6:21: 'memory' is '18X', with an unknown unit; allowed: " SIZES },
		{ SLICE("{memory: 18GB}"),
			"6:21: 'memory' is '18GB', with an unknown unit; allowed: " SIZES },
		{ SLICE("{memory: 18}"), "6:21: 'memory' is '18', with no unit; allowed: " SIZES },
		{ SLICE("{memory: 1.2345G}"),
			"6:21: 'memory' is '1.2345G', no size; allowed: " SIZES },
		{ SLICE("{memory: big}"), "6:21: 'memory' is 'big', no size; allowed: " SIZES },
		{ SLICE("{memory: -1G}"), "6:21: 'memory' is '-1G', no size; allowed: " SIZES },
		{ SLICE("{memory: 0G}"),
			"6:21: 'memory' is '0G', no size a slice has; allowed: " SIZES },
		{ SLICE("{memory: 999999999999T}"),
			"6:21: 'memory' is '999999999999T', no size a slice has; allowed: " SIZES },
		{ SLICE("18G"), "6:12: 'slice' is '18G', a size, which is written {memory: 18G}; "
				"allowed: " SLICES },
		{ SLICE("2g20gb"), "6:12: 'slice' is '2g20gb'; allowed: " SLICES },
		{ SLICE("Auto"), "6:12: 'slice' is 'Auto'; allowed: " SLICES },
		{ SLICE("MIG 2g.20gb"), "6:12: 'slice' is 'MIG 2g.20gb'; allowed: " SLICES },
		{ SLICE("1000"), "6:12: 'slice' is '1000'; allowed: " SLICES },
		{ SLICE("1c.3g.40gb"),
			"6:12: 'slice' is '1c.3g.40gb', a part of a slice; allowed: " SLICES },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void sources_that_are_none(void **state)
{
	static const struct complaint rows[] = {
		{ ONE("engine: llama.cpp, slice: auto"),
			"3:3: no 'model' in models.m, which engine 'llama.cpp' needs; "
			"allowed: " SOURCES },
		{ ONE("engine: llama.cpp, slice: auto, model: a b"),
			"3:46: 'model' is 'a b', neither a hub id nor a path; allowed: " SOURCES },
		{ ONE("model: -x, engine: llama.cpp, slice: auto"),
			"3:14: 'model' is '-x', neither a hub id nor a path; allowed: " SOURCES },
		{ ONE("model: a/b/c, engine: llama.cpp, slice: auto"),
			"3:14: 'model' is 'a/b/c', neither a hub id nor a path; "
			"allowed: " SOURCES },
		{ ONE("model: 'https://a/b', engine: llama.cpp, slice: auto"),
			"3:14: 'model' is 'https://a/b', neither a hub id nor a path; "
			"allowed: " SOURCES },
		{ ONE("model: ~/m.gguf, engine: llama.cpp, slice: auto"),
			"3:14: 'model' is '~/m.gguf', '~' is not replaced; allowed: " SOURCES },
		{ ONE("model: '/a:b/m.gguf', engine: llama.cpp, slice: auto"),
			"3:14: 'model' is '/a:b/m.gguf', a ':' in a path; allowed: " SOURCES },
		{ MODEL("    cache: ~/x\n"),
			"7:12: 'cache' is '~/x', '~' is not replaced; allowed: a folder's path" },
		{ MODEL("    env_file: \"a\\nb\"\n"), "7:15: 'env_file' is 'a?b', a control "
						      "character in a path; allowed: a path" },
		{ ONE("engine: command, slice: auto"),
			"3:3: nothing to start in models.m; allowed: "
			"'args' that starts with a program, or 'image'" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void arguments_that_an_engine_does_not_take(void **state)
{
	static const struct complaint rows[] = {
		{ MODEL("    args: [-c, '${PROT}']\n"),
			"7:16: unknown '${PROT}'; allowed: " VARIABLES },
		{ MODEL("    args: ['${}']\n"), "7:12: unknown '${}'; allowed: " VARIABLES },
		{ MODEL("    args: ['x${PORT']\n"),
			"7:12: '${' that is not closed; allowed: ${NAME}, and $$ for a dollar" },
		{ ONE("engine: command, slice: auto, args: [a, '${MODEL}']"),
			"3:47: '${MODEL}' with no 'model' in models.m; allowed: with the key "
			"'model'" },
		{ MODEL("    args: [--port, '1']\n"),
			"7:12: '--port' is not for 'args': tranche sets it, from the key 'port'; "
			"allowed: llama.cpp's other arguments" },
		{ MODEL("    args: [-c, '1', --alias=x]\n"),
			"7:21: '--alias' is not for 'args': tranche sets it, from the model's "
			"name; "
			"allowed: llama.cpp's other arguments" },
		{ MODEL("    args: [-sm, row]\n"), "7:12: '-sm row' is not for 'args': a slice is "
						   "one device; allowed: llama.cpp's "
						   "other arguments" },
		{ ONE("engine: vllm, slice: auto, model: a/b, args: [-tp, '2']"),
			"3:53: '-tp' is not for 'args': CUDA sees one MIG device per process: a "
			"model cannot span slices; allowed: vllm's other arguments" },
		{ MODEL("    args: [--tensor-split, '1,1']\n"),
			"7:12: '--tensor-split' is not for 'args': a slice is one device; allowed: "
			"llama.cpp's other arguments" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void environments_and_volumes_that_are_wrong(void **state)
{
	static const struct complaint rows[] = {
		{ MODEL("    env: {1A: b}\n"), "7:11: no name of a variable; allowed: " ENV },
		{ MODEL("    env: [A]\n"), "7:11: an item of 'env' with no '='; allowed: " ENV },
		{ MODEL("    env: [A=1, A=2]\n"),
			"7:16: variable 'A' stands here twice; allowed: " ENV },
		{ MODEL("    env: {CUDA_VISIBLE_DEVICES: 0}\n"),
			"7:11: variable 'CUDA_VISIBLE_DEVICES' is set by tranche, to the model's "
			"slice; "
			"allowed: " ENV },
		{ MODEL("    env: [NVIDIA_VISIBLE_DEVICES=all]\n"),
			"7:11: variable 'NVIDIA_VISIBLE_DEVICES' is set by tranche, to the model's "
			"slice; allowed: " ENV },
		{ MODEL("    volumes: [a]\n"), "7:15: volume 'a'; allowed: " VOLUMES },
		{ MODEL("    volumes: [':/a']\n"), "7:15: volume ':/a'; allowed: " VOLUMES },
		{ MODEL("    volumes: ['a:b']\n"), "7:15: volume 'a:b'; allowed: " VOLUMES },
		{ MODEL("    volumes: ['a:/b:z']\n"), "7:15: volume 'a:/b:z'; allowed: " VOLUMES },
		{ MODEL("    volumes: ['~/a:/b']\n"),
			"7:15: volume '~/a:/b', '~' is not replaced; allowed: " VOLUMES },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void a_secret_in_the_wrong_place_is_not_repeated(void **state)
{
	static const char *const texts[] = {
		MODEL("    env: [hf_s3cr3t]\n"),
		MODEL("    env: [\"hf/s3cr3t=\"]\n"),
		MODEL("    env: {A: x, hf/s3cr3t: }\n"),
		MODEL("    env: [A=s3cr3t, A=s3cr3t]\n"),
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(texts); i++) {
		struct tr_stack *stack = NULL;
		struct tr_err err = { 0 };

		assert_int_equal(tr_stack_parse("f", texts[i], strlen(texts[i]), &stack, &err),
			-TR_E_INVALID);
		assert_null(strstr(err.msg, "s3cr3t"));
	}
}

static void addresses_that_are_none(void **state)
{
	static const struct complaint rows[] = {
		{ "gateway: {listen: x}",
			"1:19: 'listen' is 'x', which ends in no port; allowed: " LISTEN },
		{ "gateway: {listen: 0}",
			"1:19: 'listen' is '0', which ends in no port; allowed: " LISTEN },
		{ "gateway: {listen: 'h:'}",
			"1:19: 'listen' is 'h:', which ends in no port; allowed: " LISTEN },
		{ "gateway: {listen: '1.2.3.4:99999'}", "1:19: 'listen' is '1.2.3.4:99999', which "
							"ends in no port; allowed: " LISTEN },
		{ "gateway: {listen: '127.0.0:1'}",
			"1:19: 'listen' is '127.0.0:1', which names no host; allowed: " LISTEN },
		{ "gateway: {listen: '::1:80'}",
			"1:19: 'listen' is '::1:80', which names no host; allowed: " LISTEN },
		{ "gateway: {listen: '[::x]:80'}",
			"1:19: 'listen' is '[::x]:80', which names no host; allowed: " LISTEN },
		{ "gateway: {listen: 'http://h:80'}",
			"1:19: 'listen' is 'http://h:80', which names no host; allowed: " LISTEN },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

#define LLAMA(more) "{engine: llama.cpp, slice: auto, model: a, " more "}\n"

static void ports_that_meet(void **state)
{
	static const struct complaint rows[] = {
		{ "version: 1\nmodels:\n  a: " LLAMA("port: 8000, replicas: 3") "  b: " LLAMA(
			  "port: 8002"),
			"4:55: ports 8002 to 8002 of models.b meet ports 8000 to 8002 of models.a; "
			"allowed: each port once" },
		{ "version: 1\nmodels:\n  a: " LLAMA("port: 8001") "  b: " LLAMA(
			  "port: 8000, replicas: 2"),
			"4:55: ports 8000 to 8001 of models.b meet ports 8001 to 8001 of models.a; "
			"allowed: each port once" },
		{ "version: 1\nmodels:\n  a: " LLAMA("port: 65535, replicas: 2"),
			"3:55: port 65535 and 2 replicas end at 65536; allowed: ports up to "
			"65535" },
		{ "version: 1\ngateway: {listen: 0.0.0.0:8001}\nmodels:\n  a: " LLAMA(
			  "port: 8000, replicas: 2"),
			"4:55: port 8001 of models.a is the gateway's; allowed: each port once" },
		/* The same with the gateway behind the models: the order of keys says nothing. */
		{ "version: 1\nmodels:\n  a: " LLAMA("port: 8000") "gateway: {listen: 8000}\n",
			"3:55: port 8000 of models.a is the gateway's; allowed: each port once" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void text_that_is_no_yaml(void **state)
{
	static const struct complaint rows[] = {
		{ "", "1:1: an empty file; allowed: a mapping that starts with 'version: 1'" },
		{ "# x\n", "1:1: an empty file; allowed: a mapping that starts with 'version: 1'" },
		{ "version: 1\n\tname: x\n", "2:1: a tab; allowed: indenting with spaces" },
		{ "models:\n\tchat: {}\n", "2:1: a tab; allowed: indenting with spaces" },
		{ "\xc3\xa4: @b\n", "1:4: '@' cannot start a value; allowed: the value in quotes" },
		{ "a: b: c\n",
			"1:5: a ':' that cannot stand here; allowed: one 'key: value' a line, "
			"each mapping's keys in one column, and text that holds ': ' in quotes" },
		{ "\na: [b\n", "3:1: a list that is not closed; allowed: ',' or ']' for the '[' of "
			       "line 2" },
		{ "\na: {b\n", "3:1: a mapping that is not closed; allowed: ',' or '}' for the '{' "
			       "of line 2" },
		{ "\na: \"b\n",
			"3:1: text in quotes that never ends; allowed: a closing quote for the "
			"one of line 2" },
		{ "a: \"\\q\"\n",
			"1:5: an unknown escape in double quotes; allowed: \\\\, \\\", \\n, "
			"\\t, \\xNN, \\uNNNN, or single quotes, which know none" },
		{ "a:\n- b\nc\n", "4:1: a key with no ':' behind it; allowed: 'key: value'" },
		{ "gateway: {listen: [::1]:80}",
			"1:20: no value where one must stand; allowed: a value, in quotes if it "
			"starts "
			"with one of [ ] { } , : & * # ? | - < > = ! % @" },
		{ "a: 1\n---\nb: 1\n",
			"2:1: a second document; allowed: one document, one stack a file" },
		{ "a: b\n...\nc: d\n", "3:1: text behind the document's end; allowed: one "
				       "document a file" },
		{ "a: &x 1\n",
			"1:4: '&x' is a YAML anchor or alias; allowed: each value written out" },
		{ "a: *x\n",
			"1:4: '*x' is a YAML anchor or alias; allowed: each value written out" },
		{ "a: !foo {}", "1:4: '!foo' is a YAML tag; allowed: values without tags" },
		{ "? [a]\n: b\n", "1:3: a list or mapping as a key; allowed: plain text as a key" },
		{ "name: \"a\\0b\"\n", "1:7: a NUL character in text; allowed: text without \\0" },
		{ "a: 1\n\001",
			"2:1: character U+0001; allowed: printable text, and \"\\u0001\" in "
			"double quotes" },
		{ "a: \xff\n", "1:4: byte 0xff is not UTF-8; allowed: text in UTF-8" },
		{ "a: \xed\xa0\x80\n", "1:4: byte 0xed is not UTF-8; allowed: text in UTF-8" },
		{ "a: \xc0\x80\n", "1:4: byte 0xc0 is not UTF-8; allowed: text in UTF-8" },
		{ "a: \xe2\x82", "1:4: byte 0xe2 is not UTF-8; allowed: text in UTF-8" },
		{ "a: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
			"1:19: too deeply nested; allowed: 65536 values, nested 16 deep" },
	};

	(void)state;
	check(rows, TR_COUNT(rows));
}

static void sizes_that_are_bounded(void **state)
{
	static char text[(1 << 20) + 2];
	struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };
	size_t len = 0;

	(void)state;
	assert_int_equal(tr_stack_parse("f", "a: b\0c", 6, &stack, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "f:1:5: a NUL byte; allowed: text, in UTF-8");
	memset(text, '#', sizeof(text));
	assert_int_equal(tr_stack_parse("f", text, (1 << 20) + 1, &stack, &err), -TR_E_INVALID);
	assert_string_equal(err.msg, "f:1:1: too large a file; allowed: 1048576 bytes");
	assert_int_equal(tr_stack_parse("f", text, 1 << 20, &stack, &err), -TR_E_INVALID);
	assert_string_equal(
		err.msg, "f:1:1: an empty file; allowed: a mapping that starts with 'version: 1'");
	len = (size_t)snprintf(text, sizeof(text), "a: [");
	for (int i = 0; i < 4097; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n1,");
	assert_int_equal(tr_stack_parse("f", text, len, &stack, &err), -TR_E_INVALID);
	assert_string_equal(
		err.msg, "f:4098:1: too many entries; allowed: 4096 in one list or mapping");
	assert_null(stack);
}

/* A long word is cut, so that what is allowed still fits into the message. */
static void long_words_are_cut(void **state)
{
	static char text[4096];
	struct tr_stack *stack = NULL;
	struct tr_err err = { 0 };

	(void)state;
	memset(text, 'x', 1000);
	memcpy(text + 1000, ": 1", 4);
	assert_int_equal(tr_stack_parse("f", text, strlen(text), &stack, &err), -TR_E_INVALID);
	assert_non_null(strstr(err.msg, "xxx...'; allowed: " TOP_KEYS));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_are_wrong),
		cmocka_unit_test(types_that_are_wrong),
		cmocka_unit_test(values_that_are_wrong),
		cmocka_unit_test(slices_that_are_none),
		cmocka_unit_test(sources_that_are_none),
		cmocka_unit_test(arguments_that_an_engine_does_not_take),
		cmocka_unit_test(environments_and_volumes_that_are_wrong),
		cmocka_unit_test(a_secret_in_the_wrong_place_is_not_repeated),
		cmocka_unit_test(addresses_that_are_none),
		cmocka_unit_test(ports_that_meet),
		cmocka_unit_test(text_that_is_no_yaml),
		cmocka_unit_test(sizes_that_are_bounded),
		cmocka_unit_test(long_words_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
