#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The guide's lines as they are typed, what refusals say, and wrong command lines.

load helper

node()
{
	"$TRANCHE" virtual create --name guide --scale 64 "${@:-a100-sxm4-80gb}" >/dev/null 2>&1
	export TRANCHE_NODE=guide
}

# says STATUS TEXT ARGUMENT...: this exit status, and exactly this on standard output.
says()
{
	local want=$1 text=$2

	shift 2
	run --separate-stderr "$TRANCHE" smi "$@"
	echo "tranche smi $*: exit status $status; stderr: $stderr"
	diff <(echo "$text") <(echo "$output")
	[ "$status" -eq "$want" ]
}

@test "the guide, as typed" {
	node
	says 0 "Enabled persistence mode for GPU 00000000:10:00.0.
All done." -pm 1
	says 0 "Enabled MIG Mode for GPU 00000000:10:00.0
All done." -i 0 -mig 1
	run -0 --separate-stderr "$TRANCHE" smi mig -lgipp
	[[ ${lines[0]} == "GPU  0 Profile ID 19 Placements: {0,1,2,3,4,5,6}:1" ]]
	run -0 --separate-stderr "$TRANCHE" smi mig -i 0 -cgi 15,15 -C
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} =~ ^"Successfully created GPU instance ID ".." on GPU  0 using profile MIG 1g.20gb (ID 15)"$ ]]
	[[ ${lines[1]} =~ ^"Successfully created compute instance ID  0 on GPU  0 GPU instance ID ".." using profile MIG 1g.20gb (ID  "[0-9]")"$ ]]
	run -0 --separate-stderr "$TRANCHE" smi -L
	[ "$(grep -c '^  MIG 1g.20gb     Device  [01]: (UUID: MIG-' <<<"$output")" -eq 2 ]
	run -0 --separate-stderr "$TRANCHE" smi
	[[ $output == *"MIG devices:"* ]]
	[ "$stderr" = "tranche: virtual" ]
}

@test "-dgi 0 says what was meant, and destroys nothing" {
	node
	"$TRANCHE" smi -mig 1 >/dev/null 2>&1
	"$TRANCHE" smi mig -cgi 19 -C >/dev/null 2>&1
	says 2 'Option "0" is not recognized.' mig -i 0 -dgi 0
	[[ $stderr == *"-dgi takes no value"*"tranche smi mig -i 0 -dci"*"tranche smi mig -i 0 -dgi"* ]]
	run -0 "$TRANCHE" smi mig -lgi
}

@test "destroying: compute instances first" {
	node
	"$TRANCHE" smi -mig 1 >/dev/null 2>&1
	"$TRANCHE" smi mig -cgi 9 -C >/dev/null 2>&1
	run -19 --separate-stderr "$TRANCHE" smi mig -dgi
	[[ $output =~ ^"Unable to destroy GPU instance ID ".." from GPU  0: In use by another client"$'\n'"Failed to destroy GPU instances: In use by another client"$ ]]
	[[ $stderr == *"tranche smi mig -dci"* ]]
	run -0 --separate-stderr "$TRANCHE" smi mig -dci
	[[ $output =~ ^"Successfully destroyed compute instance ID  0 from GPU  0 GPU instance ID ".. ]]
	run -0 --separate-stderr "$TRANCHE" smi mig -dgi
	[[ $output =~ ^"Successfully destroyed GPU instance ID ".." from GPU  0"$ ]]
	says 6 "No GPU instances found: Not Found" mig -dgi
	says 6 "No GPU instances found: Not Found" mig -lgi
}

@test "creating: names, ids, a start, and what does not fit" {
	node
	"$TRANCHE" smi -mig 1 >/dev/null 2>&1
	for tuple in "MIG 3g.40gb:4" 3g.40gb:0; do
		run -0 --separate-stderr "$TRANCHE" smi mig -cgi "$tuple"
		[[ $output == *"using profile MIG 3g.40gb (ID  9)" ]]
	done
	says 23 "Unable to create a GPU instance on GPU  0 using profile 9: Insufficient Resources
Failed to create GPU instances: Insufficient Resources" mig -cgi 9
	says 2 "Unable to create a GPU instance on GPU  0 using profile 7g.40gb: Invalid Argument
Failed to create GPU instances: Invalid Argument" mig -cgi 7g.40gb
	says 2 "Unable to create a GPU instance on GPU  0 using profile 19: Invalid Argument
Failed to create GPU instances: Invalid Argument" mig -cgi 19:7
	run -0 --separate-stderr "$TRANCHE" smi mig -cci
	[ "$(grep -c 'using profile MIG 3g.40gb (ID  2)$' <<<"$output")" -eq 2 ]
}

