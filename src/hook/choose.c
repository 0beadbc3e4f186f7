/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/hook.h"

#include "base/err.h"
#include "base/paths.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_MAX = 96, SHOWN_MAX = 4 };

/* What is read for it, and the node's state once it is known which. */
struct chooser {
	struct tr_strv nodes;
	struct tr_sim_node *state; /* name "": none yet */
	const char *wanted_node;
	struct tr_hook_choice *choice;
};

void tr_hook_choice_done(struct tr_hook_choice *choice)
{
	tr_strv_done(&choice->uuids);
	*choice = (struct tr_hook_choice){ 0 };
}

static int no_node(struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_run_dir(dir, err) < 0)
		return -(int)err->code;
	tr_fail(err, TR_E_NOT_FOUND, "there is no virtual node in '%s'", dir);
	return tr_hint(err, "tranche virtual create a100-80gb, with docker's daemon and tranche "
			    "agreeing on TRANCHE_RUN_DIR");
}

/* --- Which node --- */

static int use_node(struct chooser *c, const char *name, struct tr_err *err)
{
	char current[TR_SIM_NAME_MAX];

	if (c->choice->node[0] && strcmp(c->choice->node, name) != 0)
		return tr_fail(err, TR_E_INVALID,
			"a container sees one node's GPUs, and these are of '%s' and of '%s'",
			c->choice->node, name);
	snprintf(current, sizeof(current), "%s", name);
	if (tr_sim_read(current, c->state, err) < 0)
		return -(int)err->code;
	snprintf(c->choice->node, sizeof(c->choice->node), "%s", current);
	return 0;
}

/* The node that indexes count on. */
static int use_one_node(struct chooser *c, const char *token, struct tr_err *err)
{
	TR_AUTO_BUF names = { 0 };

	if (c->choice->node[0])
		return 0;
	if (c->wanted_node && *c->wanted_node)
		return use_node(c, c->wanted_node, err);
	if (c->nodes.n == 1)
		return use_node(c, c->nodes.v[0], err);
	for (size_t i = 0; i < c->nodes.n; i++)
		tr_buf_addf(&names, "%s%s", i ? ", " : "", c->nodes.v[i]);
	tr_fail(err, TR_E_INVALID, "'%s' may be of any of the virtual nodes %s", token,
		tr_buf_str(&names));
	return tr_hint(err, "name the slice by its UUID: tranche --node NAME slices");
}

/* --- Adding --- */

static void add(struct chooser *c, const char *prefix, const uint8_t uuid[16])
{
	char text[41];

	tr_sim_uuid_text(prefix, uuid, text);
	for (size_t i = 0; i < c->choice->uuids.n; i++)
		if (strcmp(c->choice->uuids.v[i], text) == 0)
			return;
	tr_strv_add(&c->choice->uuids, text);
}

/* MIG devices of a card in the order in which the driver counts them: all (mig_idx -1), or one.
 * How many were added. */
static uint32_t add_slices(struct chooser *c, uint32_t gpu_idx, int64_t mig_idx)
{
	const struct tr_sim_gpu *gpu = &c->state->gpus[gpu_idx];
	uint32_t n = 0;
	int64_t at = 0;

	for (uint32_t i = 0; i < TR_SIM_MAX_GIS; i++) {
		for (uint32_t k = 0; k < TR_SIM_MAX_CIS; k++) {
			if (!gpu->gis[i].exists || !gpu->gis[i].cis[k].exists)
				continue;
			if (mig_idx >= 0 && at++ != mig_idx)
				continue;
			add(c, "MIG-", gpu->gis[i].cis[k].uuid);
			n++;
		}
	}
	return n;
}

/* A card in MIG mode is its slices. */
static int add_card(struct chooser *c, uint32_t gpu_idx, struct tr_err *err)
{
	const struct tr_sim_gpu *gpu = &c->state->gpus[gpu_idx];

	if (!gpu->mig_current) {
		add(c, "GPU-", gpu->uuid);
		return 0;
	}
	if (add_slices(c, gpu_idx, /* mig_idx= */ -1) > 0)
		return 0;
	tr_fail(err, TR_E_NOT_FOUND, "GPU %u of virtual node '%s' is in MIG mode and has no slice",
		gpu_idx, c->state->name);
	return tr_hint(err, "tranche create 1g.10gb");
}

static int add_all(struct chooser *c, struct tr_err *err)
{
	if (use_one_node(c, "all", err) < 0)
		return -(int)err->code;
	for (uint32_t g = 0; g < c->state->n_gpus; g++)
		if (add_card(c, g, err) < 0)
			return -(int)err->code;
	return 0;
}

/* --- One word of the list --- */

/* "0" or "0:1"; false for anything else. */
static bool parse_index(const char *token, uint32_t *ret_gpu, int64_t *ret_mig)
{
	char *end;

	if (!isdigit((unsigned char)token[0]))
		return false;
	*ret_gpu = (uint32_t)strtoul(token, &end, 10);
	*ret_mig = -1;
	if (*end == ':' && isdigit((unsigned char)end[1]))
		*ret_mig = strtoll(end + 1, &end, 10);
	return *end == '\0';
}

