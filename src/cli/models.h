/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for models, printed as text with pictures or as JSON. */
#pragma once

#include <tranche/plan.h>

struct tr_js;

/* node: whose cards are among them; or NULL. why: or NULL. */
int tr_show_models_plan(const struct tr_node *node, const struct tr_models_plan *plan,
	const struct tr_models_why *why, struct tr_err *err);
int tr_show_models_plan_json(const struct tr_node *node, const struct tr_models_plan *plan,
	const struct tr_models_why *why, struct tr_err *err);

int tr_show_models_why(
	const struct tr_models_plan *plan, const struct tr_models_why *why, struct tr_err *err);
void tr_show_models_why_json(
	struct tr_js *js, const struct tr_models_plan *plan, const struct tr_models_why *why);
