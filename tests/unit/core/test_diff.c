/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison of what is with what a stack asks for: pure, so a test makes a scene by hand and
 * reads the steps as one line of text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene.h"

#define HEAD	     "version: 1\nmodels:\n"
#define CHAT(slice)  "  chat: {engine: command, args: [serve], slice: " slice "}\n"
#define CODER(slice) "  coder: {engine: command, args: [serve], slice: " slice "}\n"

/* "cut chat-0 2g.20gb 0:0, start chat-0 0:0" */
static void words(
	const struct tr_scene *scene, const struct tr_actions *actions, struct tr_buf *ret)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct tr_action *a = &actions->v[i];
		const struct tr_plan_profile *profile =
			tr_card_profile(&scene->cards.v[a->gpu_idx], a->profile_id);

		tr_buf_addf(ret, "%s%s", i ? ", " : "", tr_step_text(a->kind));
		if (a->server)
			tr_buf_addf(ret, " %s-%u", a->server->model, a->server->replica);
		else if (a->want)
			tr_buf_addf(ret, " %s", a->want->who);
		if (a->kind == TR_STEP_CUT || a->kind == TR_STEP_FREE)
			tr_buf_addf(ret, " %s", profile->name);
		if (a->is_whole || a->kind == TR_STEP_MIG_ON || a->kind == TR_STEP_MIG_OFF)
			tr_buf_addf(ret, " %u", a->gpu_idx);
		else if (!a->server)
			tr_buf_addf(ret, " %u:%u", a->gpu_idx, a->start);
	}
}

/* Compares; on failure the error's message stands for the steps. */
static void expect(struct tr_scene *scene, const char *text, const char *steps)
{
	struct scene_stack stack;
	TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 };
	TR_AUTO_BUF got = { 0 };
	struct tr_err err = { 0 };
	struct tr_stack_wish wish;

	if (scene_stack_open(&stack, text, &err) < 0)
		fail_msg("%s", err.msg);
	wish = (struct tr_stack_wish){ stack.stack->name, &stack.wants, stack.plans };
	if (tr_stack_diff(scene, &wish, &actions, &err) < 0)
		tr_buf_addf(&got, "%s: %s", tr_code_name(err.code), err.msg);
	else
		words(scene, &actions, &got);
	scene_stack_close(&stack);
	assert_string_equal(tr_buf_str(&got), steps);
}

/* The hash that a server of the file's model has when nothing changed. */
static void hash_of(const char *text, size_t want, char ret[41])
{
	struct scene_stack stack;
	struct tr_err err = { 0 };

	assert_int_equal(scene_stack_open(&stack, text, &err), 0);
	memcpy(ret, stack.wants.v[want].hash, 41);
	scene_stack_close(&stack);
}

static void an_empty_card_is_cut_and_filled(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	(void)state;
	scene_add_card(&scene, "a100-sxm4-80gb", true);
	expect(&scene, HEAD CHAT("2g.20gb") CODER("3g.40gb"),
		"cut chat-0 2g.20gb 0:0, cut coder-0 3g.40gb 0:4, start chat-0 0:0, start coder-0 "
		"0:4");
}

static void what_runs_as_asked_is_kept(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);
	char hash[41];

	(void)state;
	hash_of(HEAD CHAT("2g.20gb"), 0, hash);
	scene_add_slice(&scene, card, 14, 2, "demo", "chat", 0);
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-2", hash, TR_SERVER_RUNNING);
	expect(&scene, HEAD CHAT("2g.20gb"), "keep chat-0");
}

static void a_changed_server_starts_anew_on_its_slice(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);

	(void)state;
	scene_add_slice(&scene, card, 14, 2, "demo", "chat", 0);
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-2", "another", TR_SERVER_RUNNING);
	expect(&scene, HEAD CHAT("2g.20gb"), "stop chat-0, start chat-0 0:2");
}

static void another_size_gets_another_slice(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);
	char hash[41];

	(void)state;
	hash_of(HEAD CHAT("2g.20gb"), 0, hash);
	scene_add_slice(&scene, card, 14, 2, "demo", "chat", 0);
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-2", hash, TR_SERVER_RUNNING);
	expect(&scene, HEAD CHAT("7g.80gb"),
		"stop chat-0, free 2g.20gb 0:2, cut chat-0 7g.80gb 0:0, start chat-0 0:0");
}

static void what_the_file_no_longer_names_goes(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);
	char hash[41];

	(void)state;
	hash_of(HEAD CHAT("2g.20gb"), 0, hash);
	scene_add_slice(&scene, card, 14, 0, "demo", "chat", 0);
	scene_add_slice(&scene, card, 14, 2, "demo", "chat", 1);
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-0", hash, TR_SERVER_RUNNING);
	scene_add_server(&scene, "demo", "chat", 1, "MIG-0-2", hash, TR_SERVER_RUNNING);
	expect(&scene, HEAD CHAT("2g.20gb"), "keep chat-0, stop chat-1, free 2g.20gb 0:2");
}

