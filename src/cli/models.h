/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for models, printed as text with pictures or as JSON. */
#pragma once

#include <tranche/plan.h>

int tr_show_models_plan(
	const struct tr_node *node, const struct tr_models_plan *plan, struct tr_err *err);
int tr_show_models_plan_json(
	const struct tr_node *node, const struct tr_models_plan *plan, struct tr_err *err);
