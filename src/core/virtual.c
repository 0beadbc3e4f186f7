/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual nodes: made, listed, removed. What they are is sim/state's. */
#include "core/node.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/near.h"
#include "base/paths.h"
#include "core/store.h"
#include "sim/state/state.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

/* "RTX4090" is in "geforce-rtx-4090": letters and digits alone count. */
static bool is_part_of(const char *word, const char *key)
{
	for (; *key; key++) {
		const char *w = word, *k = key;

		for (;; w++, k++) {
			w += strspn(w, "-_ ");
			k += strspn(k, "-_ ");
			if (!*w)
				return true;
			if (tolower((unsigned char)*w) != *k)
				break;
		}
	}
	return false;
}

static int unknown_product(const char *key, struct tr_err *err)
{
	struct tr_near near = { .wrong = key };
	TR_AUTO_BUF list = { 0 }, hint = { 0 };
	size_t n, n_said = 0;
	const struct tr_gpu_product *products = tr_facts_products(&n);

	for (size_t i = 0; i < n; i++) {
		tr_buf_addf(&list, "%s%s", i ? ", " : "", products[i].key);
		tr_near_offer(&near, products[i].key, strlen(products[i].key));
		if (strlen(key) >= 2 && is_part_of(key, products[i].key) && n_said++ < TR_NEAR_MAX)
			tr_buf_addf(&hint, "tranche virtual create %s\n", products[i].key);
	}
	for (size_t i = 0; i < near.n && !n_said; i++)
		tr_buf_addf(&hint, "tranche virtual create %s\n", near.v[i]);
	tr_fail(err, TR_E_INVALID, "there is no GPU '%.40s' to simulate; there are %s", key,
		tr_buf_str(&list));
	return tr_hint(
		err, "%s", hint.len ? tr_buf_str(&hint) : "tranche virtual create a100-80gb");
}

static int find_specs(const struct tr_virtual_gpu *gpus, size_t n_gpus,
	struct tr_sim_gpu_spec ret[TR_SIM_MAX_GPUS], uint32_t *ret_n, struct tr_err *err)
{
	uint32_t n = 0;

	for (size_t i = 0; i < n_gpus; i++) {
		const struct tr_gpu_product *product = tr_facts_product(gpus[i].product);

		if (!product)
			return unknown_product(gpus[i].product, err);
		if (gpus[i].count == 0 || gpus[i].count > TR_SIM_MAX_GPUS - n)
			return tr_fail(err, TR_E_INVALID, "a virtual node has 1 to %d GPUs",
				TR_SIM_MAX_GPUS);
		for (uint32_t c = 0; c < gpus[i].count; c++)
			ret[n++] = (struct tr_sim_gpu_spec){ product,
				gpus[i].swapped_chip ? TR_CHIP_SWAPPED : TR_CHIP_NORMAL };
	}
	*ret_n = n;
	return 0;
}

/* Limits are real memory: a node larger than the machine promises what cannot be kept. */
static int warn_of_size(const struct tr_sim_gpu_spec *specs, uint32_t n, uint32_t scale, char **ret,
	struct tr_err *err)
{
	uint64_t node_mib = 0, machine_mib;
	struct sysinfo info;

	for (uint32_t i = 0; i < n; i++)
		node_mib += specs[i].product->model->memory_total_mib;
	node_mib /= scale;
	if (sysinfo(&info) < 0)
		return 0;
	machine_mib = ((uint64_t)info.totalram * info.mem_unit) >> 20;
	if (node_mib <= machine_mib)
		return 0;
	if (asprintf(ret,
		    "the node's cards hold %llu GiB together and this machine has %llu: servers "
		    "that "
		    "fill their slices will not all fit; --scale %llu divides the limits",
		    (unsigned long long)((node_mib + 1023) >> 10),
		    (unsigned long long)(machine_mib >> 10),
		    (unsigned long long)(scale * ((node_mib + machine_mib - 1) / machine_mib))) <
		0) {
		*ret = NULL;
		return tr_fail(err, TR_E_NO_MEMORY, "make a virtual node: out of memory");
	}
	return 0;
}

static int create(const char *name, const struct tr_virtual_gpu *gpus, size_t n_gpus,
	uint32_t scale, char **ret_warning, struct tr_err *err)
{
	struct tr_sim_gpu_spec specs[TR_SIM_MAX_GPUS];
	TR_AUTO(tr_store_closep) struct tr_store *store = NULL;
	char library[PATH_MAX];
	uint32_t n = 0;

	if (strcmp(name, TR_NODE_HARDWARE) == 0)
		return tr_fail(err, TR_E_INVALID,
			"'" TR_NODE_HARDWARE "' is the machine's own node; take another name");
	if (find_specs(gpus, n_gpus, specs, &n, err) < 0 ||
		tr_part_find("libnvidia-ml.so.1", library, err) < 0)
		return -(int)err->code;
	if (tr_sim_create(name, specs, n, scale, library, err) < 0) {
		if (err->code == TR_E_EXISTS)
			tr_hint(err, "tranche virtual destroy %s   removes it", name);
		else if (err->code == TR_E_PERMISSION)
			tr_hint(err, "without root: export XDG_RUNTIME_DIR and HOME, or "
				     "TRANCHE_RUN_DIR and TRANCHE_STATE_DIR");
		return -(int)err->code;
	}
	for (size_t i = 0; i < n_gpus; i++)
		if (gpus[i].passthrough && tr_sim_passthrough(name, err) < 0)
			return -(int)err->code;
	/* What an earlier node of this name was asked to hold is not asked of this one. */
	if (tr_store_open(&store, err) < 0 || tr_store_node_drop(store, name, err) < 0)
		return -(int)err->code;
	return warn_of_size(specs, n, scale, ret_warning, err);
}