static int add_index(
	struct chooser *c, const char *token, uint32_t gpu_idx, int64_t mig_idx, struct tr_err *err)
{
	if (use_one_node(c, token, err) < 0)
		return -(int)err->code;
	if (gpu_idx >= c->state->n_gpus) {
		tr_fail(err, TR_E_NOT_FOUND, "virtual node '%s' has no GPU %u", c->state->name,
			gpu_idx);
		return tr_hint(err, "tranche gpus");
	}
	if (mig_idx < 0)
		return add_card(c, gpu_idx, err);
	if (add_slices(c, gpu_idx, mig_idx) > 0)
		return 0;
	tr_fail(err, TR_E_NOT_FOUND, "GPU %u of virtual node '%s' has no slice number %lld",
		gpu_idx, c->state->name, (long long)mig_idx);
	return tr_hint(err, "tranche slices");
}

/* The slices that there are, as far as a message has room for them. */
static void say_slices(struct chooser *c, struct tr_buf *ret)
{
	TR_AUTO(tr_hook_choice_done) struct tr_hook_choice all = { 0 };
	struct chooser other = { .state = c->state, .choice = &all };
	struct tr_err ignored;

	for (size_t i = 0; i < c->nodes.n; i++) {
		if (tr_sim_read(c->nodes.v[i], c->state, &ignored) < 0)
			continue;
		for (uint32_t g = 0; g < c->state->n_gpus; g++)
			add_card(&other, g, &ignored);
	}
	for (size_t i = 0; i < all.uuids.n && i < SHOWN_MAX; i++)
		tr_buf_addf(ret, "%s%s", i ? ", " : "; there are ", all.uuids.v[i]);
	if (all.uuids.n > SHOWN_MAX)
		tr_buf_addf(ret, " and %zu more", all.uuids.n - SHOWN_MAX);
}

static int add_uuid(struct chooser *c, const char *token, struct tr_err *err)
{
	TR_AUTO_BUF known = { 0 };
	uint32_t gpu_idx, gi_id, ci_id;

	for (size_t i = 0; i < c->nodes.n; i++) {
		struct tr_err ignored;

		if (tr_sim_read(c->nodes.v[i], c->state, &ignored) < 0 ||
			!tr_sim_find_uuid(c->state, token, &gpu_idx, &gi_id, &ci_id))
			continue;
		if (use_node(c, c->nodes.v[i], err) < 0)
			return -(int)err->code;
		if (gi_id == TR_SIM_WHOLE)
			return add_card(c, gpu_idx, err);
		add(c, "MIG-", c->state->gpus[gpu_idx].gis[gi_id].cis[ci_id].uuid);
		return 0;
	}
	say_slices(c, &known);
	tr_fail(err, TR_E_NOT_FOUND, "no virtual node has a slice '%s'%s", token,
		tr_buf_str(&known));
	return tr_hint(err, "tranche slices");
}

static int add_token(struct chooser *c, const char *token, struct tr_err *err)
{
	uint32_t gpu_idx;
	int64_t mig_idx;

	if (strcmp(token, "all") == 0)
		return add_all(c, err);
	if (parse_index(token, &gpu_idx, &mig_idx))
		return add_index(c, token, gpu_idx, mig_idx, err);
	return add_uuid(c, token, err);
}

static int add_tokens(struct chooser *c, const char *visible, struct tr_err *err)
{
	if (c->nodes.n == 0)
		return no_node(err);
	for (const char *at = visible; *at;) {
		size_t len = strcspn(at, ",");
		char token[TOKEN_MAX];

		snprintf(token, sizeof(token), "%.*s", (int)len, at);
		at += len + (at[len] == ',');
		if (token[0] && add_token(c, token, err) < 0)
			return -(int)err->code;
	}
	return tr_strv_ok(&c->choice->uuids, err);
}

static bool asks_for_nothing(const char *visible)
{
	return !visible || !*visible || strcmp(visible, "void") == 0 ||
	       strcmp(visible, "none") == 0;
}

int tr_hook_choose(
	const char *visible, const char *node, struct tr_hook_choice *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *room = malloc(sizeof(struct tr_sim_node));
	struct tr_hook_choice choice = { 0 };
	struct chooser c = {
		.state = (struct tr_sim_node *)(void *)room, .wanted_node = node, .choice = &choice
	};
	int r = 0;

	if (!room)
		return tr_fail(err, TR_E_NO_MEMORY, "choose slices: out of memory");
	if (!asks_for_nothing(visible)) {
		r = tr_sim_list(&c.nodes, err);
		if (r == 0)
			r = add_tokens(&c, visible, err);
	}
	tr_strv_done(&c.nodes);
	if (r < 0)
		tr_hook_choice_done(&choice);
	else
		*ret = choice;
	return r;
}
