/* SPDX-License-Identifier: Apache-2.0 */
/* What could be in the way, looked for in one go: the driver, the cards, what tranche keeps. */
#include "core/apply.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/paths.h"
#include "core/job.h"
#include "core/journal.h"
#include "run/machine.h"
#include "run/specs.h"

#include <stdio.h>
#include <string.h>

/* CUDA takes a slice's UUID since R470; before, it had a name of three parts. */
enum { OLDEST_DRIVER = 470 };

/* --- Driver and cards --- */

static void look_at_driver(const struct tr_node *node, struct tr_findings *ret)
{
	long major = strtol(node->driver, NULL, 10);

	if (node->is_virtual)
		tr_findings_add(ret, TR_FINDING_OK, "driver", NULL,
			"virtual node '%s', driver %s, scale %u", node->name, node->driver,
			node->scale);
	else if (major > 0 && major < OLDEST_DRIVER)
		tr_findings_add(ret, TR_FINDING_PROBLEM, "driver",
			"install NVIDIA's driver 470 or newer (525 for Hopper)",
			"driver %s is too old: slices cannot be named by UUID", node->driver);
	else
		tr_findings_add(ret, TR_FINDING_OK, "driver", NULL, "driver %s", node->driver);
}

static void look_at_rights(const struct tr_node *node, struct tr_findings *ret)
{
	if (node->is_virtual || geteuid() == 0)
		return;
	tr_findings_add(ret, TR_FINDING_NOTE, "rights", "sudo tranche ...",
		"cutting slices and changing the MIG mode need root");
}

static void look_at_card(const struct tr_card *card, struct tr_findings *ret)
{
	TR_AUTO_BUF fix = { 0 };
	char what[16], why[256];

	snprintf(what, sizeof(what), "GPU %u", card->idx);
	if (!tr_card_can_slice(card, why)) {
		tr_findings_add(ret, TR_FINDING_NOTE, what, NULL, "cannot be sliced: %s", why);
	} else if (card->mig_on != card->mig_pending) {
		tr_buf_addf(&fix, "nvidia-smi --gpu-reset -i %u   (in a virtual machine: reboot)",
			card->idx);
		tr_findings_add(ret, TR_FINDING_PROBLEM, what, tr_buf_str(&fix),
			"MIG is %s, and turns %s with the card's next reset",
			card->mig_on ? "on" : "off", card->mig_pending ? "on" : "off");
	} else if (!card->mig_on && *card->clients) {
		tr_buf_addf(&fix, "stop it, then: tranche mig on --gpu %u", card->idx);
		tr_findings_add(ret, TR_FINDING_NOTE, what, tr_buf_str(&fix),
			"MIG is off, and cannot be turned on while the card is in use by %s",
			card->clients);
	} else if (card->slices_hidden) {
		tr_findings_add(ret, TR_FINDING_NOTE, what, "sudo tranche doctor",
			"the driver shows its slices to root only");
	} else {
		tr_findings_add(ret, TR_FINDING_OK, what, NULL, "%s, MIG %s, %zu slice%s",
			card->name, card->mig_on ? "on" : "off", card->n_slices,
			card->n_slices == 1 ? "" : "s");
	}
}

static void look_at_cdi(const struct tr_scene *scene, struct tr_findings *ret)
{
	const char *uuids[256];
	size_t n = 0;

	for (size_t c = 0; c < scene->cards.n; c++)
		for (size_t s = 0; s < scene->cards.v[c].n_slices; s++)
			if (scene->cards.v[c].slices[s].has_device && n < TR_COUNT(uuids))
				uuids[n++] = scene->cards.v[c].slices[s].uuid;
	tr_machine_cdi(tr_specs_dirs, TR_SPECS_DIRS, uuids, n, ret);
}

/* A virtual node needs no spec; one that is kept must be right. */
static void look_at_kept_cdi(struct tr_node *node, struct tr_findings *ret)
{
	struct tr_cdi *cdi = NULL;
	struct tr_err ignored;
	TR_AUTO_BUF fix = { 0 };

	if (tr_cdi_get(node, &cdi, &ignored) < 0)
		return;
	if (cdi->file && cdi->is_fresh) {
		tr_findings_add(
			ret, TR_FINDING_OK, "CDI", NULL, "'%s' names every slice", cdi->file);
	} else if (cdi->file) {
		tr_buf_addf(&fix, "tranche cdi generate --output %s", cdi->file);
		tr_findings_add(ret, TR_FINDING_PROBLEM, "CDI", tr_buf_str(&fix),
			"'%s' is stale: slices have changed without tranche, or it was changed",
			cdi->file);
	}
	tr_cdi_free(cdi);
}

