/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

void tr_js_init(struct tr_js *js)
{
	js->top = json_object();
	js->failed = !js->top;
}

void tr_js_done(struct tr_js *js)
{
	json_decref(js->top);
	*js = (struct tr_js){ 0 };
}

/* jansson's _new calls take NULL for either argument, drop the value, and say -1. */
static void set(struct tr_js *js, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		js->failed = true;
}

static void push(struct tr_js *js, json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) < 0)
		js->failed = true;
}

/* A name that is no UTF-8 (a process can call itself anything) is shown with '?' for each byte
 * that is not ASCII. */
static json_t *text_value(const char *text)
{
	json_t *value = json_string(text);
	char plain[2048];

	if (value)
		return value;
	snprintf(plain, sizeof(plain), "%s", text);
	for (char *p = plain; *p; p++)
		if ((unsigned char)*p > '~')
			*p = '?';
	return json_string(plain);
}

void tr_js_text(struct tr_js *js, json_t *object, const char *key, const char *text)
{
	if (text && *text)
		set(js, object, key, text_value(text));
}

void tr_js_number(struct tr_js *js, json_t *object, const char *key, uint64_t number)
{
	set(js, object, key, json_integer((json_int_t)number));
}

/* Three digits behind the point: milliseconds, when the number is seconds. */
void tr_js_real(struct tr_js *js, json_t *object, const char *key, double number)
{
	set(js, object, key, json_real((double)(int64_t)(number * 1000.0 + 0.5) / 1000.0));
}

void tr_js_exact(struct tr_js *js, json_t *object, const char *key, double number)
{
	set(js, object, key, json_real(number));
}

void tr_js_bool(struct tr_js *js, json_t *object, const char *key, bool value)
{
	set(js, object, key, json_boolean(value));
}

json_t *tr_js_list(struct tr_js *js, json_t *object, const char *key)
{
	json_t *list = json_array();

	set(js, object, key, list);
	return js->failed ? NULL : list;
}

json_t *tr_js_object(struct tr_js *js, json_t *object, const char *key)
{
	json_t *made = json_object();

	set(js, object, key, made);
	return js->failed ? NULL : made;
}

json_t *tr_js_item(struct tr_js *js, json_t *list)
{
	json_t *made = json_object();

	push(js, list, made);
	return js->failed ? NULL : made;
}

void tr_js_push_number(struct tr_js *js, json_t *list, uint64_t number)
{
	push(js, list, json_integer((json_int_t)number));
}

int tr_js_print(struct tr_js *js, struct tr_err *err)
{
	TR_AUTO_FREE char *text =
		js->failed ? NULL : json_dumps(js->top, JSON_INDENT(2) | JSON_REAL_PRECISION(12));

	if (!text)
		return tr_fail(err, TR_E_NO_MEMORY, "print JSON: out of memory");
	puts(text);
	return 0;
}

int tr_js_print_line(struct tr_js *js, FILE *out, struct tr_err *err)
{
	TR_AUTO_FREE char *text =
		js->failed ? NULL : json_dumps(js->top, JSON_COMPACT | JSON_REAL_PRECISION(12));

	if (!text)
		return tr_fail(err, TR_E_NO_MEMORY, "print JSON: out of memory");
	fprintf(out, "%s\n", text);
	return 0;
}
