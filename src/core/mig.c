/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mig.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/spawn.h"
#include "core/cdi.h"
#include "core/cut.h"
#include "core/journal.h"
#include "core/tell.h"
#include "core/took.h"
#include "sim/state/state.h"

#include <stdio.h>
#include <string.h>

enum { IN_USE_MS = 2000, IN_USE_POLL_MS = 100 };

static void say_slices(const struct tr_scene *scene, const struct tr_card *card, struct tr_buf *ret)
{
	for (size_t i = 0; i < card->n_slices; i++) {
		char holder[160];

		tr_scene_holder(scene, card, &card->slices[i], holder, sizeof(holder));
		tr_buf_addf(ret, "%s%s at %u:%u (%s)", ret->len ? ", " : "",
			card->slices[i].profile, card->idx, card->slices[i].start, holder);
	}
}

int tr_mig_busy(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_buf *ret, struct tr_err *err)
{
	TR_AUTO(tr_holders_freep) struct tr_holder *holders = NULL;
	const struct tr_server *whole = tr_scene_whole(scene, card);
	size_t n = 0;

	if (!on && card->n_slices > 0) {
		say_slices(scene, card, ret);
		return tr_buf_ok(ret, err);
	}
	if (tr_holders_read(node, card->device, &holders, &n, err) < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	tr_holders_name(holders, n, ret);
	if (whole && whole->state == TR_SERVER_RUNNING)
		tr_buf_addf(ret, "%sstack '%s', model '%s'", ret->len ? ", " : "", whole->stack,
			whole->model);
	return tr_buf_ok(ret, err);
}

int tr_mig_check(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_err *err)
{
	const struct tr_server *whole;
	TR_AUTO_BUF who = { 0 };

	if (tr_mig_busy(node, scene, card, on, &who, err) < 0)
		return -(int)err->code;
	if (who.len == 0)
		return 0;
	if (!on && card->n_slices > 0) {
		tr_fail(err, TR_E_BUSY, "GPU %u holds slices: %s", card->idx, tr_buf_str(&who));
		return tr_hint(err,
			"tranche down STACK   frees a stack's slices; tranche destroy GPU:START   "
			"one that was cut by hand");
	}
	tr_fail(err, TR_E_BUSY, "GPU %u is in use by %s: MIG cannot be turned %s under it",
		card->idx, tr_buf_str(&who), on ? "on" : "off");
	whole = tr_scene_whole(scene, card);
	if (whole && whole->state == TR_SERVER_RUNNING)
		return tr_hint(err, "tranche down %s, then: tranche mig %s --gpu %u", whole->stack,
			on ? "on" : "off", card->idx);
	return tr_hint(err, "stop it, then: tranche mig %s --gpu %u", on ? "on" : "off", card->idx);
}

/*
 * What NVML does not offer. This card alone: nobody is on it, or the mode would not have been set,
 * and its neighbours have nothing to do with it.
 */
static int reset_card(const struct tr_node *node, const struct tr_card *card, struct tr_err *err)
{
	TR_AUTO_STRV argv = { 0 };
	TR_AUTO_BUF out = { 0 };
	int status = 0;

	if (node->is_virtual)
		return tr_sim_reset(node->name, card->idx, err);
	tr_strv_adds(&argv, "nvidia-smi", "--gpu-reset", "-i", NULL);
	tr_strv_addf(&argv, "%u", card->idx);
	if (tr_strv_ok(&argv, err) < 0 || tr_run(&argv, NULL, &out, NULL, &status, err) < 0)
		return -(int)err->code;
	if (status != 0)
		return tr_fail(err, TR_E_DRIVER, "nvidia-smi --gpu-reset -i %u: %.300s", card->idx,
			tr_buf_str(&out));
	return 0;
}

static bool has_mode(const struct tr_node *node, const struct tr_card *card, bool on)
{
	unsigned current = 0, pending = 0;

	return node->api->nvmlDeviceGetMigMode(card->device, &current, &pending) == NVML_SUCCESS &&
	       current == (on ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE);
}

static int check_activation(const struct tr_node *node, const struct tr_card *card, bool on,
	nvmlReturn_t activation, struct tr_err *err)
{
	unsigned current = 0, pending = 0;
	char clients[200];

	if (TR_NVML(err, node->api, nvmlDeviceGetMigMode, (card->device, &current, &pending)) < 0)
		return tr_wrap(err, "GPU %u", card->idx);
	if (current == (on ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE))
		return 0;
	if (activation == NVML_ERROR_IN_USE && node->is_virtual &&
		tr_sim_node_clients(node->name, clients, sizeof(clients))) {
		tr_fail(err, TR_E_BUSY, "GPU %u: its driver is still open in %s", card->idx,
			clients);
		return tr_hint(err, "stop it, then: tranche mig %s --gpu %u", on ? "on" : "off",
			card->idx);
	}
	if (activation == NVML_ERROR_IN_USE) {
		tr_fail(err, TR_E_BUSY, "GPU %u: the driver says that a client still holds it",
			card->idx);
		return tr_hint(err,
			"look for nvidia-persistenced, dcgm and exporters (fuser -v "
			"/dev/nvidia%u), "
			"then: tranche mig %s --gpu %u",
			card->idx, on ? "on" : "off", card->idx);
	}
	if (reset_card(node, card, err) == 0 && has_mode(node, card, on))
		return 0;
	tr_fail(err, TR_E_DRIVER, "GPU %u: MIG is set, and takes effect after a reset", card->idx);
	return tr_hint(
		err, "nvidia-smi --gpu-reset -i %u   (in a virtual machine: reboot)", card->idx);
}

/* Another program that looks at the card for a moment (nvidia-smi, `tranche ps`) is a client, too.
 */
static int set_mode(const struct tr_node *node, const struct tr_card *card, bool on,
	nvmlReturn_t *ret_activation, struct tr_err *err)
{
	int64_t until_ms = tr_now_ms(&tr_clock_real) + IN_USE_MS;

	for (;;) {
		*ret_activation = NVML_SUCCESS;
		if (TR_NVML(err, node->api, nvmlDeviceSetMigMode,
			    (card->device, on ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE,
				    ret_activation)) < 0)
			return -(int)err->code;
		if (*ret_activation != NVML_ERROR_IN_USE || tr_now_ms(&tr_clock_real) >= until_ms)
			return 0;
		tr_sleep_ms(&tr_clock_real, IN_USE_POLL_MS);
	}
}

int tr_mig_change(const struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, struct tr_err *err)
{
	nvmlReturn_t activation;
	int64_t began_ms = tr_now_ms(&tr_clock_real);
	char why[256];
	int r;

	if (!tr_card_can_slice(card, why))
		return tr_fail(err, TR_E_UNSUPPORTED, "GPU %u: %s", card->idx, why);
	if (tr_mig_check(node, scene, card, on, err) < 0)
		return -(int)err->code;
	if (set_mode(node, card, on, &activation, err) < 0) {
		tr_wrap(err, "GPU %u: turn MIG %s", card->idx, on ? "on" : "off");
		if (err->code == TR_E_PERMISSION)
			tr_hint(err, "changing the MIG mode needs root: sudo tranche mig %s",
				on ? "on" : "off");
		return -(int)err->code;
	}
	if (node->is_virtual)
		tr_cdi_refresh(node->name);
	r = check_activation(node, card, on, activation, err);
	if (r == 0)
		tr_took_note(node, TR_TOOK_MODE, card->uuid, tr_now_ms(&tr_clock_real) - began_ms);
	return r;
}

void tr_mig_text(const struct tr_card *card, bool on, struct tr_buf *ret)
{
	tr_buf_addf(ret, "nvidia-smi -i %u -mig %d\n", card->idx, on);
}

static int change_one(struct tr_node *node, const struct tr_scene *scene,
	const struct tr_card *card, bool on, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO_BUF command = { 0 };

	if (card->mig_on == on) {
		tr_tell(change, TR_STEP_KEPT, NULL, NULL, "MIG is %s on GPU %u", on ? "on" : "off",
			card->idx);
		return 0;
	}
	tr_mig_text(card, on, &command);
	tr_tell(change, on ? TR_STEP_MIG_ON : TR_STEP_MIG_OFF, NULL, tr_buf_str(&command),
		"GPU %u (%s)", card->idx, card->name);
	if (tr_is_dry(change))
		return tr_mig_check(node, scene, card, on, err);
	return tr_mig_change(node, scene, card, on, err);
}

static int change_all(struct tr_node *node, const struct tr_scene *scene, int gpu, bool on,
	const struct tr_change *change, struct tr_err *err)
{
	char why[256] = "it has no GPU";
	uint32_t n = 0;

	for (size_t i = 0; i < scene->cards.n; i++) {
		const struct tr_card *card = &scene->cards.v[i];

		if (gpu >= 0 && card->idx != (uint32_t)gpu)
			continue;
		if (!tr_card_can_slice(card, why))
			continue;
		n++;
		if (tr_is_stopped(change))
			return tr_fail(
				err, TR_E_INTERRUPTED, "interrupted before GPU %u", card->idx);
		if (change_one(node, scene, card, on, change, err) < 0)
			return -(int)err->code;
	}
	if (n == 0 && gpu >= 0)
		return tr_fail(err, TR_E_UNSUPPORTED, "GPU %d: %s", gpu, why);
	if (n == 0)
		return tr_fail(err, TR_E_UNSUPPORTED, "no GPU of node '%s' can be sliced: %s",
			node->name, why);
	return 0;
}

int tr_mig_set(
	struct tr_node *node, int gpu, bool on, const struct tr_change *change, struct tr_err *err)
{
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	TR_AUTO_CLOSE int lock = -1;
	const struct tr_card *card;

	tr_tell_begin();
	if (tr_node__lock(node, change, &lock, err) < 0 ||
		tr_journal_check(node->store, node->name, err) < 0 ||
		tr_scene_read(node, /* with_servers= */ true, &scene, err) < 0)
		return -(int)err->code;
	if (gpu >= 0 && tr_card_find(&scene.cards, (uint32_t)gpu, &card, err) < 0)
		return -(int)err->code;
	return change_all(node, &scene, gpu, on, change, err);
}
