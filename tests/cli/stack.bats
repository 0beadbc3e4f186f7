#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

n_slices()
{
	output=$(tranche slices --json)
	value 'len(d["slices"])'
}

# model EXPRESSION: of the first model of ps, m.
model()
{
	output=$(tranche ps --json)
	value "[$1 for m in d['models']][0]"
}

@test "up tells each step on stderr and prints where the models are reached" {
	lab "replicas: 2"
	run --separate-stderr up
	echo "$stderr"
	[ "$status" -eq 0 ]
	grep -Ex ' *[0-9]+\.[0-9]s  MIG on    GPU 0 \(NVIDIA A100-SXM4-80GB\)' <<<"$stderr"
	grep -E '^ *[0-9]+\.[0-9]s  cutting   files-1: 1g\.10gb at 0:[0-9]$' <<<"$stderr"
	grep -E '^ *[0-9]+\.[0-9]s  starting  files-0: ' <<<"$stderr"
	grep -E '^ *[0-9]+\.[0-9]s  loading   files-0: ' <<<"$stderr"
	grep -E '^ *[0-9]+\.[0-9]s  ready     files-1: .* after [0-9]+\.[0-9] s$' <<<"$stderr"
	[[ ${lines[0]} == "virtual node 'cli"* ]]
	[[ ${lines[1]} =~ ^MODEL\ +PORT\ +URL\ +SLICE\ +UUID$ ]]
	[[ ${lines[2]} =~ ^lab/files-0\ +([0-9]+)\ +http://127.0.0.1:([0-9]+)/v1\ +1g.10gb\ +MIG-[0-9a-f-]{36}$ ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	"$PYTHON" -c 'import sys, urllib.request
print(urllib.request.urlopen("http://127.0.0.1:" + sys.argv[1]).status)' "${BASH_REMATCH[1]}"
}

@test "ps shows what runs, and its JSON says the same" {
	local pid

	lab
	up 2>/dev/null
	run -0 tranche ps
	[[ ${lines[0]} == *", scale 16: limits / 16, memory x 16" ]]
	[[ ${lines[1]} =~ ^MODEL\ +SLICE\ +GPU\ +UUID\ +MEMORY\ \(MiB\)\ +STATE\ +PORT\ +AGE\ +RUNTIME$ ]]
	[[ ${lines[2]} =~ ^lab/files-0\ \ 1g.10gb\ +0\ +MIG-[0-9a-f-]{36}\ +[0-9]+\ /\ 9728\ +ready\ +[0-9]+\ +[0-9ms]+\ +process$ ]]
	fits ps -- ps --json
	[ "$(value '[(m["stack"], m["model"], m["replica"], m["state"], m["runtime"]) for m in d["models"]]')" = \
		"[('lab', 'files', 0, 'ready', 'process')]" ]
	pid=$(value 'd["models"][0]["pid"]')
	kill -0 "$pid"
	fits slices -- slices --json
	[ "$(value 'd["slices"][0]["processes"][0]["pid"]')" = "$pid" ]
	[ "$(value 'd["slices"][0]["model"]')" = files ]
	run -0 tranche ps lab
	[ "${#lines[@]}" -ge 3 ]
	fails 3 "there is no stack 'other'" "tranche ps lab" -- ps other
}

@test "limits that nobody enforces are said" {
	lab
	up 2>/dev/null
	fits ps -- ps --json
	if [ "$(value 'd["models"][0]["limits_enforced"]')" = True ]; then
		run tranche ps
		[[ $output != *"limits not enforced"* ]]
	else
		run tranche ps
		[[ $output == *"limits not enforced: lab/files-0"* ]]
	fi
}

@test "up twice keeps what runs" {
	local pid

	lab
	up >/dev/null 2>&1
	pid=$(model 'm["pid"]')
	run --separate-stderr up
	[ "$status" -eq 0 ]
	[[ $stderr == *"kept"*"files-0"* ]]
	[[ $stderr != *starting* ]]
	[ "$(model 'm["pid"]')" = "$pid" ]
	fits ps -- up --json --runtime process
	[ "$(value 'd["models"][0]["pid"]')" = "$pid" ]
}

@test "a dry run of up is the commands that a person would type, and nothing is done" {
	lab
	run --separate-stderr up --dry-run
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ ${lines[0]} == "# virtual node 'cli"* ]]
	[ "${lines[1]}" = "# a dry run: nothing is changed" ]
	[ "${lines[3]}" = "nvidia-smi -i 0 -mig 1" ]
	[[ ${lines[4]} == "# cut files-0: 1g.10gb at 0:"* ]]
	[[ ${lines[5]} == "nvidia-smi mig -i 0 -cgi 19:"*" -C" ]]
	[[ $output == *"# start files-0: "*"python3 -u -m http.server --bind 127.0.0.1"* ]]
	[ "$(n_slices)" = 0 ]
	fits plan -- up --dry-run --json --runtime process
	[ "$(value '[s["step"] for s in d["steps"]]')" = "['mig on', 'cut', 'start']" ]
}