static void a_server_that_ended_is_cleared_and_started(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);
	char hash[41];

	(void)state;
	hash_of(HEAD CHAT("2g.20gb"), 0, hash);
	scene_add_slice(&scene, card, 14, 2, "demo", "chat", 0);
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-2", hash, TR_SERVER_EXITED);
	expect(&scene, HEAD CHAT("2g.20gb"), "clean chat-0, start chat-0 0:2");
}

static void a_start_that_was_cut_off_is_made_again(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);

	(void)state;
	/* Cut, not started: the slice is used. */
	scene_add_slice(&scene, card, 14, 4, "demo", "chat", 0);
	expect(&scene, HEAD CHAT("2g.20gb"), "start chat-0 0:4");
	scene_add_server(&scene, "demo", "chat", 0, "MIG-0-4", "x", TR_SERVER_CREATED);
	expect(&scene, HEAD CHAT("2g.20gb"), "clean chat-0, start chat-0 0:4");
}

/* A slice that we did not cut, and one that another stack cut: it is freed by neither. */
static void a_server_on_a_strangers_slice_moves_to_one_of_ours(void **state)
{
	static const char *const owners[] = { NULL, "other" };
	char hash[41];

	(void)state;
	hash_of(HEAD CHAT("2g.20gb"), 0, hash);
	for (size_t i = 0; i < TR_COUNT(owners); i++) {
		TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
		struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);

		scene_add_slice(&scene, card, 14, 2, owners[i], "chat", 0);
		scene_add_server(&scene, "demo", "chat", 0, "MIG-0-2", hash, TR_SERVER_RUNNING);
		expect(&scene, HEAD CHAT("2g.20gb"),
			"stop chat-0, cut chat-0 2g.20gb 0:0, start chat-0 0:0");
	}
}

static void other_stacks_are_not_touched(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);

	(void)state;
	scene_add_slice(&scene, card, 9, 0, "other", "chat", 0);
	scene_add_server(&scene, "other", "chat", 0, "MIG-0-0", "x", TR_SERVER_EXITED);
	scene_add_slice(&scene, card, 14, 4, NULL, NULL, 0);
	expect(&scene, HEAD CHAT("1g.10gb"), "cut chat-0 1g.10gb 0:6, start chat-0 0:6");
}

static void no_room_names_holders_and_what_fits(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", true);

	(void)state;
	scene_add_slice(&scene, card, 9, 0, "other", "big", 0);
	expect(&scene, HEAD CHAT("2g.20gb") CODER("4g.40gb"),
		"NO_ROOM: no room for coder-0; there is room for chat-0; GPU 0 (8 memory slices) "
		"holds 3g.40gb at 0:0 (stack 'other', model 'big')");
}

static void cards_in_mig_mode_are_filled_first(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	(void)state;
	scene_add_card(&scene, "a100-sxm4-80gb", false);
	scene_add_card(&scene, "a100-sxm4-80gb", true);
	expect(&scene, HEAD CHAT("4g.40gb"), "cut chat-0 4g.40gb 1:0, start chat-0 1:0");
	expect(&scene, HEAD CHAT("4g.40gb") CODER("4g.40gb"),
		"mig on 0, cut chat-0 4g.40gb 0:0, cut coder-0 4g.40gb 1:0, start chat-0 0:0, "
		"start coder-0 1:0");
}

static void a_card_in_use_is_not_switched(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_card *card = scene_add_card(&scene, "a100-sxm4-80gb", false);

	(void)state;
	snprintf(card->clients, sizeof(card->clients), "pid 41 (python3)");
	expect(&scene, HEAD CHAT("2g.20gb"),
		"BUSY: MIG is off, and cannot be turned on: GPU 0 is in use by pid 41 (python3)");
}

static void a_card_without_mig_says_which_have_it(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct scene_stack stack;
	struct tr_actions actions = { 0 };
	struct tr_err err = { 0 };

	(void)state;
	scene_add_card(&scene, "geforce-rtx-4090", false);
	assert_int_equal(scene_stack_open(&stack, HEAD CHAT("2g.20gb"), &err), 0);
	assert_int_equal(
		tr_stack_diff(&scene,
			&(struct tr_stack_wish){ stack.stack->name, &stack.wants, stack.plans },
			&actions, &err),
		-TR_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "RTX 4090' has no MIG"));
	assert_non_null(strstr(err.msg, "A100-80GB"));
	scene_stack_close(&stack);
}

static void whole_cards_are_picked_beside_slices(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	(void)state;
	scene_add_card(&scene, "a100-sxm4-80gb", true);
	scene_add_card(&scene, "a100-sxm4-80gb", false);
	expect(&scene, HEAD CHAT("whole") CODER("2g.20gb"),
		"cut coder-0 2g.20gb 0:4, start chat-0 1, start coder-0 0:4");
	expect(&scene, HEAD CHAT("whole") CODER("whole"),
		"mig off 0, start chat-0 1, start coder-0 0");
}