/* --- What tranche keeps --- */

static void look_at_folder(
	const char *what, int (*find)(char *ret, struct tr_err *err), struct tr_findings *ret)
{
	char path[PATH_MAX], parent[PATH_MAX];
	struct tr_err why = { 0 };

	if (find(path, &why) < 0) {
		tr_findings_add(ret, TR_FINDING_PROBLEM, what, why.hint, "%s", why.msg);
		return;
	}
	/* One that is not there yet is made by the first change, if its parents allow that. */
	snprintf(parent, sizeof(parent), "%s", path);
	while (access(parent, F_OK) < 0 && strrchr(parent, '/') && strrchr(parent, '/') != parent)
		*strrchr(parent, '/') = '\0';
	if (access(parent, W_OK) < 0)
		tr_findings_add(ret, TR_FINDING_PROBLEM, what,
			"sudo tranche ...   or set TRANCHE_RUN_DIR and TRANCHE_STATE_DIR",
			"'%.200s' cannot be written", path);
	else
		tr_findings_add(ret, TR_FINDING_OK, what, NULL, "%.200s", path);
}

static void look_at_rows(const struct tr_scene *scene, struct tr_findings *ret)
{
	size_t n_stale = 0;

	for (size_t i = 0; i < scene->rows.n; i++) {
		const struct tr_row *row = &scene->rows.v[i];
		const struct tr_card *card = tr_card_by_uuid(&scene->cards, row->gpu_uuid);
		const struct tr_card_slice *slice =
			card ? tr_card_slice_at(card, row->start) : NULL;

		n_stale += !slice || slice->profile_id != row->profile_id || !row->is_cut ||
			   (tr_job_is_stack(row->stack) && !tr_job_is_alive(row->stack));
	}
	if (n_stale)
		tr_findings_add(ret, TR_FINDING_NOTE, "slices",
			"tranche up, down, create, run: whichever comes next does it",
			"%zu slice%s of a run that was cut off wait%s to be cleaned up", n_stale,
			n_stale == 1 ? "" : "s", n_stale == 1 ? "s" : "");
	else
		tr_findings_add(ret, TR_FINDING_OK, "slices", NULL,
			"what tranche keeps of its slices agrees with the cards");
}

static void look_at_journal(const struct tr_node *node, struct tr_findings *ret)
{
	struct tr_err why = { 0 };

	if (tr_journal_check(node->store, node->name, &why) < 0)
		tr_findings_add(ret, TR_FINDING_PROBLEM, "layout", why.hint, "%s", why.msg);
}

static bool is_listening(const struct tr_scene *scene, uint16_t port)
{
	for (size_t i = 0; i < scene->servers.n; i++)
		if (scene->servers.v[i].port == port &&
			scene->servers.v[i].state == TR_SERVER_RUNNING)
			return true;
	return false;
}

/* Ports that a stack asks for, that none of our servers has, and that somebody else holds. */
static size_t look_at_ports_of(
	const struct tr_scene *scene, const struct tr_stack *stack, struct tr_findings *ret)
{
	size_t n = 0;

	for (size_t m = 0; m < stack->n_models; m++) {
		const struct tr_model *model = &stack->models[m];

		for (uint32_t i = 0; i < model->replicas && model->port; i++) {
			uint16_t port = (uint16_t)(model->port + i);
			struct tr_err why = { 0 };

			if (is_listening(scene, port) || tr_port_check(port, &why) == 0)
				continue;
			tr_findings_add(ret, TR_FINDING_PROBLEM, "ports", why.hint,
				"stack '%s', model '%s': %s", stack->name, model->name, why.msg);
			n++;
		}
	}
	return n;
}

static void look_at_stacks(
	struct tr_node *node, const struct tr_scene *scene, struct tr_findings *ret)
{
	TR_AUTO_STRV names = { 0 };
	struct tr_err ignored;
	size_t n_bad = 0;