@test "down takes the name from ./tranche.yaml, and frees the slices" {
	local pid

	lab
	up >/dev/null 2>&1
	pid=$(model 'm["pid"]')
	run -0 tranche down --dry-run
	[[ $output == *"# stop files-0"*"# free 1g.10gb"* ]]
	kill -0 "$pid"
	run --separate-stderr tranche down
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ $stderr == *"stopping"*"files-0"*"freeing"* ]]
	[ "$(n_slices)" = 0 ]
	run kill -0 "$pid"
	[ "$status" -ne 0 ]
	fails 3 "lab" -- down
}

@test "down wants to know which stack" {
	lab
	up >/dev/null 2>&1
	fails 3 "nosuch" -- down nosuch
	[[ $stderr == *lab* ]]
	mkdir elsewhere
	cd elsewhere
	fails 2 "which stack? There is no 'tranche.yaml' in this folder" "tranche down lab" -- down
	fails 2 "name the stack once" -- down lab --name lab
	fails 2 "'--all' takes every stack" -- down --all lab
	tranche down lab 2>/dev/null
	fails 2 "and no stack is up" -- down
	fails 3 "nosuch.yaml" -- down -f nosuch.yaml
}

@test "the same file twice, under two names" {
	lab
	up >/dev/null 2>&1
	run -0 --separate-stderr up --name second
	[[ $output == *"second/files-0 "* ]]
	[[ $output != *"lab/files-0 "* ]]
	[ "$(n_slices)" = 2 ]
	tranche down --name second 2>/dev/null
	[ "$(n_slices)" = 1 ]
	[ "$(model 'm["stack"]')" = lab ]
}

@test "down --all stops every stack and turns MIG off" {
	lab
	up >/dev/null 2>&1
	up --name second >/dev/null 2>&1
	fits plan -- down --all --json
	[ "$(value 'd["steps"][-1]["step"]')" = "mig off" ]
	[ "$(n_slices)" = 0 ]
	fits gpus -- gpus --json
	[ "$(value 'd["gpus"][0]["mig_on"]')" = False ]
}

@test "logs are what the server wrote, all or the last lines" {
	lab
	serves sh -c 'seq 5; exec python3 -u -m http.server --bind 127.0.0.1 ${PORT}'
	up >/dev/null 2>&1
	run --separate-stderr tranche logs files
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 1 ]
	[ "${lines[4]}" = 5 ]
	[[ $stderr == *"virtual node"* ]]
	run --separate-stderr tranche logs lab/files-0 -n 1
	[ "${#lines[@]}" -eq 1 ]
	[ "$output" != 1 ]
	fails 3 "nosuch" -- logs nosuch
	fails 2 "option '-n' wants a number of lines" -- logs -n some files
}

@test "logs -f goes on until it is interrupted" {
	local pid

	lab
	up >/dev/null 2>&1
	"$TRANCHE" logs -f files >followed 2>/dev/null 3>&- &
	pid=$!
	timeout 60 bash -c 'until [ -s followed ]; do sleep 0.05; done'
	kill -0 "$pid"
	kill -TERM "$pid"
	run wait "$pid"
	kill -0 "$(model 'm["pid"]')"
}

