/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtranche: slice a node's GPUs and run models on the slices.
 *
 * Every call that can fail returns 0, or -code with `err` filled in (<tranche/err.h>); `ret_`
 * arguments are set only on success and are the caller's, freed by the call named beside them.
 * Strings inside a result live as long as it does. Nothing here prints, exits or installs a
 * signal handler. One struct tr_node may be used by one thread at a time; several nodes are
 * independent. Memory is in bytes unless a name says MiB; a value that is unknown is absent
 * (`has_`), never 0. Placements count memory slices of the card.
 */
#ifndef TRANCHE_TRANCHE_H
#define TRANCHE_TRANCHE_H

#include <tranche/err.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with everything hidden but what is declared here. */
#pragma GCC visibility push(default)

/* The library's version, "0.1.0". */
const char *tr_version(void);

/* --- Nodes ------------------------------------------------------------------------------- */

struct tr_node;

/*
 * Opens a node. `name` "hardware" is this machine with its NVIDIA driver; any other name is a
 * virtual node. NULL chooses: TRANCHE_NODE, else the driver where there is one, else the only
 * virtual node. NOT_FOUND when there is nothing to choose, INVALID when there are several, DRIVER
 * when the driver does not answer.
 */
int tr_node_open(const char *name, struct tr_node **ret, struct tr_err *err);
/* Closes it; NULL is fine. */
void tr_node_close(struct tr_node *node);

/* Borrowed from the node. */
const char *tr_node_name(const struct tr_node *node);
bool tr_node_is_virtual(const struct tr_node *node);
/* Limits are divided by this, shown memory is multiplied; 1 on hardware. */
uint32_t tr_node_scale(const struct tr_node *node);
/* What the driver calls itself, "580.159.04". */
const char *tr_node_driver(const struct tr_node *node);

/* --- What is there ----------------------------------------------------------------------- */

struct tr_gpu {
	uint32_t idx;
	char name[96]; /* as NVML says: "NVIDIA A100-SXM4-80GB" */
	char uuid[96];
	char pci[32];
	bool can_slice;
	bool has_mig_mode; /* the card knows the mode at all */
	bool mig_on, mig_pending;
	char why[256]; /* can_slice false: why not; MIG off: what it takes, or what is in the way */
	bool has_memory;
	uint64_t memory_bytes, memory_used_bytes;
	uint32_t n_slices;
	char free_slices[128]; /* what could still be cut: "1g.10gb x3, 2g.20gb x1" */
};

struct tr_gpus {
	size_t n;
	struct tr_gpu *v;
};

/* Every card of the node. Free with tr_gpus_free. */
int tr_gpus_get(struct tr_node *node, struct tr_gpus **ret, struct tr_err *err);
void tr_gpus_free(struct tr_gpus *gpus);

struct tr_profile {
	uint32_t gpu_idx;
	char name[64]; /* "2g.20gb" */
	uint32_t id;   /* what nvidia-smi calls take */
	uint64_t memory_mib;
	uint32_t compute_slices, memory_slices;
	uint32_t sm;
	uint32_t max; /* on an empty card */
	bool has_free;
	uint32_t free;	   /* that could be cut now; known only while MIG is on */
	uint32_t n_starts; /* where it may start */
	uint8_t starts[16];
	bool start_is_free[16];
};

struct tr_profiles {
	size_t n;
	struct tr_profile *v;
};

/* The sizes on offer, card by card (gpu -1: all that can be sliced). UNSUPPORTED when the card
 * named cannot be, or none can. Free with tr_profiles_free. */
int tr_profiles_get(struct tr_node *node, int gpu, struct tr_profiles **ret, struct tr_err *err);
void tr_profiles_free(struct tr_profiles *profiles);

struct tr_holder {
	int32_t pid;
	char command[64];
	bool has_memory;
	uint64_t memory_bytes;
};

