/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/cmd.h"
#include "cli/show.h"
#include "cli/term.h"

#include <string.h>

TR_DEFINE_FREEP(struct tr_costs, tr_costs_free)

struct opts {
	const char *file, *name, *by, *price, *currency, *per;
};

static const struct tr_opt opts[] = {
	{ "file", 'f', TR_OPT_STRING, offsetof(struct opts, file), "FILE",
		"what this stack file would cost", 0 },
	{ "name", 0, TR_OPT_STRING, offsetof(struct opts, name), "STACK",
		"the file's stack under this name", 0 },
	{ "by", 0, TR_OPT_STRING, offsetof(struct opts, by), "RULE",
		"compute, memory, or the larger share (default larger)", 0 },
	{ "price", 0, TR_OPT_STRING, offsetof(struct opts, price), "N",
		"of one GPU; 2.5/hour also says for how long", 0 },
	{ "currency", 0, TR_OPT_STRING, offsetof(struct opts, currency), "CUR",
		"of the price, as EUR", 0 },
	{ "per", 0, TR_OPT_STRING, offsetof(struct opts, per), "TIME",
		"hour, month or year (default month)", 0 },
	{ 0 },
};

static const char *const per_names[] = {
	[TR_PER_HOUR] = "hour", [TR_PER_MONTH] = "month", [TR_PER_YEAR] = "year"
};
static const char *const by_names[] = { [TR_COST_BY_LARGER] = "larger",
	[TR_COST_BY_COMPUTE] = "compute",
	[TR_COST_BY_MEMORY] = "memory" };

/* --- What is asked --- */

static int find_word(const char *word, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, names[i]) == 0)
			return (int)i;
	return -1;
}

static int read_per(const char *text, enum tr_per *ret, struct tr_err *err)
{
	int i = find_word(text, per_names, TR_COUNT(per_names));

	if (i < 0) {
		tr_fail(err, TR_E_INVALID, "there is no time '%.30s': hour, month or year", text);
		return tr_hint(err, "tranche cost --per month");
	}
	*ret = (enum tr_per)i;
	return 0;
}

/* "1380", "2.5/hour" */
static int read_price(const char *text, struct tr_cost_ask *ask, struct tr_err *err)
{
	size_t digits = strspn(text, "0123456789."), len = strcspn(text, "/");
	char *end = NULL;

	ask->price = strtod(text, &end);
	if (digits != len || end != text + len || !(ask->price > 0) || ask->price > 1e9) {
		tr_fail(err, TR_E_INVALID, "'%.30s' is no price: a number, as 1380 or 1380.50",
			text);
		return tr_hint(err, "tranche cost --price 1380 --currency EUR --per month");
	}
	ask->has_price = true;
	ask->price_per = ask->per;
	return text[len] ? read_per(text + len + 1, &ask->price_per, err) : 0;
}

