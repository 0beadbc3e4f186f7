#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

@test "a virtual node is made, listed and removed" {
	prints "virtual node 'lab' is ready" -- virtual create --name lab a100-80gb:2 a30
	run -0 tranche virtual list
	[ "${lines[0]}" = "VIRTUAL NODE  SCALE  GPUS                                     LIBRARY FOLDER" ]
	[[ ${lines[1]} == "lab               1  2x NVIDIA A100-SXM4-80GB, 1x NVIDIA A30  $TRANCHE_RUN_DIR/"* ]]
	run -0 tranche --node lab gpus
	[ "$(grep -c '^  [012]  NVIDIA' <<<"$output")" -eq 3 ]
	prints "virtual node 'lab' is gone" -- virtual destroy lab
	prints "no virtual nodes" -- virtual list
	[ -z "$(find "$TRANCHE_RUN_DIR" -name lab)" ]
}

@test "the first product names a node, -q prints the name alone" {
	local name

	name=$(tranche virtual create -q a100-80gb 2>/dev/null)
	[ "$name" = a100-80gb ]
	fits virtual-list -- virtual list --json
	[ "$(value 'd["nodes"][0]["node"]')" = "$name" ]
}

@test "virtual nodes as JSON" {
	fits virtual-create -- virtual create --name lab --scale 4 a100-80gb:2 --json
	[ "$(value 'd["virtual"], d["node"]')" = "(True, 'lab')" ]
	fits virtual-list -- virtual list --json
	[ "$(value '[(n["node"], n["scale"], n["n_gpus"]) for n in d["nodes"]]')" = "[('lab', 4, 2)]" ]
	[ -e "$(value 'd["nodes"][0]["library_dir"]')/libnvidia-ml.so.1" ]
	fits virtual-env -- virtual env lab --json
	[ "$(value 'd["env"]["TRANCHE_NODE"]')" = lab ]
	fits plan -- virtual destroy lab --json
	fits virtual-list -- virtual list --json
	[ "$(value 'd["nodes"]')" = "[]" ]
}

@test "an unknown product: the list" {
	fails 2 "a100-90gb" -- virtual create a100-90gb
	[[ $stderr == *a100-sxm4-80gb* ]]
	fails 2 "wants a count from 1 to 16" "a100-80gb:2" -- virtual create a100-80gb:0
	fails 2 "wants a count from 1 to 16" -- virtual create a100-80gb:many
	fails 2 "" -- virtual create --name "No Such/Name" a100-80gb
	prints "no virtual nodes" -- virtual list
}

@test "the help lists what can be simulated" {
	run -0 tranche virtual create --help
	[[ $output == *"a100-sxm4-80gb "* ]]
	[[ $output == *"geforce-rtx-4090 "*"(cannot be sliced)"* ]]
}

@test "a name that is taken" {
	node
	fails 9 "golden" "tranche virtual destroy golden" -- virtual create --name golden a30
}

@test "a node larger than the machine's memory warns" {
	run --separate-stderr tranche virtual create --name big a100-80gb:16
	[ "$status" -eq 0 ]
	[[ $stderr == *"tranche: warning: "*"--scale"* ]]
	run --separate-stderr tranche virtual create --name small --scale 100000 a100-80gb
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
}

@test "env is for eval, and what it sets makes other programs see the GPUs" {
	node
	eval "$(tranche virtual env)"
	[ "$TRANCHE_NODE" = golden ]
	[ -e "$LD_LIBRARY_PATH/libnvidia-ml.so.1" ]
	run -0 "$COUNT_GPUS"
	[ "$output" = 1 ]
	[ "$(LD_LIBRARY_PATH=/before tranche virtual env golden | tail -1 |
		LD_LIBRARY_PATH=/before bash -c 'eval "$(cat)"; echo $LD_LIBRARY_PATH')" = "$LD_LIBRARY_PATH:/before" ]
	fails 3 "there is no virtual node 'nosuch'" "tranche virtual list" -- virtual env nosuch
}

@test "env of the one node among several must be named" {
	[ ! -e /dev/nvidiactl ] || skip "this machine has a driver"
	node
	tranche virtual create --name second a30 2>/dev/null
	fails 2 "" -- virtual env
	run -0 tranche virtual env second
	run -0 tranche --node second virtual env
	[[ $output == *"TRANCHE_NODE=second"* ]]
}

@test "a node that is not there cannot be removed" {
	fails 3 "nosuch" -- virtual destroy nosuch
}

@test "the dry run of destroy leaves the node" {
	node
	run -0 tranche virtual destroy golden --dry-run
	[ "${lines[0]}" = "# a dry run: nothing is changed" ]
	run -0 tranche gpus
}
