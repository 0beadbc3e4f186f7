/* SPDX-License-Identifier: Apache-2.0 */
/* Fleet files: what is read can be written and read again; a slice that comes and goes again leaves
 * the cards as full as they were. */
#include "base/buf.h"
#include "base/err.h"
#include "core/cards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

TR_DEFINE_FREEP(struct tr_cards_answer, tr_cards_answer_free)

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void come_and_go(struct tr_cards *cards)
{
	TR_AUTO(tr_cards_answer_freep) struct tr_cards_answer *came = NULL, *left = NULL;
	struct tr_err err = { 0 };

	if (tr_cards_arrive(
		    cards, cards->kinds[0].model->profiles[0].name, "fuzz.x", 8, &came, &err) < 0) {
		require(err.code == TR_E_NO_ROOM || err.code == TR_E_EXISTS ||
				err.code == TR_E_NO_MEMORY,
			"refused otherwise");
		return;
	}
	require(came->n_cards >= 1 && came->n_cards <= 9, "cards that change");
	require(tr_cards_leave(cards, "fuzz.x", &left, &err) == 0, "cannot leave");
	require(left->slice.gpu == came->slice.gpu && left->slice.start == came->slice.start,
		"left from elsewhere");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TR_AUTO(tr_cards_freep) struct tr_cards *cards = NULL, *again = NULL;
	TR_AUTO_BUF text = { 0 }, second = { 0 };
	struct tr_err err = { 0 };

	if (tr_cards_parse("fleet.yaml", (const char *)data, size, &cards, &err) < 0) {
		require(strncmp(err.msg, "fleet.yaml:", 11) == 0 || err.code == TR_E_NO_MEMORY,
			"no place");
		return 0;
	}
	require(tr_cards_print(cards, &text, &err) == 0, "cannot be written");
	require(tr_cards_parse("again.yaml", text.s, text.len, &again, &err) == 0,
		"cannot be read again");
	require(tr_cards_print(again, &second, &err) == 0 && strcmp(text.s, second.s) == 0,
		"is not what was written");
	come_and_go(again);
	return 0;
}