static bool is_currency(const char *text)
{
	return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static int read_currency(const char *text, struct tr_err *err)
{
	if (is_currency(text))
		return 0;
	tr_fail(err, TR_E_INVALID, "'%.30s' is no currency: three capital letters", text);
	return tr_hint(err, "tranche cost --currency EUR");
}

static int read_ask(const struct tr_call *call, struct tr_cost_ask *ret, struct tr_err *err)
{
	const struct opts *o = call->opts;
	int by = o->by ? find_word(o->by, by_names, TR_COUNT(by_names)) : TR_COST_BY_LARGER;

	*ret = (struct tr_cost_ask){ .stack = call->n_args ? call->args[0] : NULL,
		.file = o->file,
		.name = o->name,
		.by = (enum tr_cost_by)by,
		.currency = o->currency,
		.per = TR_PER_MONTH };
	if (by < 0) {
		tr_fail(err, TR_E_INVALID, "there is no rule '%.30s': compute, memory or larger",
			o->by);
		return tr_hint(err, "tranche cost --by larger");
	}
	if (ret->stack && o->price && !o->currency && is_currency(ret->stack)) {
		tr_fail(err, TR_E_INVALID, "'%s' stands where a stack's name would", ret->stack);
		return tr_hint(
			err, "tranche cost --price %.30s --currency %s", o->price, ret->stack);
	}
	if (ret->stack && ret->file)
		return tr_fail(err, TR_E_INVALID, "a stack that runs, or a file: not both");
	if (ret->name && !ret->file)
		return tr_fail(err, TR_E_INVALID, "--name names a file's stack: it needs -f");
	if ((o->per && read_per(o->per, &ret->per, err) < 0) ||
		(o->price && read_price(o->price, ret, err) < 0) ||
		(o->currency && read_currency(o->currency, err) < 0))
		return -(int)err->code;
	return 0;
}

/* --- As a table --- */

static const struct tr_col money_cols[] = {
	{ .head = "MODEL", .least = 12 },
	{ .head = "SLICE" },
	{ .head = "GPU", .is_right = true, .leave_at = 3 },
	{ .head = "SHARE", .is_right = true },
	{ .head = "SLICE ALONE", .is_right = true, .leave_at = 2 },
	{ .head = "STRANDED", .is_right = true, .leave_at = 1 },
	{ .head = "COST", .is_right = true },
	{ .head = "PAID NOW", .is_right = true },
	{ .head = "A GPU EACH", .is_right = true },
};

static const struct tr_col share_cols[] = {
	{ .head = "MODEL", .least = 12 },
	{ .head = "SLICE" },
	{ .head = "GPU", .is_right = true },
	{ .head = "SLICE ALONE", .is_right = true },
	{ .head = "STRANDED", .is_right = true },
	{ .head = "SHARE", .is_right = true },
	{ .head = "OF THE BILL", .is_right = true },
};

static void add_name(struct tr_table *table, const struct tr_cost_item *item)
{
	const struct tr_slice *s = &item->slice;
	TR_AUTO_BUF name = { 0 };

	if (s->model[0])
		tr_show_model_name(&name, s->stack, s->model, s->replica);
	else
		tr_buf_puts(&name, s->is_ours ? "(no model)" : "(not cut by tranche)");
	tr_table_add_styled(
		table, item->is_asked ? TR_STYLE_NONE : TR_STYLE_DIM, tr_buf_str(&name));
}

static void add_money(struct tr_table *table, const struct tr_costs *costs, double share)
{
	tr_table_addf(table, costs->per == TR_PER_HOUR ? "%.4f" : "%.2f", share * costs->price);
}

static void add_row(
	struct tr_table *table, const struct tr_costs *costs, const struct tr_cost_item *item)
{
	add_name(table, item);
	tr_table_add(table, item->slice.profile);
	tr_table_addf(table, "%u", item->slice.gpu_idx);
	if (!costs->has_price) {
		tr_table_addf(table, "%.1f %%", 100 * item->share);
		tr_table_addf(table, "%.1f %%", 100 * item->stranded);
		tr_table_addf(table, "%.1f %%", 100 * (item->share + item->stranded));
		tr_table_addf(table, "%.1f %%", 100 * (item->share + item->stranded + item->open));
		return;
	}
	tr_table_addf(table, "%.1f %%", 100 * (item->share + item->stranded));
	add_money(table, costs, item->share);
	add_money(table, costs, item->stranded);
	add_money(table, costs, item->share + item->stranded);
	add_money(table, costs, item->share + item->stranded + item->open);
	if (item->slice.model[0])
		add_money(table, costs, 1);
	else
		tr_table_add(table, NULL);
}

static const char *const a_per[] = {
	[TR_PER_HOUR] = "an hour", [TR_PER_MONTH] = "a month", [TR_PER_YEAR] = "a year"
};

static void say_sum(struct tr_buf *ret, const struct tr_costs *costs, double share)
{
	tr_buf_addf(ret, costs->per == TR_PER_HOUR ? "%.4f" : "%.2f", share * costs->price);
}

/* "1380.00 EUR" */
static void say_money(struct tr_buf *ret, const struct tr_costs *costs, double share)
{
	say_sum(ret, costs, share);
	if (costs->currency[0])
		tr_buf_addf(ret, " %s", costs->currency);
}

static void print_sentence(const struct tr_buf *text)
{
	tr_term_wrap(stdout, tr_term_of(stdout), 0, 2, tr_buf_str(text));
	putchar('\n');
}

static void print_head(const struct tr_costs *costs)
{
	static const char *const rules[] = {
		[TR_COST_BY_LARGER] = "the larger of compute and memory slices",
		[TR_COST_BY_COMPUTE] = "compute slices",
		[TR_COST_BY_MEMORY] = "memory slices",
	};
	TR_AUTO_BUF text = { 0 };

	if (costs->has_price) {
		say_money(&text, costs, 1);
		tr_buf_addf(&text, " %s for a GPU; ", a_per[costs->per]);
	}
	tr_buf_addf(&text, "shares by %s", rules[costs->by]);
	print_sentence(&text);
}

static void say_part(struct tr_buf *ret, const struct tr_costs *costs, uint32_t gpu_idx,
	double share, const char *what)
{
	tr_buf_addf(ret, "GPU %u: %.1f %% %s", gpu_idx, 100 * share, what);
	if (costs->has_price) {
		tr_buf_puts(ret, ", ");
		say_money(ret, costs, share);
	}
}

static void print_stranded(const struct tr_costs *costs, const struct tr_cost_card *card)
{
	TR_AUTO_BUF text = { 0 };

	say_part(&text, costs, card->idx, card->stranded, "is stranded");
	tr_buf_puts(&text, ": no further slice can use");
	if (card->stranded_compute)
		tr_buf_addf(
			&text, " %u of %u compute", card->stranded_compute, card->compute_slices);
	if (card->stranded_compute && card->stranded_memory)
		tr_buf_puts(&text, " and");
	if (card->stranded_memory)
		tr_buf_addf(&text, " %u of %u memory", card->stranded_memory, card->memory_slices);
	tr_buf_puts(&text, " slices");
	print_sentence(&text);
}

static void print_rest(const struct tr_costs *costs, const struct tr_cost_card *card)
{
	TR_AUTO_BUF text = { 0 };

	if (card->stranded > 0.0005)
		print_stranded(costs, card);
	if (card->open <= 0.0005)
		return;
	say_part(&text, costs, card->idx, card->open, "could still be cut");
	tr_buf_addf(&text, ": %s", card->free_slices);
	print_sentence(&text);
}

/* The sum that everybody does on paper: a card's price by the heads that share it. Once for cards
 * that are alike. */
static void print_heads(const struct tr_costs *costs, size_t n)
{
	const struct tr_cost_card *card = &costs->cards[n];
	TR_AUTO_BUF text = { 0 };

	for (size_t i = 0; i < n; i++)
		if (strcmp(costs->cards[i].name, card->name) == 0)
			return;
	if (!costs->has_price || card->n_most < 2)
		return;
	tr_buf_addf(&text, "GPU %u by heads: 1 model ", card->idx);
	say_money(&text, costs, 1);
	if (card->n_most > 2) {
		tr_buf_puts(&text, ", 2 models ");
		say_sum(&text, costs, 1.0 / 2);
	}
	tr_buf_addf(&text, ", %u (the most) ", card->n_most);
	say_sum(&text, costs, 1.0 / card->n_most);
	print_sentence(&text);
}

struct sums {
	size_t n_models;
	double now; /* of a card's price, what the models carry */
};

static struct sums sum_up(const struct tr_costs *costs)
{
	struct sums sums = { 0 };

	for (size_t i = 0; i < costs->n; i++) {
		const struct tr_cost_item *item = &costs->v[i];

		if (!item->is_asked || !item->slice.model[0])
			continue;
		sums.n_models++;
		sums.now += item->share + item->stranded + item->open;
	}
	return sums;
}

static void print_sums(const struct tr_costs *costs)
{
	struct sums sums = sum_up(costs);
	TR_AUTO_BUF text = { 0 };

	if (costs->has_price && sums.n_models) {
		tr_buf_addf(&text, "%zu model%s", sums.n_models, sums.n_models == 1 ? ": " : "s: ");
		say_money(&text, costs, sums.now);
		tr_buf_addf(&text, " %s", a_per[costs->per]);
		if (sums.n_models > 1) {
			tr_buf_puts(&text, ", ");
			say_money(&text, costs, sums.now / (double)sums.n_models);
			tr_buf_puts(&text, " each; with a GPU each ");
			say_money(&text, costs, (double)sums.n_models);
		}
		print_sentence(&text);
	}
	if (costs->n_idle)
		printf("%u more GPU%s hold%s nothing, and %s not counted\n", costs->n_idle,
			costs->n_idle == 1 ? "" : "s", costs->n_idle == 1 ? "s" : "",
			costs->n_idle == 1 ? "is" : "are");
	if (costs->is_converted)
		puts("a month is counted as 730 hours, a year as 12 months");
	if (!costs->has_price)
		puts("no price is known: 'price' in the stack file, or --price 1380 --currency "
		     "EUR");
}

static int show(const struct tr_node *node, const struct tr_costs *costs, struct tr_err *err)
{
	TR_AUTO_TABLE table = { .cols = costs->has_price ? money_cols : share_cols,
		.n_cols = costs->has_price ? TR_COUNT(money_cols) : TR_COUNT(share_cols) };

	tr_show_node(node, stdout);
	if (costs->n == 0) {
		puts("no slices");
		return 0;
	}
	print_head(costs);
	for (size_t i = 0; i < costs->n; i++)
		add_row(&table, costs, &costs->v[i]);
	if (tr_table_print(&table, stdout, tr_term_of(stdout), err) < 0)
		return -(int)err->code;
	for (size_t i = 0; i < costs->n_cards; i++) {
		print_rest(costs, &costs->cards[i]);
		print_heads(costs, i);
	}
	print_sums(costs);
	return 0;
}

/* --- As JSON --- */

static void add_part_json(
	struct tr_js *js, json_t *o, const struct tr_costs *costs, const char *key, double share)
{
	json_t *part = tr_js_object(js, o, key);

	tr_js_exact(js, part, "share", share);
	if (costs->has_price)
		tr_js_exact(js, part, "price", share * costs->price);
}

static void add_item_json(
	struct tr_js *js, json_t *o, const struct tr_costs *costs, const struct tr_cost_item *item)
{
	tr_js_text(js, o, "stack", item->slice.stack);
	tr_js_text(js, o, "model", item->slice.model);
	if (item->slice.model[0])
		tr_js_number(js, o, "replica", item->slice.replica);
	tr_js_bool(js, o, "asked", item->is_asked);
	tr_js_bool(js, o, "planned", item->is_planned);
	tr_show_slice_fields(js, tr_js_object(js, o, "slice"), &item->slice, false);
	add_part_json(js, o, costs, "alone", item->share);
	add_part_json(js, o, costs, "stranded", item->stranded);
	add_part_json(js, o, costs, "cost", item->share + item->stranded);
	add_part_json(js, o, costs, "now", item->share + item->stranded + item->open);
}

static void add_card_json(
	struct tr_js *js, json_t *o, const struct tr_costs *costs, const struct tr_cost_card *card)
{
	tr_js_number(js, o, "index", card->idx);
	tr_js_text(js, o, "name", card->name);
	tr_js_number(js, o, "compute_slices", card->compute_slices);
	tr_js_number(js, o, "memory_slices", card->memory_slices);
	tr_js_number(js, o, "stranded_compute_slices", card->stranded_compute);
	tr_js_number(js, o, "stranded_memory_slices", card->stranded_memory);
	tr_js_number(js, o, "open_compute_slices", card->open_compute);
	tr_js_number(js, o, "open_memory_slices", card->open_memory);
	add_part_json(js, o, costs, "stranded", card->stranded);
	add_part_json(js, o, costs, "open", card->open);
	tr_js_text(js, o, "free_slices", card->free_slices);
	if (card->n_most) {
		tr_js_number(js, o, "most_slices", card->n_most);
		tr_js_text(js, o, "most_profile", card->most_profile);
	}
}

static int show_json(const struct tr_node *node, const struct tr_costs *costs, struct tr_err *err)
{
	struct sums sums = sum_up(costs);
	TR_AUTO_JS js = { 0 };
	json_t *list;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	tr_js_text(&js, js.top, "by", by_names[costs->by]);
	tr_js_text(&js, js.top, "per", per_names[costs->per]);
	if (costs->has_price) {
		tr_js_exact(&js, js.top, "gpu_price", costs->price);
		tr_js_text(&js, js.top, "currency", costs->currency);
	}
	list = tr_js_list(&js, js.top, "slices");
	for (size_t i = 0; i < costs->n; i++)
		add_item_json(&js, tr_js_item(&js, list), costs, &costs->v[i]);
	list = tr_js_list(&js, js.top, "gpus");
	for (size_t i = 0; i < costs->n_cards; i++)
		add_card_json(&js, tr_js_item(&js, list), costs, &costs->cards[i]);
	tr_js_number(&js, js.top, "idle_gpus", costs->n_idle);
	tr_js_number(&js, js.top, "n_models", sums.n_models);
	add_part_json(&js, js.top, costs, "total", sums.now);
	add_part_json(&js, js.top, costs, "gpu_each", (double)sums.n_models);
	return tr_js_print(&js, err);
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO(tr_costs_freep) struct tr_costs *costs = NULL;
	struct tr_cost_ask ask;

	if (read_ask(call, &ask, err) < 0 || tr_show_node_open(call, &node, err) < 0 ||
		tr_costs_get(node, &ask, &costs, err) < 0)
		return -(int)err->code;
	if (call->common->json)
		return show_json(node, costs, err);
	return show(node, costs, err);
}

static const char *const example[] = {
	"tranche cost                          # every model of the node",
	"tranche cost -f lab.yaml              # before anything is cut",
	"tranche cost --price 1380 --currency EUR",
	"tranche cost --price 2.49/hour --currency USD --per month --by memory",
	NULL,
};

const struct tr_cmd tr_cmd_cost = {
	.path = "cost",
	.args = "[STACK]",
	.help = "Show what each model costs, against a GPU each",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_JSON,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.max_args = 1,
	.also = "price costs bill billing",
	.example = example,
	.run = run,
};
