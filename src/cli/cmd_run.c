/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "cli/change.h"
#include "cli/cmd.h"
#include "cli/show.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct opts {
	const char *image, *env_file;
	struct tr_opt_list env, volumes;
	bool quiet;
};

static const struct tr_opt opts[] = {
	{ "image", 0, TR_OPT_STRING, offsetof(struct opts, image), "IMAGE",
		"run it in a container of this image", 0 },
	{ "volume", 'v', TR_OPT_LIST, offsetof(struct opts, volumes), "DIR:DIR",
		"with --image: a folder, and where it is seen; :ro", 0 },
	{ "env", 'e', TR_OPT_LIST, offsetof(struct opts, env), "NAME=VALUE",
		"a variable; NAME alone: as it is here", 0 },
	{ "env-file", 0, TR_OPT_STRING, offsetof(struct opts, env_file), "FILE",
		"such lines: where secrets belong", 0 },
	{ "quiet", 'q', TR_OPT_FLAG, offsetof(struct opts, quiet), NULL,
		"say nothing of what is cut and freed", 0 },
	{ 0 },
};

/* --- Signals --- */

enum { INTERRUPTS_TO_KILL = 3 };

/* A signal handler can reach nothing but globals. */
static volatile int is_running; /* the job is there: signals are its business */
static volatile int stop_flag, to_pass, n_interrupts;

static void on_signal(int sig, siginfo_t *info, void *unused)
{
	int kept_errno = errno;

	(void)unused;
	if (!is_running) {
		stop_flag = 1;
	} else if (sig == SIGINT && ++n_interrupts >= INTERRUPTS_TO_KILL) {
		to_pass = SIGKILL;
	} else if (info->si_code <= 0) {
		/* From a process, to us alone; what a terminal sends, the job has got as well. */
		to_pass = sig;
	}
	errno = kept_errno;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO }, before;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < TR_COUNT(signals); i++) {
		/* nohup: who started us wants the hang-up ignored. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &action, NULL);
	}
}

/* --- Steps --- */

struct listener {
	const struct tr_change *inner;
	bool quiet;
};

static void on_step(void *arg, const struct tr_step *step)
{
	const struct listener *listener = arg;
	bool is_news = step->kind == TR_STEP_NOTE || step->kind == TR_STEP_CLEAN;

	if (!listener->quiet || is_news || listener->inner->dry_run)
		listener->inner->on_step(listener->inner->arg, step);
	if (step->kind == TR_STEP_START)
		is_running = 1;
	else if (is_running && (step->kind == TR_STEP_FREE || step->kind == TR_STEP_WAIT))
		is_running = 0;
}

/* One line, the last on standard error: standard output is the job's. */
static int report(const struct tr_node *node, const struct tr_job_end *end, struct tr_err *err)
{
	TR_AUTO_JS js = { 0 };
	json_t *slice;

	tr_js_init(&js);
	tr_show_node_json(&js, node);
	tr_js_text(&js, js.top, "runtime", end->runtime);
	tr_js_number(&js, js.top, "status", (uint64_t)end->status);
	tr_js_bool(&js, js.top, "out_of_memory", end->out_of_memory);
	tr_js_bool(&js, js.top, "limits_enforced", end->limits_enforced);
	tr_js_real(&js, js.top, "seconds", end->seconds);
	slice = tr_js_object(&js, js.top, "slice");
	tr_js_number(&js, slice, "gpu", end->gpu_idx);
	tr_js_text(&js, slice, "profile", end->profile);
	tr_js_number(&js, slice, "start", end->start);
	tr_js_text(&js, slice, "uuid", end->uuid);
	tr_js_number(&js, slice, "memory_bytes", end->memory_bytes);
	return tr_js_print_line(&js, stderr, err);
}

static int finish(const struct tr_call *call, const struct tr_node *node,
	const struct tr_job_end *end, struct tr_err *err)
{
	if (call->common->json)
		return report(node, end, err) < 0 ? -(int)err->code : end->status;
	if (!end->out_of_memory)
		return end->status;
	fprintf(stderr, "tranche: the job ran out of memory: its slice %s has %llu MiB\n",
		end->profile, (unsigned long long)(end->memory_bytes >> 20));
	fputs("  try: a larger size; tranche profiles   lists them\n", stderr);
	return end->status;
}

static int run(const struct tr_call *call, struct tr_err *err)
{
	TR_AUTO(tr_node_closep) struct tr_node *node = NULL;
	TR_AUTO_TALK talk = { 0 };
	const struct opts *o = call->opts;
	struct tr_change inner, change;
	struct listener listener = { .inner = &inner, .quiet = o->quiet || call->common->json };
	struct tr_job_end end = { 0 };
	const struct tr_job job = { .profile = call->args[0],
		.gpu = call->common->gpu,
		.image = o->image,
		.env = o->env.v,
		.n_env = o->env.n,
		.env_file = o->env_file,
		.volumes = o->volumes.v,
		.n_volumes = o->volumes.n,
		.argv = call->args + 1,
		.n_argv = call->n_args - 1,
		.has_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.signal = &to_pass };

	if (!job.n_argv && !job.image) {
		bool has_size = job.profile[0] >= '0' && job.profile[0] <= '9';

		tr_fail(err, TR_E_INVALID, "'tranche run' needs %s",
			has_size ? "a command, or --image" : "a slice's size, then a command");
		return tr_hint(err, "tranche run %.60s -- %.60s",
			has_size ? job.profile : "1g.10gb",
			has_size ? "python3 train.py" : job.profile);
	}
	if (tr_node_open(call->common->node, &node, err) < 0 ||
		tr_talk_begin(&talk, call, node, &inner, err) < 0)
		return -(int)err->code;
	catch_signals();
	change = inner;
	change.on_step = on_step;
	change.arg = &listener;
	change.stop_flag = &stop_flag;
	if (tr_job_run(node, &job, &change, &end, err) < 0)
		return -(int)err->code;
	return change.dry_run ? tr_talk_end(&talk, err) : finish(call, node, &end, err);
}

static const char *const example[] = {
	"tranche run 1g.10gb python3 train.py --epochs 3",
	"tranche run 18G -v ./data:/data:ro -e SEED=7 --image localhost/lab/train",
	"tranche run 2g.20gb --image nvcr.io/nvidia/cuda:13.0.1-base-ubuntu24.04 \\",
	"    -- nvidia-smi -L",
	NULL,
};

const struct tr_cmd tr_cmd_run = {
	.path = "run",
	.args = "PROFILE[:START] [--] COMMAND...",
	.help = "Cut a slice, run one command on it, free the slice",
	.group = TR_GROUP_MODELS,
	.uses = TR_USES_NODE | TR_USES_GPU | TR_USES_RUNTIME | TR_USES_GRACE | TR_USES_DRY_RUN |
		TR_USES_JSON,
	.opts = opts,
	.opts_size = sizeof(struct opts),
	.min_args = 1,
	.max_args = SIZE_MAX,
	.stop_at = 2,
	.also = "exec job submit srun",
	.example = example,
	.run = run,
};