static void a_profile_of_another_card_is_told_with_its_place(void **state)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };

	(void)state;
	scene_add_card(&scene, "a30", true);
	expect(&scene, HEAD CHAT("2g.20gb"),
		"INVALID: /srv/demo/tranche.yaml:3:49: model 'chat': GPU 0 (NVIDIA A30) has no "
		"profile '2g.20gb'; it has 1g.6gb (14), 1g.6gb+me (21), 2g.12gb (5), 2g.12gb+me "
		"(6), 4g.24gb (0)");
	/* Of several cards that lack it, the first speaks. */
	scene_add_card(&scene, "a30", true);
	expect(&scene, HEAD CHAT("3g.40gb"),
		"INVALID: /srv/demo/tranche.yaml:3:49: model 'chat': GPU 0 (NVIDIA A30) has no "
		"profile '3g.40gb'; it has 1g.6gb (14), 1g.6gb+me (21), 2g.12gb (5), 2g.12gb+me "
		"(6), 4g.24gb (0)");
}

/* Takes the steps on paper: the scene as it would be afterwards. */
static void take(struct tr_scene *scene, const struct tr_actions *actions)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct tr_action *a = &actions->v[i];
		struct tr_card *card = &scene->cards.v[a->gpu_idx];
		char uuid[96];

		switch (a->kind) {
		case TR_STEP_MIG_ON:
		case TR_STEP_MIG_OFF:
			card->mig_on = a->kind == TR_STEP_MIG_ON;
			break;
		case TR_STEP_CUT:
			scene_add_slice(scene, card, a->profile_id, a->start, a->want->stack->name,
				a->want->model->name, a->want->replica);
			break;
		case TR_STEP_START:
			snprintf(uuid, sizeof(uuid), "MIG-%u-%u", card->idx, a->start);
			scene_add_server(scene, a->want->stack->name, a->want->model->name,
				a->want->replica, a->is_whole ? card->uuid : uuid, a->want->hash,
				TR_SERVER_RUNNING);
			break;
		default:
			fail_msg("'%s' is not expected from nothing", tr_step_text(a->kind));
		}
	}
}

static void the_steps_once_taken_leave_nothing_to_do(void **state)
{
	static const char *const texts[] = {
		HEAD CHAT("2g.20gb") CODER("3g.40gb"),
		HEAD CHAT("{memory: 18G}") CODER("whole"),
		HEAD "  many: {engine: command, args: [serve], slice: 19, replicas: 9}\n",
		HEAD "  here: {engine: command, args: [serve], slice: 9, replicas: 2, gpu: 2}\n",
	};

	(void)state;
	for (size_t i = 0; i < TR_COUNT(texts); i++) {
		TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
		TR_AUTO(tr_actions_done) struct tr_actions actions = { 0 }, again = { 0 };
		struct tr_err err = { 0 };
		struct scene_stack stack;
		struct tr_stack_wish wish;

		scene_add_card(&scene, "a100-sxm4-80gb", true);
		scene_add_card(&scene, "a100-sxm4-80gb", false);
		scene_add_card(&scene, "a100-sxm4-80gb", false);
		assert_int_equal(scene_stack_open(&stack, texts[i], &err), 0);
		wish = (struct tr_stack_wish){ stack.stack->name, &stack.wants, stack.plans };
		assert_int_equal(tr_stack_diff(&scene, &wish, &actions, &err), 0);
		assert_false(tr_actions_is_settled(&actions));
		take(&scene, &actions);
		assert_int_equal(tr_stack_diff(&scene, &wish, &again, &err), 0);
		assert_true(tr_actions_is_settled(&again));
		assert_int_equal(again.n, stack.wants.n);
		scene_stack_close(&stack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_card_is_cut_and_filled),
		cmocka_unit_test(what_runs_as_asked_is_kept),
		cmocka_unit_test(a_changed_server_starts_anew_on_its_slice),
		cmocka_unit_test(another_size_gets_another_slice),
		cmocka_unit_test(what_the_file_no_longer_names_goes),
		cmocka_unit_test(a_server_that_ended_is_cleared_and_started),
		cmocka_unit_test(a_start_that_was_cut_off_is_made_again),
		cmocka_unit_test(a_server_on_a_strangers_slice_moves_to_one_of_ours),
		cmocka_unit_test(other_stacks_are_not_touched),
		cmocka_unit_test(no_room_names_holders_and_what_fits),
		cmocka_unit_test(cards_in_mig_mode_are_filled_first),
		cmocka_unit_test(a_card_in_use_is_not_switched),
		cmocka_unit_test(a_card_without_mig_says_which_have_it),
		cmocka_unit_test(whole_cards_are_picked_beside_slices),
		cmocka_unit_test(a_profile_of_another_card_is_told_with_its_place),
		cmocka_unit_test(the_steps_once_taken_leave_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