struct tr_slice {
	uint32_t gpu_idx;
	bool is_whole;	  /* a card that is not cut, held by a model of ours */
	char profile[64]; /* "2g.20gb", or "whole" */
	uint32_t profile_id;
	uint32_t start, size; /* placement */
	char uuid[96];	      /* "MIG-..."; "" for a GPU instance with no compute instance */
	bool has_memory;
	uint64_t memory_bytes, memory_used_bytes;
	uint32_t compute_slices, sm;
	bool is_ours;	/* cut by tranche */
	char stack[64]; /* "" when of no stack */
	char model[64];
	uint32_t replica;
	size_t n_holders;
	struct tr_holder *holders; /* processes on it, as the driver lists them */
};

struct tr_slices {
	size_t n;
	struct tr_slice *v;
};

/* Every slice of the node, ours or not, by card and start. Free with tr_slices_free. */
int tr_slices_get(struct tr_node *node, struct tr_slices **ret, struct tr_err *err);
void tr_slices_free(struct tr_slices *slices);

enum tr_model_state {
	TR_MODEL_READY,	  /* answers */
	TR_MODEL_LOADING, /* runs, does not answer yet */
	TR_MODEL_EXITED,  /* ended by itself */
	TR_MODEL_CREATED, /* made, never started: a start that was cut off */
	TR_MODEL_MISSING, /* asked for, not there */
};
/* "ready", "loading", ... Never NULL. */
const char *tr_model_state_text(enum tr_model_state state);

struct tr_replica {
	char stack[64], model[64];
	uint32_t replica;
	char runtime[16]; /* "podman", "docker", "process"; "" when missing */
	char server[160]; /* the container's name, or the shim's */
	enum tr_model_state state;
	char why[256]; /* exited: "out of memory in its slice", "exit code 1", "signal 9" */
	int32_t pid;
	uint16_t port;
	bool has_slice;
	struct tr_slice slice; /* holders are left out */
	bool limits_enforced;
	int64_t started_unix_ms; /* 0: unknown */
};

struct tr_replicas {
	size_t n;
	struct tr_replica *v;
};

/* Every model that some stack of the node asks for, or that runs; `stack` NULL: all stacks.
 * Free with tr_replicas_free. */
int tr_replicas_get(
	struct tr_node *node, const char *stack, struct tr_replicas **ret, struct tr_err *err);
void tr_replicas_free(struct tr_replicas *replicas);

/* --- What it costs, and how full it is ---------------------------------------------------- */

/* What counts as a slice's share of its card. */
enum tr_cost_by {
	TR_COST_BY_LARGER, /* of compute and memory slices */
	TR_COST_BY_COMPUTE,
	TR_COST_BY_MEMORY,
};

enum tr_per { TR_PER_HOUR, TR_PER_MONTH, TR_PER_YEAR }; /* a month is 730 hours */

struct tr_cost_ask {
	const char *stack; /* NULL: every stack of the node */
	const char *file;  /* what this stack file would make of the node; NULL: what runs */
	const char *name;  /* of that stack, instead of the file's; NULL: not */
	enum tr_cost_by by;
	bool has_price; /* false: the `price` of the stack */
	double price;	/* of one card */
	enum tr_per price_per;
	const char *currency; /* of the price: "EUR"; NULL: the stack's, or none */
	enum tr_per per;      /* of what comes back */
};

/* A slice on a card, or a whole card. Shares are fractions of the card: times the price they are
 * money. `share` is the slice itself; beside it, its part of what is stranded on the card (no
 * further slice can use it) and of what is open (could still be cut), in proportion to `share`. */
struct tr_cost_item {
	struct tr_slice slice; /* holders are left out; uuid "" for one that is not cut yet */
	bool is_asked;	       /* of the stack that was asked about */
	bool is_planned;       /* would be cut or started */
	double share, stranded, open;
};

struct tr_cost_card {
	uint32_t idx;
	char name[96];
	uint32_t compute_slices, memory_slices;
	uint32_t stranded_compute, stranded_memory;
	uint32_t open_compute, open_memory; /* the most that can still be cut of each */
	double stranded, open;		    /* fractions, by the rule */
	char free_slices[128];		    /* what could still be cut */
	uint32_t n_most;		    /* the most slices that it can be cut into; 0: none */
	char most_profile[32];		    /* which these are */
};

