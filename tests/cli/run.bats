#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# jobs_node: a node of its own with MIG on, small enough that its limits are felt.
jobs_node()
{
	"$TRANCHE" virtual create --scale 64 --name "run$$x$BATS_TEST_NUMBER" a100-80gb \
		>/dev/null 2>&1
	"$TRANCHE" mig on 2>/dev/null
}

# nothing_left: no slice, no row, no folder of a server, no lock of a job.
nothing_left()
{
	output=$("$TRANCHE" slices --json)
	[ "$(value 'd["slices"]')" = "[]" ]
	output=$("$TRANCHE" ps --json)
	[ "$(value 'd["models"]')" = "[]" ]
	[ -z "$(ls -A "$TRANCHE_RUN_DIR/servers" 2>/dev/null)" ]
	[ -z "$(ls -A "$TRANCHE_RUN_DIR/jobs" 2>/dev/null)" ]
}

# started ARGUMENT...: a `tranche run` in the background, waited for until its job writes "up".
started()
{
	"$TRANCHE" run "$@" >out 2>err 3>&- &
	job=$!
	for _ in $(seq 200); do
		grep -q '^up' out && return
		kill -0 "$job"
		sleep 0.05
	done
	cat err
	return 1
}

# ends STATUS: the job that was started does, so.
ends()
{
	local got=0

	wait "$job" || got=$?
	echo "exit status $got, wanted $1"
	[ "$got" -eq "$1" ]
}

@test "run gives the job its slice, our streams and our folder, and its exit status back" {
	jobs_node
	echo hello >in
	run --separate-stderr bash -c \
		'"$TRANCHE" run 1g.10gb sh -c "cat; pwd; echo \$CUDA_VISIBLE_DEVICES; echo oops >&2; exit 7" <in'
	echo "$stderr"
	[ "$status" -eq 7 ]
	[ "${lines[0]}" = hello ]
	[ "${lines[1]}" = "$PWD" ]
	[[ ${lines[2]} =~ ^MIG-[0-9a-f-]{36}$ ]]
	[ "${#lines[@]}" -eq 3 ]
	[[ $stderr == *"cutting   1g.10gb at 0:"*"starting  sh: on MIG-"*oops*"freeing   1g.10gb at 0:"* ]]
	nothing_left
}

@test "run says nothing of its own when it is told to be quiet, and keeps our environment" {
	jobs_node
	export LAB_COLOUR=green
	run --separate-stderr tranche run -q 1g.10gb -- sh -c 'echo $LAB_COLOUR'
	[ "$status" -eq 0 ]
	[ "$output" = green ]
	[ -z "$stderr" ]
}

@test "the job's own options are its own, with or without --" {
	jobs_node
	run -0 --separate-stderr tranche run -q 1g.10gb -- sh -c 'echo "$0 $*"' --gpu --json -q
	[ "$output" = "--gpu --json -q" ]
	run -0 --separate-stderr tranche run -q 1g.10gb echo --gpu -- x
	[ "$output" = "--gpu -- x" ]
}

@test "what the job sees through NVML is its slice alone" {
	jobs_node
	tranche create -q 2g.20gb >/dev/null 2>&1
	run -0 --separate-stderr tranche run -q 1g.10gb:6 "$TRANCHE" slices --json
	[ "$(value 'd["slices"][-1]["model"], d["slices"][-1]["start"]')" = "('tranche', 6)" ]
	[ "$(value 'd["slices"][-1]["stack"][:4]')" = "job." ]
}

@test "a job that runs out of its slice's memory is killed, and that is said" {
	jobs_node
	tranche run -q 1g.10gb true
	run --separate-stderr tranche run -q 1g.10gb -- "$PYTHON" -c \
		'b = b"x" * (400 << 20); print(len(b))'
	echo "$stderr"
	[ "$status" -ne 0 ] || skip "limits are not enforced here"
	[ "$status" -eq 137 ]
	[[ $stderr == *"tranche: the job ran out of memory: its slice 1g.10gb has 9728 MiB"* ]]
	[[ $stderr == *"  try: a larger size; tranche profiles"* ]]
	nothing_left
}