	if (tr_store_stacks(node->store, node->name, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		TR_AUTO(tr_stack_freep) struct tr_stack *stack = NULL;
		const struct tr_runtime *runtime = NULL;
		struct tr_err why = { 0 };

		if (tr_stack_applied(node, names.v[i], &stack, &runtime, &why) < 0)
			tr_findings_add(ret, TR_FINDING_NOTE, "stacks", why.hint, "%s", why.msg);
		else
			n_bad += look_at_ports_of(scene, stack, ret);
	}
	if (names.n && !n_bad)
		tr_findings_add(ret, TR_FINDING_OK, "ports", NULL,
			"those that stacks ask for are theirs, or free");
}

static void look_at_servers(const struct tr_scene *scene, struct tr_findings *ret)
{
	for (size_t i = 0; i < scene->servers.n; i++) {
		const struct tr_server *server = &scene->servers.v[i];
		TR_AUTO_BUF fix = { 0 };
		char why[128];

		if (server->state != TR_SERVER_EXITED || tr_job_is_stack(server->stack))
			continue;
		tr_server_why(server, why, sizeof(why));
		tr_buf_addf(&fix, "tranche logs %s/%s-%u; tranche up   starts it again",
			server->stack, server->model, server->replica);
		tr_findings_add(ret, TR_FINDING_PROBLEM, "models", tr_buf_str(&fix),
			"%s/%s-%u has ended: %s", server->stack, server->model, server->replica,
			why);
	}
}

/* --- All of it --- */

static void close_node(struct tr_node **node)
{
	tr_node_close(*node);
}

static void look_at_node(const char *name, struct tr_checks *whose, struct tr_findings *ret)
{
	TR_AUTO(close_node) struct tr_node *node = NULL;
	TR_AUTO(tr_scene_done) struct tr_scene scene = { 0 };
	struct tr_err why = { 0 };

	if (tr_node_open(name, &node, &why) < 0) {
		tr_findings_add(ret, TR_FINDING_PROBLEM, "driver", why.hint, "%s", why.msg);
		tr_machine_services("/proc", /* matters= */ true, ret);
		return;
	}
	whose->has_node = true;
	whose->is_virtual = node->is_virtual;
	snprintf(whose->node, sizeof(whose->node), "%s", node->name);
	look_at_driver(node, ret);
	look_at_rights(node, ret);
	if (tr_scene_read(node, /* with_servers= */ true, &scene, &why) < 0) {
		tr_findings_add(ret, TR_FINDING_PROBLEM, "cards", why.hint, "%s", why.msg);
		return;
	}
	for (size_t i = 0; i < scene.cards.n; i++)
		look_at_card(&scene.cards.v[i], ret);
	if (node->is_virtual) {
		look_at_kept_cdi(node, ret);
		tr_machine_hook("/proc", ret);
	} else {
		look_at_cdi(&scene, ret);
	}
	tr_machine_services("/proc", !node->is_virtual, ret);
	look_at_rows(&scene, ret);
	look_at_journal(node, ret);
	look_at_servers(&scene, ret);
	look_at_stacks(node, &scene, ret);
}

static int copy_out(const struct tr_findings *findings, const struct tr_checks *whose,
	struct tr_checks **ret, struct tr_err *err)
{
	struct tr_checks *checks = findings->failed ? NULL : calloc(1, sizeof(*checks));

	if (checks)
		*checks = *whose;
	if (checks)
		checks->v = calloc(findings->n + 1, sizeof(*checks->v));
	if (!checks || !checks->v) {
		tr_checks_free(checks);
		return tr_fail(err, TR_E_NO_MEMORY, "look for what is in the way: out of memory");
	}
	for (size_t i = 0; i < findings->n; i++) {
		const struct tr_finding *from = &findings->v[i];
		struct tr_check *to = &checks->v[checks->n++];

		to->verdict = (enum tr_verdict)from->kind;
		snprintf(to->what, sizeof(to->what), "%s", from->what);
		snprintf(to->text, sizeof(to->text), "%s", from->text);
		snprintf(to->fix, sizeof(to->fix), "%s", from->fix);
	}
	*ret = checks;
	return 0;
}

int tr_doctor(const char *node, struct tr_checks **ret, struct tr_err *err)
{
	TR_AUTO(tr_findings_done) struct tr_findings findings = { 0 };
	struct tr_checks whose = { 0 };

	look_at_node(node, &whose, &findings);
	tr_machine_runtimes(&findings);
	tr_machine_cgroups(&findings);
	look_at_folder("run folder", tr_run_dir, &findings);
	look_at_folder("state folder", tr_state_dir, &findings);
	return copy_out(&findings, &whose, ret, err);
}

void tr_checks_free(struct tr_checks *checks)
{
	if (!checks)
		return;
	free(checks->v);
	free(checks);
}
