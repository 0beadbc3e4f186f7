/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/gen_facts.py generates from data/gpus/; used by facts.c alone. */
#pragma once

#include "facts/facts.h"

extern const struct tr_gpu_model tr_facts__models[];
extern const size_t tr_facts__n_models;
extern const struct tr_gpu_product tr_facts__products[];
extern const size_t tr_facts__n_products;
