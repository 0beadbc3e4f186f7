/* SPDX-License-Identifier: Apache-2.0 */
#include "smi/help.h"

#include "smi/args.h"

void tr_smi__help(FILE *out)
{
	fputs("tranche smi: what nvidia-smi prints, from the driver or from a virtual node\n\n"
	      "Usage: tranche [--node NAME] smi [OPTION]...\n"
	      "       tranche [--node NAME] smi mig|topo|dmon|pmon [OPTION]...\n\n"
	      "Without an option: the table of cards, MIG devices and processes.\n"
	      "mig cuts cards, topo says how they reach each other, dmon and pmon watch cards\n"
	      "and processes; each has a --help.\n\n",
		out);
	tr_smi__put_options(out);
	fputs("Examples\n"
	      "  tranche smi -L\n"
	      "  tranche smi --query-gpu=name,memory.used --format=csv -l 1\n"
	      "  tranche smi -i 0 -mig 1\n"
	      "  tranche smi mig -i 0 -cgi 15,15 -C\n\n"
	      "Exit status: that of nvidia-smi, which is NVML's return code (6 nothing found,\n"
	      "19 in use, 23 no room), 2 or 255 for a wrong command line. See man tranche-smi.\n",
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
	      "  -i LIST     cards: indexes, UUIDs, PCI bus ids; else all with MIG on\n"
	      "  -gi LIST    GPU instances by id\n"
	      "  -ci LIST    compute instances by id\n\n"
	      "Examples\n"
	      "  tranche smi mig -i 0 -cgi 15,15 -C      two slices of profile 15\n"
	      "  tranche smi mig -cgi 3g.40gb:4,19 -C    one at slice 4, one of profile 19\n"
	      "  tranche smi mig -i 0 -dci && tranche smi mig -i 0 -dgi\n",
		out);
}