/* The cards that hold something of what was asked about, and all that is on them. */
struct tr_costs {
	enum tr_cost_by by;
	enum tr_per per;
	bool has_price;
	double price;	   /* of one card, per `per` */
	bool is_converted; /* it was given per something else */
	char currency[16];
	uint32_t n_idle; /* cards of the node that hold nothing */
	size_t n_cards;
	struct tr_cost_card *cards;
	size_t n; /* by card and start */
	struct tr_cost_item *v;
};

/* NOT_FOUND for a stack that is not there; INVALID when stacks have different prices and none was
 * given; with a file, all that tr_up's plan can say. Free with tr_costs_free. */
int tr_costs_get(struct tr_node *node, const struct tr_cost_ask *ask, struct tr_costs **ret,
	struct tr_err *err);
void tr_costs_free(struct tr_costs *costs);

enum tr_cell_kind { TR_CELL_SLICE, TR_CELL_OPEN, TR_CELL_STRANDED };

/* A run of a card's memory slices: a slice, or one that could be cut, or that nothing can use. */
struct tr_status_cell {
	enum tr_cell_kind kind;
	uint32_t start, size;
	struct tr_slice slice; /* kind SLICE; holders are left out */
};

struct tr_card_status {
	uint32_t idx;
	char name[96];
	bool has_mig_mode, mig_on;
	bool has_memory;
	uint64_t memory_bytes;
	uint64_t cut_bytes; /* in slices, or held as a whole */
	bool has_used;	    /* some of what is on the card is known */
	uint64_t used_bytes;
	uint32_t compute_slices, memory_slices; /* 0: a card that cannot be cut */
	uint32_t cut_compute, cut_memory;
	uint32_t n_models; /* whose memory is known */
	double use_alone;  /* one of them on a card of its own, of the card's memory: the mean */
	double use_now;	   /* all of them */
	uint32_t n_full;   /* as many of them as the card could hold, each on a full_profile */
	char full_profile[64];
	double use_full;
	/* The same of its compute slices: those that the models' slices have. */
	double compute_alone, compute_now, compute_full;
	size_t n_cells;
	struct tr_status_cell *cells;
};

struct tr_status {
	size_t n;
	struct tr_card_status *v;
};

/* Every card of the node. Free with tr_status_free. */
int tr_status_get(struct tr_node *node, struct tr_status **ret, struct tr_err *err);
void tr_status_free(struct tr_status *status);

/* --- Changing it -------------------------------------------------------------------------- */

enum tr_step_kind {
	TR_STEP_MIG_ON,
	TR_STEP_MIG_OFF,
	TR_STEP_CUT,
	TR_STEP_FREE,
	TR_STEP_PULL, /* an image that is not here yet */
	TR_STEP_START,
	TR_STEP_LOADING,
	TR_STEP_READY,
	TR_STEP_KEPT,
	TR_STEP_STOP,
	TR_STEP_CLEAN, /* something that a killed run left behind */
	TR_STEP_WAIT,  /* for another tranche's lock */
	TR_STEP_NOTE,
};
/* "cut", "start", ... Never NULL. */
const char *tr_step_text(enum tr_step_kind kind);

/* One step, told as it begins (dry run: as it would). Borrowed for the call. */
struct tr_step {
	enum tr_step_kind kind;
	const char *what;    /* "2g.20gb at GPU 0, slices 0-1" */
	const char *model;   /* "chat-0"; NULL when of no model */
	const char *command; /* what a person would type for it, lines; NULL when nothing */
	double seconds;	     /* since the run began */
};

/* How a change is made. All zero is fine. */
struct tr_change {
	bool dry_run; /* tell the steps, do none */
	void (*on_step)(void *arg, const struct tr_step *step);
	void *arg;
	const volatile int *stop_flag; /* non-zero: undo what was begun, return INTERRUPTED */
	const char *runtime; /* "podman", "docker", "process"; NULL: the first that can be used */
	int64_t ready_ms;    /* how long a model may load; 0: 10 minutes */
	int64_t grace_ms;    /* how long a server may take to stop gently; 0: 10 s */
};

