/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "base/err.h"

#include <time.h>

static const struct tr_col ps_cols[] = {
	{ .head = "MODEL", .least = 12 },
	{ .head = "SLICE" },
	{ .head = "GPU", .is_right = true, .leave_at = 3 },
	{ .head = "UUID", .least = 12, .is_prefix = true },
	{ .head = "MEMORY (MiB)", .is_right = true },
	{ .head = "STATE" },
	{ .head = "PORT", .is_right = true },
	{ .head = "AGE", .is_right = true, .leave_at = 1 },
	{ .head = "RUNTIME", .leave_at = 2 },
};

static const struct tr_col endpoint_cols[] = {
	{ .head = "MODEL", .least = 12 },
	{ .head = "PORT", .is_right = true, .leave_at = 1 },
	{ .head = "URL" },
	{ .head = "SLICE" },
	{ .head = "UUID", .least = 12, .is_prefix = true },
};

static enum tr_style style_of(enum tr_model_state state)
{
	switch (state) {
	case TR_MODEL_READY:
		return TR_STYLE_GOOD;
	case TR_MODEL_LOADING:
	case TR_MODEL_CREATED:
		return TR_STYLE_WAIT;
	case TR_MODEL_EXITED:
	case TR_MODEL_MISSING:
		return TR_STYLE_BAD;
	}
	return TR_STYLE_NONE;
}

static void add_name(struct tr_table *table, const struct tr_replica *r)
{
	TR_AUTO_BUF name = { 0 };

	tr_show_model_name(&name, r->stack, r->model, r->replica);
	tr_table_add(table, tr_buf_str(&name));
}

static void add_port(struct tr_table *table, uint16_t port)
{
	if (port)
		tr_table_addf(table, "%u", port);
	else
		tr_table_add(table, NULL);
}

static void add_row(struct tr_table *table, const struct tr_replica *r, int64_t now_unix_ms)
{
	const struct tr_slice *s = r->has_slice ? &r->slice : NULL;

	add_name(table, r);
	tr_table_add(table, s ? s->profile : NULL);
	if (s)
		tr_table_addf(table, "%u", s->gpu_idx);
	else
		tr_table_add(table, NULL);
	tr_table_add(table, s ? s->uuid : NULL);
	tr_show_memory(
		table, s && s->has_memory, s ? s->memory_used_bytes : 0, s ? s->memory_bytes : 0);
	tr_table_add_styled(table, style_of(r->state), tr_model_state_text(r->state));
	add_port(table, r->port);
	tr_show_age(table, r->started_unix_ms, now_unix_ms);
	tr_table_add(table, r->runtime);
}

static int64_t unix_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What a cell has no room for: why a server ended, and whose limits nobody enforces. */
static void print_remarks(const struct tr_replicas *replicas)
{
	TR_AUTO_BUF loose = { 0 };

	for (size_t i = 0; i < replicas->n; i++) {
		const struct tr_replica *r = &replicas->v[i];
		TR_AUTO_BUF name = { 0 };

		tr_show_model_name(&name, r->stack, r->model, r->replica);
		if (r->why[0])
			printf("%s: %s   (tranche logs %s)\n", tr_buf_str(&name), r->why,
				tr_buf_str(&name));
		if (!r->limits_enforced && r->state <= TR_MODEL_LOADING)
			tr_buf_addf(&loose, "%s%s", loose.len ? ", " : "", tr_buf_str(&name));
	}
	if (loose.len)
		printf("limits not enforced: %s\n", loose.s);
}

int tr_show_replicas(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = ps_cols, .n_cols = TR_COUNT(ps_cols) };
	int64_t now_unix_ms = unix_now_ms();

	tr_show_node(node, stdout);
	if (replicas->n == 0) {
		puts("no models");
		return 0;
	}
	for (size_t i = 0; i < replicas->n; i++)
		add_row(&table, &replicas->v[i], now_unix_ms);
	if (tr_table_print(&table, stdout, tr_term_of(stdout), err) < 0)
		return -(int)err->code;
	print_remarks(replicas);
	return 0;
}

int tr_show_endpoints(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = endpoint_cols, .n_cols = TR_COUNT(endpoint_cols) };

	tr_show_node(node, stdout);
	for (size_t i = 0; i < replicas->n; i++) {
		const struct tr_replica *r = &replicas->v[i];

		add_name(&table, r);
		add_port(&table, r->port);
		if (r->port)
			tr_table_addf(&table, "http://127.0.0.1:%u/v1", r->port);
		else
			tr_table_add(&table, NULL);
		tr_table_add(&table, r->has_slice ? r->slice.profile : NULL);
		tr_table_add(&table, r->has_slice ? r->slice.uuid : NULL);
	}
	return tr_table_print(&table, stdout, tr_term_of(stdout), err);
}

/* "2026-03-01T12:00:00Z" */
static void add_time(struct tr_js *js, json_t *object, const char *key, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	char text[32];
	struct tm tm;

	if (unix_ms > 0 && gmtime_r(&seconds, &tm) &&
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		tr_js_text(js, object, key, text);
}

static void add_json(struct tr_js *js, json_t *o, const struct tr_replica *r)
{
	char url[64];

	tr_js_text(js, o, "stack", r->stack);
	tr_js_text(js, o, "model", r->model);
	tr_js_number(js, o, "replica", r->replica);
	tr_js_text(js, o, "state", tr_model_state_text(r->state));
	tr_js_text(js, o, "why", r->why);
	tr_js_text(js, o, "runtime", r->runtime);
	tr_js_text(js, o, "server", r->server);
	if (r->pid > 0)
		tr_js_number(js, o, "pid", (uint64_t)r->pid);
	if (r->port) {
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1", r->port);
		tr_js_number(js, o, "port", r->port);
		tr_js_text(js, o, "url", url);
	}
	if (r->runtime[0])
		tr_js_bool(js, o, "limits_enforced", r->limits_enforced);
	add_time(js, o, "since", r->started_unix_ms);
	if (r->has_slice)
		tr_show_slice_fields(js, tr_js_object(js, o, "slice"), &r->slice, false);
}

int tr_show_replicas_json(
	const struct tr_node *node, const struct tr_replicas *replicas, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	list = tr_js_list(&js, js.top, "models");
	for (size_t i = 0; i < replicas->n; i++)
		add_json(&js, tr_js_item(&js, list), &replicas->v[i]);
	return tr_js_print(&js, err);
}
