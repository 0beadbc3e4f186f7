/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands share, once. */
#include "cli/cmd.h"

#define AT(field) offsetof(struct tr_common, field)

const struct tr_opt tr_common_opts[] = {
	{ "node", 0, TR_OPT_STRING, AT(node), "NAME",
		"a virtual node, or 'hardware' (also TRANCHE_NODE)", TR_USES_NODE },
	{ "gpu", 'i', TR_OPT_INDEX, AT(gpu), "N", "this card only", TR_USES_GPU },
	{ "runtime", 0, TR_OPT_STRING, AT(runtime), "NAME",
		"what starts the servers: podman, docker or process", TR_USES_RUNTIME },
	{ "timeout", 0, TR_OPT_DURATION, AT(timeout_ms), "TIME",
		"how long a model may load (default 10m)", TR_USES_TIMEOUT },
	{ "grace", 0, TR_OPT_DURATION, AT(grace_ms), "TIME",
		"how long a server may take to stop (default 10s)", TR_USES_GRACE },
	{ "dry-run", 0, TR_OPT_FLAG, AT(dry_run), NULL,
		"print the plan as commands, change nothing", TR_USES_DRY_RUN },
	{ "json", 0, TR_OPT_FLAG, AT(json), NULL, "print JSON", TR_USES_JSON },
	{ "help", 'h', TR_OPT_FLAG, AT(help), NULL, "print this help", TR_USES_HELP },
	{ "version", 'V', TR_OPT_FLAG, AT(version), NULL, "print the version", TR_USES_VERSION },
	{ 0 },
};