/* Turns MIG on or off on one card, or (gpu -1) on all that can be sliced. A card that somebody
 * uses is left as it is: BUSY names the holders. Off also refuses (BUSY) while slices are there. */
int tr_mig_set(
	struct tr_node *node, int gpu, bool on, const struct tr_change *change, struct tr_err *err);

/* Cuts slices: "2g.20gb", "14", "2g.20gb:4" (starts at memory slice 4), "18G" (the smallest profile
 * that has so much memory; also "18Gi", "memory:18G"). All of them or none.
 * INVALID lists the profiles the card has; NO_ROOM says who holds the space and which would fit;
 * PERMISSION; DRIVER. ret (may be NULL) holds the new slices, in the order asked; free with
 * tr_slices_free. */
int tr_slices_create(struct tr_node *node, int gpu, const char *const *wants, size_t n_wants,
	const struct tr_change *change, struct tr_slices **ret, struct tr_err *err);

/* Frees slices, named by UUID (or its beginning, 8 characters at least), or as "GPU:START". All
 * are checked before the first is freed. BUSY when one is held or belongs to a stack. */
int tr_slices_destroy(struct tr_node *node, const char *const *which, size_t n_which,
	const struct tr_change *change, struct tr_err *err);

/* Makes the node hold what the stack file asks for, and waits until every model answers. Does only
 * what is missing; servers whose part of the file is unchanged are not touched. When it fails or is
 * interrupted, what this call began is undone. `name` overrides the file's (NULL: not). SERVER says
 * why a server died, with the end of its log in the message's last lines. */
int tr_up(struct tr_node *node, const char *file, const char *name, const struct tr_change *change,
	struct tr_err *err);

/* Stops a stack's servers, frees its slices and forgets it. NOT_FOUND lists the stacks. */
int tr_down(struct tr_node *node, const char *stack, const struct tr_change *change,
	struct tr_err *err);

/* Every stack down, and MIG off on the cards that are empty then. A card with other slices stays as
 * it is and is named in a note. */
int tr_down_all(struct tr_node *node, const struct tr_change *change, struct tr_err *err);

/* Stops and starts a model's servers on the slices that they have: "chat", "demo/chat",
 * "demo/chat-1" (one replica). */
int tr_restart(struct tr_node *node, const char *which, const struct tr_change *change,
	struct tr_err *err);

/* One program on a slice of its own. */
struct tr_job {
	const char *profile; /* as for tr_slices_create */
	int gpu;	     /* -1: any */
	/* KEY=VALUE, or KEY alone for our own value of it (none: left out). INVALID for those that
	 * say which slice it may use. */
	const char *const *env;
	size_t n_env;
	const char *env_file;	    /* lines KEY=VALUE; NULL: none */
	const char *const *volumes; /* image: HOST:TARGET[:ro|:rw], HOST from our folder on */
	size_t n_volumes;
	const char *image; /* NULL: a plain process, with our environment and folder */
	const char *const *argv;
	size_t n_argv; /* 0: what the image itself starts */
	bool has_tty;  /* image: its standard streams are a terminal */
	/* A number that a signal handler puts here is passed on to the job as a signal, and taken
	 * away; SIGKILL ends all of it. What a terminal sends, the job gets by itself. NULL: none.
	 */
	volatile int *signal;
};

struct tr_job_end {
	int status; /* its exit status, or 128 + the signal that ended it */
	bool out_of_memory;
	bool limits_enforced;
	char runtime[16]; /* "podman", "docker", "process" */
	double seconds;	  /* that it ran */
	/* Its slice, which is free again. */
	char profile[64], uuid[96];
	uint32_t gpu_idx, start;
	uint64_t memory_bytes;
};

/* Cuts a slice, runs the job on it in the foreground with our own standard streams, and frees the
 * slice when it has ended, however it ended. Until it runs, the change's stop flag counts; then
 * `signal` does. If this process is killed, the next call that changes the node cleans up. */
int tr_job_run(struct tr_node *node, const struct tr_job *job, const struct tr_change *change,
	struct tr_job_end *ret, struct tr_err *err);

