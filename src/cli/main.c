/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"

/* Every command, in the order in which the help shows them. */
static const struct tr_cmd *const cmds[] = {
	&tr_cmd_up,
	&tr_cmd_ps,
	&tr_cmd_logs,
	&tr_cmd_restart,
	&tr_cmd_down,
	&tr_cmd_run,
	&tr_cmd_cost,
	&tr_cmd_status,
	&tr_cmd_gpus,
	&tr_cmd_profiles,
	&tr_cmd_slices,
	&tr_cmd_smi,
	&tr_cmd_mig,
	&tr_cmd_create,
	&tr_cmd_destroy,
	&tr_cmd_plan,
	&tr_cmd_apply,
	&tr_cmd_assert,
	&tr_cmd_export,
	&tr_cmd_checkpoint,
	&tr_cmd_restore,
	&tr_cmd_virtual_create,
	&tr_cmd_virtual_list,
	&tr_cmd_virtual_env,
	&tr_cmd_virtual_run,
	&tr_cmd_virtual_destroy,
	&tr_cmd_virtual_reset,
	&tr_cmd_virtual_reload,
	&tr_cmd_virtual_reboot,
	&tr_cmd_virtual_fault,
	&tr_cmd_virtual_trace,
	&tr_cmd_virtual_install_hook,
	&tr_cmd_cdi_generate,
	&tr_cmd_cdi_list,
	&tr_cmd_doctor,
	&tr_cmd_version,
	&tr_cmd_help,
	&tr_cmd_completion,
	&tr_cmd_complete,
	NULL,
};

int main(int argc, char **argv)
{
	(void)argc;
	return tr_cli_main(cmds, argv);
}