@test "a signal is passed on; after the grace time the job is killed" {
	jobs_node
	started 1g.10gb sh -c 'trap "echo told; exit 3" TERM; echo up; while :; do sleep 0.05; done'
	kill -TERM "$job"
	ends 3
	grep -qx told out
	nothing_left
	started --grace 200ms 1g.10gb sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done'
	kill -TERM "$job"
	ends 137
	nothing_left
	started 1g.10gb sh -c 'echo up; kill -USR1 $$'
	ends 138
}

@test "what a killed tranche leaves is cleaned by the next command" {
	local pid

	jobs_node
	started 1g.10gb sh -c 'echo up; echo $$; sleep 1000 & exec sleep 1000'
	pid=$(sed -n 2p out)
	kill -KILL "$job"
	wait "$job" || true
	run --separate-stderr tranche create 1g.10gb:0
	echo "$stderr"
	[ "$status" -eq 0 ]
	[[ $stderr == *"cleaning  sh: "* ]]
	! kill -0 "$pid" 2>/dev/null
	tranche destroy 0:0 2>/dev/null
	nothing_left
}

@test "a job is a model: ps shows it, others cut beside it, down ends it" {
	jobs_node
	started 1g.10gb sh -c 'echo up; exec sleep 1000'
	fits ps -- ps --json
	[ "$(value '[(m["stack"], m["model"], m["state"]) for m in d["models"]]')" = \
		"[('job.$job', 'sh', 'ready')]" ]
	tranche create -q 2g.20gb >/dev/null 2>&1
	fails 8 "belongs to stack 'job.$job'" "tranche down job.$job" \
		-- destroy "$(value 'str(d["models"][0]["slice"]["gpu"]) + ":" + str(d["models"][0]["slice"]["start"])')"
	tranche down "job.$job" 2>/dev/null
	ends 143
	output=$(tranche slices --json)
	[ "$(value '[s["profile"] for s in d["slices"]]')" = "['2g.20gb']" ]
}

@test "two jobs run at once, each on a slice of its own" {
	local first

	jobs_node
	started 1g.10gb sh -c 'echo up $CUDA_VISIBLE_DEVICES; exec sleep 1000'
	first=$(cat out)
	run -0 --separate-stderr tranche run -q 1g.10gb sh -c 'echo up $CUDA_VISIBLE_DEVICES'
	[ "$output" != "$first" ]
	kill -TERM "$job"
	ends 143
	nothing_left
}

@test "nothing is cut for a job that cannot start" {
	jobs_node
	fails 3 "there is no program 'nosuch' on PATH" -- run 1g.10gb nosuch
	fails 2 "has no profile '9g.90gb'" -- run 9g.90gb true
	fails 2 "a 7g.80gb starts at 0, not at 1" -- run 7g.80gb:1 true
	fails 2 "'tranche run' needs a command, or --image" "tranche run 1g.10gb -- python3" -- run 1g.10gb
	fails 2 "'tranche run' needs PROFILE" -- run
	fails 2 "runtime 'podman' needs an image" "tranche run 1g.10gb --image IMAGE" \
		-- run --runtime podman 1g.10gb true
	fails 2 "runtime 'process' starts no images" -- run --runtime process --image x 1g.10gb
	printf 'no program\n' >script
	chmod +x script
	run --separate-stderr tranche run 1g.10gb ./script
	[ "$status" -ne 0 ]
	[[ $stderr == *"tranche: run '"*"script': Exec format error"* ]]
	nothing_left
	tranche mig off 2>/dev/null
	fails 10 "MIG is off" "tranche mig on" -- run 1g.10gb true
}