/* The names of the stacks, one a line in *ret (malloc'd, "" when none). */
int tr_stack_names(struct tr_node *node, char **ret, struct tr_err *err);
/* The name that a stack file gives its stack; malloc'd. */
int tr_stack_file_name(const char *file, char **ret, struct tr_err *err);

/* Writes a server's log to descriptor 1: `which` as for tr_restart, one server only. The last
 * n_lines (UINT32_MAX: all) first, then, when following, what comes, until it ends. A server that
 * died in a failed `up` has its last log kept and shown. */
int tr_logs(struct tr_node *node, const char *which, uint32_t n_lines, bool follow,
	const volatile int *stop_flag, struct tr_err *err);

/* --- Layouts ------------------------------------------------------------------------------ */

/* What is asked for: a label of a layout file (nvidia-mig-parted's format or ours). */
struct tr_layout_ask {
	const char *file;  /* "-": standard input; NULL: the labels that nvidia-mig-parted ships */
	const char *label; /* NULL: the only one in the file */
	const char *const *evict; /* busy slices that may go: "GPU:START", a UUID, or "all" */
	size_t n_evict;
	int64_t wait_ms; /* how long to wait for busy slices that stand in the way; 0: not */
};

enum tr_layout_verb { TR_LAYOUT_KEEP, TR_LAYOUT_FREE, TR_LAYOUT_CUT };

/* One slice and what becomes of it. */
struct tr_layout_step {
	enum tr_layout_verb verb;
	char profile[64];
	uint32_t start, size; /* placement */
	char uuid[96];	      /* "" for one to be cut */
	bool is_busy;	      /* somebody uses it, or it belongs to a stack */
	char holder[160];     /* who; "" when nobody */
	char why[256];	      /* "moves to 4; its place goes to 4g.40gb at 0" */
};

struct tr_layout_card {
	uint32_t gpu_idx;
	char name[96], uuid[96];
	bool is_named; /* the layout says something of this card; else it stays as it is */
	bool mig_before, mig_after;
	uint32_t memory_slices, compute_slices; /* of the card */
	size_t n_steps;
	struct tr_layout_step steps[32]; /* all KEEP, then all FREE, then all CUT, each by start */
	/* What no further slice could use, and the places where one could still be cut. */
	uint32_t stranded_memory_before, stranded_compute_before;
	uint32_t stranded_memory_after, stranded_compute_after;
	uint32_t open_after;
};

/* The way from what is to what is asked for. */
struct tr_layout_plan {
	char label[128];
	uint32_t n_freed, n_cut, n_mig; /* n_mig: cards whose MIG mode changes */
	uint32_t n_evicted;		/* busy ones among the freed */
	/* About: slices as on hardware, modes and servers as they last took on this node; without
	 * those that were never timed there, which are counted. */
	double seconds;
	uint32_t n_untimed_mig, n_untimed_evicted;
	size_t n_cards;
	struct tr_layout_card *cards;
};

/*
 * Plans, touching nothing: slices that stay are not moved, busy ones stay unless they may be
 * evicted, and of all ways the one that destroys least is taken. INVALID or NOT_FOUND for a file
 * or label that this node cannot have, with FILE:LINE:COLUMN; BUSY when busy slices stand in the
 * way: who holds them, and the nearest layout that fits. Free with tr_layout_plan_free.
 */
int tr_layout_plan(struct tr_node *node, const struct tr_layout_ask *ask,
	struct tr_layout_plan **ret, struct tr_err *err);
void tr_layout_plan_free(struct tr_layout_plan *plan);

/* Plans, and does it. When a step fails, what was done is taken back; when even that fails, or the
 * program is killed, tr_layout_resume goes forward or back. */
int tr_layout_apply(struct tr_node *node, const struct tr_layout_ask *ask,
	const struct tr_change *change, struct tr_err *err);
/* Goes on with a change of layout that was cut off; with `abort`, goes back to what stood before
 * it. NOT_FOUND when none is open. */
int tr_layout_resume(
	struct tr_node *node, bool abort, const struct tr_change *change, struct tr_err *err);