@test "restart gives a model a new process on the same slice" {
	local pid uuid

	lab
	up >/dev/null 2>&1
	pid=$(model 'm["pid"]') uuid=$(model 'm["slice"]["uuid"]')
	run --separate-stderr tranche restart files
	[ "$status" -eq 0 ]
	[[ $stderr == *"stopping"*"starting"*"ready"* ]]
	[ "$(model 'm["pid"]')" != "$pid" ]
	[ "$(model 'm["slice"]["uuid"]')" = "$uuid" ]
	fails 3 "nosuch" -- restart nosuch
}

@test "a server that dies fails up with the reason and the end of its log, and all is undone" {
	lab
	serves sh -c 'echo the weights are gone; exit 7'
	fails 12 "exit code 7" "tranche logs" -- up --runtime process
	[[ $stderr == *"the weights are gone"* ]]
	[ "$(n_slices)" = 0 ]
}

@test "a server that is killed later is shown as exited, and why" {
	lab
	up >/dev/null 2>&1
	kill -9 "$(model 'm["pid"]')"
	timeout 60 bash -c 'until "$TRANCHE" ps --json | grep -q exited; do sleep 0.05; done'
	fits ps -- ps --json
	[ "$(value 'd["models"][0]["why"]')" = "signal 9 (Killed)" ]
	run -0 tranche ps
	[[ $output == *" exited "* ]]
	[[ $output == *"lab/files-0: signal 9 (Killed)   (tranche logs lab/files-0)"* ]]
}

@test "a model that does not answer in time" {
	lab
	serves sleep 1000
	fails 13 "files" "--timeout" -- up --runtime process --timeout 300ms --grace 0
	[ "$(n_slices)" = 0 ]
	fails 2 "--timeout 0 leaves no time" -- up --timeout 0
}

@test "Ctrl-C, even twice, undoes what up began" {
	local pid status=0

	lab
	up >/dev/null 2>&1
	sed 's/name: lab/name: slow/' -i tranche.yaml
	serves sh -c "trap '' TERM; while :; do sleep 1; done"
	"$TRANCHE" up --runtime process --grace 3s >out 2>said 3>&- &
	pid=$!
	timeout 60 bash -c 'until grep -q loading said; do sleep 0.05; done'
	kill -INT "$pid"
	timeout 60 bash -c 'until grep -q "taken back" said; do sleep 0.05; done'
	kill -INT "$pid"
	wait "$pid" || status=$?
	cat said
	[ "$status" -eq 130 ]
	[ ! -s out ]
	grep -q "^stopping: what was begun is undone" said
	grep -q "^still stopping: what was begun is undone" said
	grep -q "tranche: .*interrupted" said
	[ "$(n_slices)" = 1 ]
	[ "$(model 'm["stack"] + " " + m["state"]')" = "lab ready" ]
}

@test "a slip in the stack file is told by line and column, and nothing is started" {
	lab "replcas: 2"
	fails 2 "tranche.yaml:8:5: " -- up
	[[ $stderr == *replicas* ]]
	fails 3 "nosuch.yaml" -- up -f nosuch.yaml
	[ "$(n_slices)" = 0 ]
	sed -i '/replcas/d' tranche.yaml
	fails 2 "podman" -- up --runtime dokcer
	[[ $stderr == *process* ]]
	[ "$(n_slices)" = 0 ]
}

@test "a stack that does not fit is refused with who holds the room" {
	lab
	up >/dev/null 2>&1
	sed -e 's/name: lab/name: large/' -e 's/1g.10gb/7g.80gb/' -i tranche.yaml
	fails 5 "lab" -- up --runtime process
	[ "$(n_slices)" = 1 ]
}

@test "virtual destroy refuses while a stack is up, unless forced" {
	local name

	lab
	up >/dev/null 2>&1
	name=$(tranche ps --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["node"])')
	fails 8 "lab" "--force" -- virtual destroy "$name"
	run -0 tranche virtual destroy --force "$name"
	prints "no virtual nodes" -- virtual list
}