@test "a job may ask for memory instead of a profile, and so may create" {
	jobs_node
	run -0 --separate-stderr tranche run 18G true
	[[ $stderr == *"cutting   1g.20gb at 0:"* ]]
	run -0 --separate-stderr tranche run memory:18Gi:2 true
	[[ $stderr == *"cutting   1g.20gb at 0:2"* ]]
	tranche create -q 30G 1g.10gb >/dev/null 2>&1
	output=$(tranche slices --json)
	[ "$(value 'sorted(s["profile"] for s in d["slices"])')" = "['1g.10gb', '3g.40gb']" ]
	fails 2 "'18GB': GPU 0 (NVIDIA A100-SXM4-80GB) has no profile '18GB'" \
		"an amount of memory is written 18G, or 18Gi" -- run 18GB true
	fails 2 "'90G': no slice of GPU 0 (NVIDIA A100-SXM4-80GB) has 85831 MiB; it has 1g.10gb (19)" \
		-- run 90G true
	fails 2 "'3': GPU 0 (NVIDIA A100-SXM4-80GB) has no profile '3'" -- run 3 true
	[[ $stderr != *"amount of memory"* ]]
	fails 2 "'0G': GPU 0 (NVIDIA A100-SXM4-80GB) has no profile '0G'" -- run 0G true
}

@test "variables are given with -e and --env-file, those of the slice cannot be" {
	jobs_node
	export LAB_HERE=here
	printf 'LAB_FILE=from a file\n# nothing\nLAB_A=file\n' >lab.env
	run -0 --separate-stderr tranche run -q -e LAB_A=0 -e LAB_A=1=2 --env LAB_HERE -e LAB_NONE --env-file lab.env \
		1g.10gb -- sh -c 'echo "$LAB_A,$LAB_HERE,${LAB_NONE-unset},$LAB_FILE"'
	[ "$output" = "1=2,here,unset,from a file" ]
	fails 2 "variable 'CUDA_VISIBLE_DEVICES' is set by tranche, to the job's slice" \
		-- run -e CUDA_VISIBLE_DEVICES=0 1g.10gb true
	fails 2 "variable 'LD_LIBRARY_PATH' is set by tranche" "LD_LIBRARY_PATH=... tranche run" \
		-- run -e LD_LIBRARY_PATH=/x 1g.10gb true
	fails 2 "no name of a variable in front of '='" "-e NAME=VALUE" -- run -e =hf_secret 1g.10gb true
	[[ $stderr != *hf_secret* ]]
	fails 3 "nosuch.env" -- run --env-file nosuch.env 1g.10gb true
	fails 2 "a plain process sees this machine's folders as they are" \
		"tranche run 1g.10gb --image IMAGE -v .:/data" -- run -v .:/data 1g.10gb true
	fails 2 "'data' is no volume" "-v HOST:TARGET" -- run --runtime podman --image x -v data 1g.10gb
	fails 3 "volume 'nosuch': No such file" "mkdir -p nosuch" \
		-- run --runtime podman --image x -v nosuch:/data 1g.10gb
	nothing_left
}

@test "a job's end is told as one line of JSON behind all that it said" {
	jobs_node
	run --separate-stderr tranche run --json 2g.20gb:2 -- sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" -eq 7 ]
	[ "$output" = out ]
	[ "${stderr_lines[0]}" = err ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	output=${stderr_lines[1]}
	"$PYTHON" "$CHECK_JSON" "$JSON_SCHEMAS/run.schema.json" <<<"$output"
	[ "$(value 'd["status"], d["runtime"], d["virtual"], d["out_of_memory"]')" = "(7, 'process', True, False)" ]
	[ "$(value 'd["slice"]["profile"], d["slice"]["start"], d["slice"]["uuid"][:4]')" = "('2g.20gb', 2, 'MIG-')" ]
	fits plan -- run --json --dry-run 2g.20gb true
	nothing_left
}

@test "a dry run shows the three steps" {
	sliced
	prints "# virtual node 'golden'
# a dry run: nothing is changed
# cut 1g.10gb at 0:6
nvidia-smi mig -i 0 -cgi 19:6 -C
# start echo: on MIG-<0:6>
echo 'two words'
# free 1g.10gb at 0:6, once it has ended" -- run --dry-run 1g.10gb echo "two words"
	nothing_left
}