/* Applies the layout that was last applied: slices do not survive a reboot. NOT_FOUND when none
 * ever was. */
int tr_layout_restore_last(
	struct tr_node *node, const struct tr_change *change, struct tr_err *err);

/* 0 when every card is as asked for; DIFFERS says which is not, and how. */
int tr_layout_assert(struct tr_node *node, const struct tr_layout_ask *ask, struct tr_err *err);
/* The same of MIG on or off alone. */
int tr_layout_assert_mode(
	struct tr_node *node, const struct tr_layout_ask *ask, struct tr_err *err);

/* What stands now, as a layout file with one label (NULL: "current"): ours, with places, or
 * (stock) nvidia-mig-parted's. *ret is malloc'd. */
int tr_layout_export(
	struct tr_node *node, const char *label, bool stock, char **ret, struct tr_err *err);
/* The same, with cards named by UUID: what `restore` brings back place by place. */
int tr_layout_checkpoint(struct tr_node *node, char **ret, struct tr_err *err);

/* "a change of layout to 'all-balanced' is open: ..."; false when none is. */
bool tr_layout_is_open(struct tr_node *node, char ret[256]);

/* --- What could be in the way ------------------------------------------------------------- */

enum tr_verdict {
	TR_VERDICT_OK,
	TR_VERDICT_NOTE,    /* worth knowing; nothing fails by it */
	TR_VERDICT_PROBLEM, /* something fails, or will */
};

struct tr_check {
	enum tr_verdict verdict;
	char what[24];	/* "driver", "GPU 0", "podman" */
	char text[320]; /* what was found */
	char fix[256];	/* what to type, lines; "" when there is nothing to do */
};

struct tr_checks {
	bool has_node; /* one could be opened, whatever was found of it */
	bool is_virtual;
	char node[64];
	size_t n;
	struct tr_check *v;
};

/* Looks at the driver, the node's cards, runtimes, control groups, services that clash, and what
 * tranche keeps; a node that cannot be opened is itself a finding. Changes nothing. `node` as for
 * tr_node_open. Free with tr_checks_free. */
int tr_doctor(const char *node, struct tr_checks **ret, struct tr_err *err);
void tr_checks_free(struct tr_checks *checks);

/* --- Virtual nodes ------------------------------------------------------------------------ */

struct tr_virtual_gpu {
	const char *product; /* "a100-80gb", "a100-sxm4-80gb": tr_virtual_products */
	uint32_t count;
	bool swapped_chip; /* the mirrored chip kind, where the card has one */
	bool passthrough;  /* of any: all as in a virtual machine, where MIG mode waits for a reset
			    */
};

/* Makes a virtual node. name NULL: the first product's. EXISTS, INVALID (unknown product: the
 * list), PERMISSION. ret_name (may be NULL) is malloc'd. A warning (a node larger than this
 * machine's memory) is put into *ret_warning (malloc'd, or NULL). */
int tr_virtual_create(const char *name, const struct tr_virtual_gpu *gpus, size_t n_gpus,
	uint32_t scale, char **ret_name, char **ret_warning, struct tr_err *err);
/* Removes it. BUSY while servers or stacks are on it, unless forced: then they are stopped. */
int tr_virtual_destroy(
	const char *name, bool force, const struct tr_change *change, struct tr_err *err);

struct tr_virtual {
	char name[64];
	uint32_t scale;
	uint32_t n_gpus;
	char gpus[256]; /* "2x NVIDIA A100-SXM4-80GB" */
	char library_dir[512];
};
struct tr_virtuals {
	size_t n;
	struct tr_virtual *v;
};
/* The virtual nodes of this user, sorted by name. Free with tr_virtuals_free. */
int tr_virtuals_get(struct tr_virtuals **ret, struct tr_err *err);
void tr_virtuals_free(struct tr_virtuals *virtuals);

/* Puts the stand-in for the vendor's container hook into a folder (made when missing), which
 * docker's daemon is then started with on its PATH: `docker run --gpus device=MIG-...` gives a
 * container its slice. INVALID for a folder of the system's programs, EXISTS where the vendor's own
 * hook is. ret_path is the file, malloc'd. */
