/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building the JSON that commands print.
 *
 * Running out of memory is remembered inside, and told once, by tr_js_print. What is unknown is
 * left out: tr_js_text adds nothing for "", and the callers ask `has_` before they add a number.
 */
#pragma once

#include "base/own.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct tr_err;

struct tr_js {
	json_t *top; /* an object */
	bool failed;
};

void tr_js_init(struct tr_js *js);
void tr_js_done(struct tr_js *js);

void tr_js_text(struct tr_js *js, json_t *object, const char *key, const char *text);
void tr_js_number(struct tr_js *js, json_t *object, const char *key, uint64_t number);
void tr_js_real(struct tr_js *js, json_t *object, const char *key, double number);
/* Not rounded: shares and prices, of which 12 digits are printed. */
void tr_js_exact(struct tr_js *js, json_t *object, const char *key, double number);
void tr_js_bool(struct tr_js *js, json_t *object, const char *key, bool value);
/* Adds an empty list or object and lends it; NULL when memory is out, which all calls here take. */
json_t *tr_js_list(struct tr_js *js, json_t *object, const char *key);
json_t *tr_js_object(struct tr_js *js, json_t *object, const char *key);
/* The same as the next item of a list. */
json_t *tr_js_item(struct tr_js *js, json_t *list);
/* Appends a plain number to a list. */
void tr_js_push_number(struct tr_js *js, json_t *list, uint64_t number);

/* To standard output, indented. */
int tr_js_print(struct tr_js *js, struct tr_err *err);

/* In one line, to where a program's own output is not. */
int tr_js_print_line(struct tr_js *js, FILE *out, struct tr_err *err);

#define TR_AUTO_JS TR_AUTO(tr_js_done) struct tr_js
