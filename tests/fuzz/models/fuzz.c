/* SPDX-License-Identifier: Apache-2.0 */
/* Models files: whatever they say they are read, or refused at a place in them. */
#include "base/err.h"
#include "base/own.h"
#include "core/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void look_at(const struct tr_models_file *models)
{
	require(models->n_gpus >= 1 && models->n_gpus <= TR_FLEET_KINDS, "kinds of cards");
	require(models->n_items >= 1 && models->n_items <= TR_MODELS_MAX, "models");
	for (size_t i = 0; i < models->n_items; i++) {
		const struct tr_models_item *item = &models->items[i];

		require(item->name && item->name[0], "a model without a name");
		require(item->rate_thousandths ? item->latency_us > 0 : item->replicas >= 1,
			"a model that needs nothing");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TR_AUTO(tr_models_freep) struct tr_models_file *models = NULL;
	TR_AUTO_CLOSE int fd = memfd_create("models", MFD_CLOEXEC);
	struct tr_err err = { 0 };
	char path[64];
	int n = snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	if (tr_models_load(path, /* gpus= */ NULL, /* node= */ NULL, &models, &err) == 0) {
		look_at(models);
		return 0;
	}
	require(err.msg[0] != '\0', "refused without a word");
	/* A file that it names may be what is wrong; all else is at a place of this one. */
	require(err.code != TR_E_INVALID || strncmp(err.msg, path, (size_t)n) == 0 ||
			strstr(err.msg, ".csv") != NULL,
		"no place");
	return 0;
}
