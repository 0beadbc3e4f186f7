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

@test "a reset, a reload and a reboot lose what the real ones lose" {
	"$TRANCHE" virtual create --name golden a100-80gb h100-sxm5-80gb >/dev/null 2>&1
	tranche --node golden mig on 2>/dev/null
	tranche --node golden create -q -i 0 2g.20gb >/dev/null 2>&1
	tranche --node golden create -q -i 1 2g.20gb >/dev/null 2>&1
	prints "virtual node 'golden' was reset" -- virtual reset golden -i 0
	run -0 tranche --node golden slices --json
	[ "$(value '[s["gpu"] for s in d["slices"]]')" = "[1]" ]
	prints "virtual node 'golden' was loaded anew" -- virtual reload golden
	run -0 tranche --node golden gpus --json
	[ "$(value '[g["mig_on"] for g in d["gpus"]]')" = "[True, False]" ]
	run -0 tranche --node golden slices --json
	[ "$(value 'd["slices"]')" = "[]" ]
	fits virtual-node -- virtual reboot golden --json
	fails 3 "GPU 7" -- virtual reset golden -i 7
	fails 3 "no virtual node 'nobody'" -- virtual reset nobody
	fails 3 "no virtual node 'nobody'" -- virtual reload nobody
	fails 3 "no virtual node 'nobody'" -- virtual reboot nobody
}

@test "a program that watches an Ampere card keeps its MIG mode as it is, and is named" {
	local pid

	node
	mkfifo hold
	LD_LIBRARY_PATH="$TRANCHE_RUN_DIR/virtual/golden/lib" "$COUNT_GPUS" stay <hold >seen 3>&- &
	pid=$!
	exec 9>hold
	until [ -s seen ]; do sleep 0.05; done
	fails 8 "GPU 0: its driver is still open in pid $pid (count_gpus)" \
		"stop it, then: tranche mig on --gpu 0" -- mig on
	fails 8 "GPU 0 is in use: its driver is open in pid $pid" -- virtual reset golden -i 0
	exec 9>&-
	wait "$pid"
	tranche mig on
	prints "virtual node 'golden' was reset" -- virtual reset golden
}

@test "no card is reset while another tranche changes the node" {
	local verb said=()

	node
	mkfifo hold
	flock "$TRANCHE_RUN_DIR/virtual/golden/change.lock" sh -c 'echo >held; exec cat' <hold 3>&- &
	exec 9>hold
	until [ -s held ]; do sleep 0.05; done
	for verb in reset reload reboot; do
		run tranche virtual $verb golden
		said+=("$status $output")
	done
	exec 9>&-
	wait "$!"
	for verb in "${said[@]}"; do
		echo "$verb"
		[[ $verb == "8 "*"another tranche is changing node 'golden'"*"try again"* ]]
	done
	prints "virtual node 'golden' was reset" -- virtual reset golden
}

@test "who waits for another tranche lets go of the driver" {
	local pid tries=0

	node
	mkfifo hold
	flock "$TRANCHE_RUN_DIR/virtual/golden/change.lock" sh -c 'echo >held; exec cat' <hold 3>&- &
	exec 9>hold
	until [ -s held ]; do sleep 0.05; done
	"$TRANCHE" mig on 2>told 3>&- 9>&- &
	pid=$!
	until grep -q "another tranche is changing node 'golden'" told; do sleep 0.05; done
	while grep -q /virtual/golden/state/node "/proc/$pid/maps" && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	exec 9>&-
	wait "$pid"
	[ $tries -lt 100 ]
	run -0 tranche gpus --json
	[ "$(value '[g["mig_on"] for g in d["gpus"]]')" = "[True]" ]
}

