/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/help.h"

void tr_smi__help(FILE *out)
{
	fputs("tranche smi: what nvidia-smi prints, from the driver or from a virtual node\n\n"
	      "Usage: tranche [--node NAME] smi [OPTION]...\n"
	      "       tranche [--node NAME] smi mig [OPTION]...      'smi mig --help' says more\n\n"
	      "Without an option: the table of cards, MIG devices and processes\n\n"
	      "Look\n"
	      "  -L, --list-gpus              cards and MIG devices with their UUIDs, a line each\n"
	      "\n"
	      "Change (root, or the node's owner)\n"
	      "  -pm, --persistence-mode 0|1  keep the driver loaded when nobody uses the card\n"
	      "  -mig, --multi-instance-gpu 0|1\n"
	      "                               MIG mode off or on\n\n"
	      "With these\n"
	      "  -i, --id LIST                these cards only: indexes, UUIDs, PCI bus ids\n"
	      "  -f, --filename FILE          write there instead\n"
	      "  -l, --loop SECONDS           again and again; -lms, --loop-ms MILLISECONDS\n\n"
	      "Examples\n"
	      "  tranche smi -L\n"
	      "  tranche smi -i 0 -mig 1\n"
	      "  tranche smi mig -i 0 -cgi 15,15 -C\n"
	      "  tranche smi -l 1\n\n"
	      "Exit status: that of nvidia-smi, which is NVML's return code (6 nothing found, 19 "
	      "in\n"
	      "use, 23 no room), 2 or 255 for a wrong command line. See man tranche-smi.\n",
		out);
}

void tr_smi__help_mig(FILE *out)
{
	fputs("tranche smi mig: cut cards that have MIG on\n\n"
	      "Usage: tranche smi mig [-i LIST] [-gi LIST] [-ci LIST] VERB\n\n"
	      "Look\n"
	      "  -lgip     sizes of GPU instances: free and at most, memory, SMs, engines\n"
	      "  -lgipp    where each size may start, as {starts}:size in memory slices\n"
	      "  -lgi      the GPU instances that exist\n"
	      "  -lcip     sizes of compute instances in each GPU instance; * spans it\n"
	      "  -lcipp    where those may start\n"
	      "  -lci      the compute instances that exist\n\n"
	      "Change\n"
	      "  -cgi LIST [-C]  make GPU instances: names or ids, each with :START if wanted;\n"
	      "                  -C makes a compute instance in each that spans it\n"
	      "  -cci [LIST]     make compute instances; without a list, the one that spans\n"
	      "  -dci            destroy compute instances\n"
	      "  -dgi            destroy GPU instances; their compute instances go first (-dci)\n\n"
	      "Which\n"
	      "  -i LIST     cards: indexes, UUIDs, PCI bus ids; without it, every card with MIG "
	      "on\n"
	      "  -gi LIST    GPU instances by id\n"
	      "  -ci LIST    compute instances by id\n\n"
	      "Examples\n"
	      "  tranche smi mig -i 0 -cgi 15,15 -C      two slices of profile 15\n"
	      "  tranche smi mig -cgi 3g.40gb:4,19 -C    one at memory slice 4, one of profile 19\n"
	      "  tranche smi mig -i 0 -dci && tranche smi mig -i 0 -dgi\n",
		out);
}