@test "MIG mode: kept while slices are there, and not for every card" {
	node
	"$TRANCHE" smi -pm 1 >/dev/null 2>&1
	"$TRANCHE" smi -mig 1 >/dev/null 2>&1
	"$TRANCHE" smi mig -cgi 19 >/dev/null 2>&1
	run -0 --separate-stderr "$TRANCHE" smi -mig 0
	[ "${lines[0]}" = "Warning: MIG mode is in pending disable state for GPU 00000000:10:00.0:In use by another client" ]
	[ "${lines[2]}" = "All done." ]
	"$TRANCHE" virtual destroy --force guide >/dev/null 2>&1
	node geforce-rtx-4090
	says 0 "Unable to enable MIG Mode for GPU 00000000:10:00.0: Not Supported
Treating as warning and moving on.
All done." -mig 1
	says 0 "No MIG-supported devices found." mig -lgip
	says 0 "No MIG-enabled devices found." mig -cgi 19 -C
}

@test "without persistence mode, enabling warns" {
	node
	says 0 "Enabled MIG Mode for GPU 00000000:10:00.0

Warning: persistence mode is disabled on device 00000000:10:00.0. See the Known Issues section of the nvidia-smi(1) man page for more information. Run with [--help | -h] switch to get more information on how to enable persistence mode.
All done." -mig 1
	says 0 "Enabled persistence mode for GPU 00000000:10:00.0.
All done." -pm ENABLED
	says 0 "Persistence mode is already Enabled for GPU 00000000:10:00.0.
All done." -pm 1
}

@test "wrong command lines, as scripts know them" {
	node
	says 255 "ERROR: Option --foo is not recognized. Please run 'nvidia-smi -h'." --foo
	says 255 "ERROR: Option foo is not recognized. Please run 'nvidia-smi -h'." foo
	says 2 "ERROR: Option -i is not valid for this command. Please run 'nvidia-smi -h' for help." -i 0 -L
	says 2 "ERROR: Option foo is not valid for this command. Please run 'nvidia-smi -h' for help." -L foo
	says 255 "ERROR: Option -f is missing its value. Please run 'nvidia-smi -h' for help." -f
	says 2 "Invalid combination of input arguments. Specify -q/--query and -x/--xml-format to run an XML query.  Please run 'nvidia-smi -h' for help." -x
	says 2 'Option "-foo" is not recognized.' mig -foo
	says 255 "ERROR: Option --list-gpu is not recognized. Please run 'nvidia-smi -h'." --list-gpu
	[[ $stderr == *"try: tranche smi --list-gpus"* ]]
}

@test "no driver and no virtual node" {
	[ ! -e /dev/nvidiactl ] || skip "this machine has a driver"
	run -12 --separate-stderr "$TRANCHE" smi
	[[ $output == "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system."* ]]
	[[ $stderr == *"try: tranche virtual create"* ]]
	run -12 --separate-stderr "$TRANCHE" --node nosuch smi
	[[ $stderr == *"there is no virtual node 'nosuch'"* ]]
}

@test "a driver that cannot be reached" {
	answers idle
	echo 'nvmlInit_v2 = 9' >>"$NVML_PLAY_FILE"
	run -9 smi
	[[ $output == "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."* ]]
	sed -i 's/^nvmlInit_v2 = 9/nvmlInit_v2 = 18/' "$NVML_PLAY_FILE"
	run -18 smi
	[ "$output" = "Failed to initialize NVML: Driver/library version mismatch" ]
}

@test "-f writes into a file, help is there, the program needs libc only" {
	node
	run -0 --separate-stderr "$TRANCHE" smi -f "$BATS_TEST_TMPDIR/table"
	[ -z "$output" ]
	grep -q "NVIDIA-SMI" "$BATS_TEST_TMPDIR/table"
	run -0 "$TRANCHE_SMI" --help
	[[ $output == "tranche smi: "*--query-gpu*--loop* ]]
	! awk 'length > 80' <<<"$output" | grep .
	run -0 "$TRANCHE" smi mig -h
	[[ $output == "tranche smi mig: "* ]]
	run -0 readelf -d "$TRANCHE_SMI"
	! grep NEEDED <<<"$output" | grep -vE 'libc\.so|ld-linux|libdl\.so|libasan|libubsan'
}