@test "a call fails on order, and the change is undone" {
	sliced
	prints "no faults" -- virtual fault
	fits virtual-fault -- virtual fault --json \
		'nvmlDeviceCreateGpuInstanceWithPlacement:2=INSUFFICIENT_RESOURCES' slow
	[ "$(value 'd["faults"][0]')" = "{'fault': 'nvmlDeviceCreateGpuInstanceWithPlacement:2=INSUFFICIENT_RESOURCES', 'n_calls': 0}" ]
	run ! tranche create -q 1g.10gb 1g.10gb
	run -0 tranche slices --json
	[ "$(value 'd["slices"]')" = "[]" ]
	run -0 tranche virtual fault
	[[ ${lines[0]} == "FAULT "*" CALLS" && ${lines[2]} == "slow "*"-" ]]
	prints "no faults" -- virtual fault --clear
	run -0 tranche create -q 1g.10gb 1g.10gb
	fails 2 "NVML has no function 'nvmlNo'" "tranche virtual fault" -- virtual fault nvmlNo=TIMEOUT
	fails 3 "no virtual node 'nobody'" -- virtual fault --node nobody slow
}

@test "the driver's calls are counted by process" {
	node
	prints "no calls were counted" -- virtual trace
	prints "no calls yet" -- virtual trace on
	tranche gpus >/dev/null
	fits virtual-trace -- virtual trace off --json
	[ "$(value 'len({c["pid"] for c in d["calls"]}), d["on"]')" = "(1, False)" ]
	[ "$(value '[c["n_calls"] for c in d["calls"] if c["function"] == "nvmlShutdown"]')" = "[1]" ]
	tranche gpus >/dev/null
	local before=$output
	run -0 tranche virtual trace --json
	[ "$output" = "$before" ]
	fails 2 "on or off" "tranche virtual trace on" -- virtual trace maybe
}

@test "a program sees the node's devices, and the machine does not" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare -m true || skip "needs the right to mount"
	sliced 2g.20gb
	run -0 tranche virtual run -- sh -c 'cat /sys/bus/pci/devices/0000:10:00.0/device
		grep -c access /proc/driver/nvidia-caps/mig-minors
		cat /proc/driver/nvidia/capabilities/gpu0/mig/gi5/ci0/access
		ls /dev/nvidia0 /dev/nvidiactl /dev/nvidia-caps/nvidia-cap48 /dev/null
		echo $TRANCHE_NODE; exit 0'
	[ "${lines[0]}" = 0x20b2 ]
	[ "${lines[1]}" = 4320 ]
	[ "${lines[2]}" = "DeviceFileMinor: 49" ]
	[ "${lines[-1]}" = golden ]
	[ ! -e /dev/nvidiactl ]
	# As on a real card: parameters of the driver, and what sysfs says of the card.
	run -0 tranche virtual run -- sh -c 'grep ModifyDeviceFiles /proc/driver/nvidia/params
		head -1 /proc/driver/nvidia/gpus/0000:10:00.0/power
		grep PCI_ID /sys/bus/pci/devices/0000:10:00.0/uevent
		cat /sys/bus/pci/devices/0000:10:00.0/max_link_speed'
	[ "${lines[0]}" = "ModifyDeviceFiles: 1" ]
	[ "${lines[1]}" = "Runtime D3 status:          Disabled by default" ]
	[ "${lines[2]}" = "PCI_ID=10DE:20B2" ]
	[ "${lines[3]}" = "16.0 GT/s PCIe" ]
	run -7 tranche virtual run -- sh -c 'exit 7'
	fails 3 "no-such-program" -- virtual run -- no-such-program
}

@test "the hook is put where it is asked to, and found with the nodes of who asked" {
	fits virtual-install-hook -- virtual install-hook --json new/folder
	[ "$(value 'd["hook"]')" = "$PWD/new/folder/nvidia-container-runtime-hook" ]
	[ -x new/folder/nvidia-container-runtime-hook ]
	# It says the same as tranche about what it cannot find.
	echo '{"pid": 1, "bundle": "'"$PWD"'"}' >state
	echo '{"root": {"path": "/"}, "process": {"env": ["NVIDIA_VISIBLE_DEVICES=all"]}}' >config.json
	run -1 env -u TRANCHE_RUN_DIR new/folder/nvidia-container-runtime-hook prestart <state
	[[ $output == *"there is no virtual node in '$TRANCHE_RUN_DIR'; try: tranche virtual create"* ]]
	node
	run -1 new/folder/nvidia-container-runtime-hook prestart </dev/null
	[[ $output == *"no container's state on standard input"* ]]
	run -2 new/folder/nvidia-container-runtime-hook
	[[ $output == *"usage: "* ]]
}
