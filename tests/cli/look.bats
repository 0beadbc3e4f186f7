#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

@test "with no driver and no virtual node both ways out are named" {
	[ ! -e /dev/nvidiactl ] || skip "this machine has a driver"
	fails 3 "no NVIDIA driver" "tranche virtual create" -- gpus
	[[ $stderr == *"install NVIDIA's driver"* ]]
	fails 3 "no virtual node" -- --json slices
}

@test "a node that is not there is named" {
	node
	fails 3 "there is no virtual node 'nosuch'" "tranche virtual list" -- --node nosuch gpus
	TRANCHE_NODE=nosuch fails 3 "nosuch" -- ps
}

@test "one of several virtual nodes must be named" {
	[ ! -e /dev/nvidiactl ] || skip "this machine has a driver"
	node
	tranche virtual create --name second a30 2>/dev/null
	fails 2 "second" -- gpus
	[[ $stderr == *golden* ]]
	run -0 tranche --node second gpus
	TRANCHE_NODE=second run -0 tranche gpus
	[[ $output == *A30* ]]
}

@test "gpus of a node where MIG is off" {
	node
	prints "virtual node 'golden', driver 580.159.04
GPU  NAME                   MIG  SLICES  MEMORY (MiB)  PCI               UUID
  0  NVIDIA A100-SXM4-80GB  off       0     0 / 81920  00000000:10:00.0  GPU-$(uuid_of_gpu 0)
GPU 0 can be sliced; MIG is off: tranche mig on --gpu 0, or tranche up" -- gpus
}

@test "gpus says what has room, and on which cards there is none" {
	sliced 3g.40gb 4g.40gb
	run -0 tranche gpus
	[[ ${lines[2]} == "  0  NVIDIA A100-SXM4-80GB  on        2 "* ]]
	[ "${lines[3]}" = "GPU 0 has no room left" ]
	tranche destroy 0:4 2>/dev/null
	run -0 tranche gpus
	[[ ${lines[3]} == "GPU 0 has room for "*"3g.40gb x1"* ]]
}

@test "gpus says why a GeForce cannot be sliced, and which cards can" {
	node geforce-rtx-4090 a30
	run -0 tranche gpus
	[[ $output == *"GPU 0 cannot be sliced: "* ]]
	[[ $output != *"GPU 1 cannot be sliced"* ]]
	[[ ${lines[2]} == "  0  NVIDIA GeForce RTX 4090  -  "* ]]
	fits gpus -- gpus --json
	[ "$(value '[g["can_slice"] for g in d["gpus"]]')" = "[False, True]" ]
	[ "$(value '"mig_on" in d["gpus"][0]')" = False ]
	[[ "$(value 'd["gpus"][0]["why"]')" == *MIG* ]]
}

@test "gpus as JSON" {
	sliced 1g.10gb
	fits gpus -- gpus --json
	[ "$(value 'd["virtual"], d["node"], d["scale"]')" = "(True, 'golden', 1)" ]
	[ "$(value 'd["gpus"][0]["mig_on"], d["gpus"][0]["n_slices"]')" = "(True, 1)" ]
	[ "$(value 'd["gpus"][0]["memory_bytes"]')" -eq $((81920 << 20)) ]
}

@test "profiles of an empty A100, where MIG is off" {
	node
	prints "virtual node 'golden', driver 580.159.04
GPU  PROFILE     ID  MEMORY (MiB)  SM  FREE  FREE AT  PLACES
  0  1g.10gb     19          9728  14   -/7  -        {0,1,2,3,4,5,6}:1
  0  1g.10gb+me  20          9728  14   -/1  -        {0,1,2,3,4,5,6}:1
  0  1g.20gb     15         19968  14   -/4  -        {0,2,4,6}:2
  0  2g.20gb     14         19968  28   -/3  -        {0,2,4}:2
  0  3g.40gb      9         40192  42   -/2  -        {0,4}:4
  0  4g.40gb      5         40192  56   -/1  -        {0}:4
  0  7g.80gb      0         80640  98   -/1  -        {0}:8" -- profiles
	fits profiles -- profiles --json
	[ "$(value 'any("free" in p for p in d["profiles"])')" = False ]
}

@test "profiles say what is free, and where" {
	sliced 2g.20gb:2 1g.10gb:6
	run -0 tranche profiles
	[[ $output == *"  0  2g.20gb     14         19968  28   2/3  0,4      {0,2,4}:2"* ]]
	[[ $output == *"  0  7g.80gb      0         80640  98   0/1  -        {0}:8"* ]]
	fits profiles -- profiles --json
	[ "$(value '[p["free_starts"] for p in d["profiles"] if p["name"] == "2g.20gb"]')" = "[[0, 4]]" ]
	[ "$(value '[p["free"] for p in d["profiles"] if p["name"] == "7g.80gb"]')" = "[0]" ]
}

@test "profiles of cards that are alike are shown once" {
	node a100-80gb:3
	run -0 tranche profiles
	[ "${#lines[@]}" -eq 9 ]
	[[ ${lines[2]} == "0-2  1g.10gb "* ]]
	tranche mig on -i 1 2>/dev/null
	run -0 tranche profiles
	[ "${#lines[@]}" -eq 23 ]
	fits profiles -- profiles --json
	[ "$(value 'sorted({p["gpu"] for p in d["profiles"]})')" = "[0, 1, 2]" ]
	run -0 tranche profiles -i 1
	[ "${#lines[@]}" -eq 9 ]
	fails 3 "7" -- profiles --gpu 7
}

@test "profiles of a card that cannot be sliced are refused" {
	node geforce-rtx-4090
	fails 10 "MIG" -- profiles
	fails 10 "MIG" -- profiles -i 0
}

@test "an empty node has no slices and no models, and says so" {
	node
	prints "virtual node 'golden', driver 580.159.04
no slices" -- slices
	prints "virtual node 'golden', driver 580.159.04
no models" -- ps
	fits slices -- slices --json
	[ "$(value 'd["slices"]')" = "[]" ]
	fits ps -- ps --json
	[ "$(value 'd["models"]')" = "[]" ]
}

@test "a scale is said" {
	tranche virtual create --name scaled --scale 16 a100-80gb 2>/dev/null
	run -0 tranche ps
	[ "${lines[0]}" = "virtual node 'scaled', driver 580.159.04, scale 16: limits / 16, memory x 16" ]
	fits ps -- ps --json
	[ "$(value 'd["scale"]')" -eq 16 ]
}

@test "a pipe sees no colour and no cut, however narrow the terminal" {
	sliced 1g.10gb
	COLUMNS=20 run -0 tranche slices
	[[ $output != *$'\e'* ]]
	[[ ${lines[2]} =~ MIG-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12} ]]
}