@test "wrong queries, as scripts know them, with the nearest names" {
	node
	says 2 'Field "bogus" is not a valid field to query.' --query-gpu=name,bogus,foo --format=csv
	says 2 'Field "memory.totl" is not a valid field to query.' --query-gpu=memory.totl --format=csv
	[[ $stderr == *"try: tranche smi --query-gpu=memory.total --format=csv"* ]]
	says 2 'Field "NAME" is not a valid field to query.' --query-gpu NAME --format csv
	says 2 'Field "bogus" is not a valid field to query.' --query-compute-apps=bogus --format=csv
	says 2 "Format modifier is not recognized." --query-gpu=name --format=json
	says 2 "Format modifier is not recognized." --query-gpu=name --format=csv,foo
	says 255 "ERROR: Option --query-gpu is missing its value. Please run 'nvidia-smi -h' for help." --query-gpu --format=csv
	says 255 "ERROR: Option --format=csv is not recognized. Please run 'nvidia-smi -h'." --format=csv
	says 2 "Failed to parse --display/-d flags" -q -d BOGUS
	says 2 "Invalid combination of input arguments: --display/-d flags can not be combined with -x/--xml-format flags." -q -x -d MEMORY
	says 2 "ERROR: Option -q is not valid for this command. Please run 'nvidia-smi -h' for help." -q -L
	says 6 "No devices were found" -i 5 --query-gpu=name --format=csv
}

@test "-i names cards in any order; they are printed in the driver's, once" {
	node a100-sxm4-80gb a100-sxm4-80gb
	says 0 "0
1" -i 1,0,1 --query-gpu=index --format=csv,noheader
	says 0 "1" -i 1 --query-gpu=index --format=csv,noheader
}

@test "what only the vendor's tool sets is said to be that, and changes nothing" {
	node
	says 255 "ERROR: Option -pl is not recognized. Please run 'nvidia-smi -h'." -pl 300
	[[ $stderr == *"-pl is for the vendor's nvidia-smi"*"try: tranche smi --help"* ]]
	says 255 "ERROR: Option nvlink is not recognized. Please run 'nvidia-smi -h'." nvlink -s
	[[ $stderr == *"nvlink is for the vendor's nvidia-smi"* ]]
}

@test "columns: aliases, heads, units, twice the same, none" {
	node
	says 0 "name, uuid, pci.bus_id, pci.bus_id
NVIDIA A100-SXM4-80GB, $("$TRANCHE" smi -L 2>/dev/null | grep -o 'GPU-[^)]*'), 00000000:10:00.0, 00000000:10:00.0" --query-gpu=gpu_name,gpu_uuid,pci.bus_id,gpu_bus_id --format=csv
	says 0 "name, memory.total [MiB]
NVIDIA A100-SXM4-80GB, 81920" --query-gpu=name,memory.total --format=csv,nounits
	says 0 "NVIDIA A100-SXM4-80GB, 81920" --query-gpu=name,memory.total --format=csv,noheader,nounits
	says 0 "NVIDIA A100-SXM4-80GB" --query-gpu=name --format=noheader
	says 0 "index, index
0, 0" --query-gpu=index,index
}

@test "every column and every section of -d has an answer, and JSON and XML can be read" {
	local name

	node
	"$TRANCHE" smi -mig 1 >/dev/null 2>&1
	"$TRANCHE" smi mig -cgi 19,14 -C >/dev/null 2>&1
	"$TRANCHE" smi --help-query-gpu >"$BATS_TEST_TMPDIR/names"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/names")" -gt 200 ]
	run -0 --separate-stderr "$TRANCHE" smi --query-gpu="$(paste -sd, "$BATS_TEST_TMPDIR/names")" --format=csv
	[ "${#lines[@]}" -eq 2 ]
	for name in $("$TRANCHE" smi --help-sections); do
		run -0 --separate-stderr "$TRANCHE" smi -q -d "$name"
	done
	"$TRANCHE" smi -q --json 2>/dev/null | "$PYTHON" -c 'import json, sys
gpu = json.load(sys.stdin)["gpus"][0]
assert gpu["mig_mode"]["current_mig"] == "Enabled"
assert [m["index"] for m in gpu["mig_devices"]] == ["0", "1"]
assert gpu["fb_memory_usage"]["total"] == "81920 MiB"'
	"$TRANCHE" smi --query-gpu=name,fan.speed --json 2>/dev/null | "$PYTHON" -c 'import json, sys
assert json.load(sys.stdin) == [{"name": "NVIDIA A100-SXM4-80GB"}]'
	"$TRANCHE" smi -q -x 2>/dev/null | "$PYTHON" -c 'import sys, xml.etree.ElementTree as e
gpu = e.parse(sys.stdin).getroot().find("gpu")
assert [m.text for m in gpu.findall("mig_devices/mig_device/index")] == ["0", "1"]
assert gpu.find("mig_devices/mig_device/device_attributes/shared/multiprocessor_count").text == "28"
assert gpu.find("mig_devices/mig_device/fb_memory_usage/total") is not None'
}