int tr_virtual_hook_install(const char *dir, char **ret_path, struct tr_err *err);

/* The CDI spec of a virtual node's slices, as text, malloc'd. UNSUPPORTED on hardware, with the
 * vendor's command. */
int tr_cdi_spec(struct tr_node *node, char **ret, struct tr_err *err);
/* Writes it to a file ("*.json"), and from then on again at each change of slices that this library
 * makes. One file is kept for a node: an earlier one is removed, and named in *ret_dropped
 * (malloc'd, or NULL). */
int tr_cdi_generate(struct tr_node *node, const char *file, char **ret_dropped, struct tr_err *err);

struct tr_cdi {
	char *file;    /* that is kept; NULL: none */
	bool is_fresh; /* it says what there is */
	size_t n;
	char (*names)[64]; /* "nvidia.com/gpu=MIG-..." */
};
/* Free with tr_cdi_free. */
int tr_cdi_get(struct tr_node *node, struct tr_cdi **ret, struct tr_err *err);
void tr_cdi_free(struct tr_cdi *cdi);

/* The virtual node that is meant: `name`, else TRANCHE_NODE, else the only one. malloc'd. NOT_FOUND
 * when there is none such, INVALID when there are several. */
int tr_virtual_pick(const char *name, char **ret, struct tr_err *err);

/* What resetting a card (gpu -1: each), loading the driver anew, or a reboot takes from a node:
 * slices always; the MIG mode only where the card does not keep it. BUSY while servers run on it. A
 * reboot also forgets faults and counts. */
int tr_virtual_reset(const char *name, int gpu, struct tr_err *err);
int tr_virtual_reload(const char *name, struct tr_err *err);
int tr_virtual_reboot(const char *name, struct tr_err *err);

/* Becomes the program argv (NULL at its end), in a mount namespace of its own in which it finds,
 * with the node's library, what a driver shows beside it: /proc/driver/nvidia*, /dev/nvidia*, the
 * cards in /sys/bus/pci/devices, a line of /proc/modules. Nothing on the machine changes. Returns
 * only when that fails: PERMISSION without root, NOT_FOUND for a program that is not there. */
int tr_virtual_run(const char *name, char *const argv[], struct tr_err *err);

/* Faults on order, for tests: "nvmlDeviceCreateGpuInstance:3=INSUFFICIENT_RESOURCES", "gpu-lost",
 * "xid 79", "slow"; tranche-virtual(1) has the language. INVALID says what is wrong with the text.
 * Cleared, lost cards are back too. */
int tr_virtual_fault_set(const char *name, const char *text, struct tr_err *err);
int tr_virtual_faults_clear(const char *name, struct tr_err *err);

struct tr_virtual_fault {
	char text[128];
	bool has_calls;
	uint32_t n_calls; /* that it was meant for, so far */
};
struct tr_virtual_faults {
	size_t n;
	struct tr_virtual_fault *v;
};
/* Those that are set. Free with tr_virtual_faults_free. */
int tr_virtual_faults_get(const char *name, struct tr_virtual_faults **ret, struct tr_err *err);
void tr_virtual_faults_free(struct tr_virtual_faults *faults);

/* Counts the driver's calls by process and function: on begins from zero, off keeps what was
 * counted. Processes in containers cannot be counted. */
int tr_virtual_trace_set(const char *name, bool on, struct tr_err *err);

struct tr_virtual_calls {
	int32_t pid;
	char function[80];
	uint32_t n_calls;
};
struct tr_virtual_trace {
	bool on;
	uint32_t n_untraced; /* calls of processes beyond those that there is room for */
	size_t n;
	struct tr_virtual_calls *v;
};
/* What was counted. Free with tr_virtual_trace_free. */
int tr_virtual_trace_get(const char *name, struct tr_virtual_trace **ret, struct tr_err *err);
void tr_virtual_trace_free(struct tr_virtual_trace *trace);

struct tr_product {
	const char *key, *name;
	bool has_mig;
};
/* A static table: what can be simulated. ret_n is how many. */
const struct tr_product *tr_virtual_products(size_t *ret_n);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