int tr_virtual_create(const char *name, const struct tr_virtual_gpu *gpus, size_t n_gpus,
	uint32_t scale, char **ret_name, char **ret_warning, struct tr_err *err)
{
	TR_AUTO_FREE char *made = NULL;
	TR_AUTO_FREE char *warning = NULL;

	if (n_gpus == 0)
		return tr_fail(err, TR_E_INVALID, "name the GPU to simulate");
	made = strdup(name && *name ? name : gpus[0].product);
	if (!made)
		return tr_fail(err, TR_E_NO_MEMORY, "make a virtual node: out of memory");
	if (create(made, gpus, n_gpus, scale, &warning, err) < 0)
		return -(int)err->code;
	if (ret_name)
		*ret_name = TR_TAKE(made);
	if (ret_warning)
		*ret_warning = TR_TAKE(warning);
	return 0;
}

/* --- Listing --- */

/* "2x NVIDIA A100-SXM4-80GB, 1x NVIDIA A30" */
static void say_gpus(const struct tr_sim_node *state, char *ret, size_t size)
{
	size_t len = 0;

	for (uint32_t g = 0, same; g < state->n_gpus && len < size; g += same) {
		const char *key = state->gpus[g].product_key;
		const struct tr_gpu_product *product = tr_facts_product(key);

		for (same = 1; g + same < state->n_gpus; same++)
			if (strcmp(state->gpus[g + same].product_key, key) != 0)
				break;
		len += (size_t)snprintf(ret + len, size - len, "%s%ux %s", g ? ", " : "", same,
			product ? product->name : key);
	}
}

static int put_virtual(
	const char *name, struct tr_sim_node *state, struct tr_virtual *ret, struct tr_err *err)
{
	char dir[PATH_MAX];

	if (tr_sim_read(name, state, err) < 0 || tr_sim_node_path(name, "lib", dir, err) < 0)
		return -(int)err->code;
	*ret = (struct tr_virtual){ .scale = state->scale, .n_gpus = state->n_gpus };
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	if ((size_t)snprintf(ret->library_dir, sizeof(ret->library_dir), "%s", dir) >=
		sizeof(ret->library_dir))
		return tr_fail(err, TR_E_INVALID, "the path '%.100s...' is too long", dir);
	say_gpus(state, ret->gpus, sizeof(ret->gpus));
	return 0;
}

static int fill_virtuals(const struct tr_strv *names, struct tr_virtuals *ret, struct tr_err *err)
{
	TR_AUTO_FREE char *room = malloc(sizeof(struct tr_sim_node));

	ret->v = calloc(names->n ? names->n : 1, sizeof(*ret->v));
	if (!ret->v || !room)
		return tr_fail(err, TR_E_NO_MEMORY, "list the virtual nodes: out of memory");
	for (size_t i = 0; i < names->n; i++) {
		int r = put_virtual(
			names->v[i], (struct tr_sim_node *)(void *)room, &ret->v[ret->n], err);

		/* One that went away since it was listed is no error. */
		if (r < 0 && r != -TR_E_NOT_FOUND)
			return r;
		ret->n += r == 0;
	}
	return 0;
}

int tr_virtuals_get(struct tr_virtuals **ret, struct tr_err *err)
{
	TR_AUTO_STRV names = { 0 };
	struct tr_virtuals *virtuals;

	if (tr_sim_list(&names, err) < 0)
		return -(int)err->code;
	virtuals = calloc(1, sizeof(*virtuals));
	if (!virtuals)
		return tr_fail(err, TR_E_NO_MEMORY, "list the virtual nodes: out of memory");
	if (fill_virtuals(&names, virtuals, err) < 0) {
		tr_virtuals_free(virtuals);
		return -(int)err->code;
	}
	*ret = virtuals;
	return 0;
}

void tr_virtuals_free(struct tr_virtuals *virtuals)
{
	if (!virtuals)
		return;
	free(virtuals->v);
	free(virtuals);
}

enum { MAX_PRODUCTS = 64 };
static struct tr_product products[MAX_PRODUCTS];
static size_t n_products;

static void fill_products(void)
{
	size_t n;
	const struct tr_gpu_product *rows = tr_facts_products(&n);

	for (size_t i = 0; i < n && i < MAX_PRODUCTS; i++)
		products[n_products++] =
			(struct tr_product){ rows[i].key, rows[i].name, rows[i].model->has_mig };
}

const struct tr_product *tr_virtual_products(size_t *ret_n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_products);
	*ret_n = n_products;
	return products;
}
