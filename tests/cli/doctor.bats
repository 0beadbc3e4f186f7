#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# finding WHAT: the verdict, text and fix that the JSON in $output has for it.
finding()
{
	value "[(c['verdict'], c['text'], c.get('fix')) for c in d['checks'] if c['what'] == '$1']"
}

@test "a sound node has no problem, and the doctor says so" {
	sliced 1g.10gb
	fits doctor -- doctor --json
	[ "$(value 'd["n_problems"], d["virtual"], d["node"]')" = "(0, True, 'golden')" ]
	[[ $(finding driver) == *"'ok', \"virtual node 'golden', driver 580.159.04"* ]]
	[[ $(finding 'GPU 0') == *"'ok', 'NVIDIA A100-SXM4-80GB, MIG on, 1 slice', None"* ]]
	[[ $(finding slices) == *"'ok'"* ]]
	run -0 tranche doctor
	[[ ${lines[0]} == "OK        driver           virtual node 'golden', driver 580.159.04, scale 1" ]]
	[[ ${lines[-1]} =~ ^0\ problems,\ [0-9]+\ notes?$ ]]
}

@test "without a driver and a virtual node that is the problem" {
	run tranche doctor
	[ "$status" -eq 1 ]
	[[ $output == *"problem   driver           this machine has no NVIDIA driver"* ]] ||
		skip "this machine has a driver"
	[[ $output == *"try: install NVIDIA's driver, if this machine has a GPU"* ]]
	[[ ${lines[-1]} == "1 problem, "* ]]
	run --separate-stderr tranche doctor --json
	[ "$(value '"virtual" in d')" = False ]
}

@test "each note and problem comes with what to type" {
	node geforce-rtx-4090
	fits doctor -- doctor --json
	[ "$(value '[c["what"] for c in d["checks"] if c["verdict"] == "problem" and not c.get("fix")]')" = "[]" ]
	[[ $(finding 'GPU 0') == *"'note', \"cannot be sliced: "* ]]
}

@test "a MIG mode that waits for a reset is a problem" {
	tranche virtual create --passthrough --name golden a100-80gb >/dev/null 2>&1
	tranche smi -i 0 -mig 1 >/dev/null 2>&1 || true
	run --separate-stderr tranche doctor --json
	[ "$status" -eq 1 ]
	[[ $(finding 'GPU 0') == *"'problem', \"MIG is off, and turns on with the card's next reset\", 'nvidia-smi --gpu-reset -i 0 "* ]]
	run -0 tranche gpus
	[[ $output == *"off, pending on"* ]]
	[[ $output == *"GPU 0 can be sliced; MIG is off, and turns on with the card's next reset: nvidia-smi --gpu-reset -i 0 "* ]]
}

@test "who holds a card on which MIG is off is named" {
	local pid

	lab
	sed -i 's/slice: .*/slice: whole/' tranche.yaml
	up >/dev/null 2>&1
	output=$(tranche ps --json)
	pid=$(value 'd["models"][0]["pid"]')
	fits doctor -- doctor --json
	[[ $(finding 'GPU 0') == *"in use by pid $pid (python3)"*"stop it, then: tranche mig on --gpu 0"* ]] ||
		skip "without control groups nobody sees who is on a virtual card"
	run -0 tranche gpus
	[[ $output == *"GPU 0 can be sliced; MIG is off, and cannot be turned on while the card is in use by pid $pid (python3)"* ]]
}

@test "a port that somebody else took, a model that ended, and a killed job are found" {
	local port pid

	port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	lab "port: $port"
	serves "$PYTHON" -u -m http.server --bind 127.0.0.1 '${PORT}'
	up >/dev/null 2>&1
	output=$(tranche ps --json)
	pid=$(value 'd["models"][0]["pid"]')
	kill -KILL "$pid"
	for _ in $(seq 100); do
		output=$(tranche ps --json)
		[ "$(value 'd["models"][0]["state"]')" = exited ] && break
		sleep 0.05
	done
	"$PYTHON" -c 'import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("up", flush=True); time.sleep(1000)' \
		"$port" >holder 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q up holder && break
		sleep 0.05
	done
	run --separate-stderr tranche doctor --json
	kill "$pid"
	[ "$status" -eq 1 ]
	[[ $(finding models) == *"lab/files-0 has ended: "*"tranche logs lab/files-0"* ]]
	[[ $(finding ports) == *"stack 'lab', model 'files': port $port of 127.0.0.1 is in use by process $pid"* ]]
	tranche down lab 2>/dev/null
	"$TRANCHE" run 1g.10gb sh -c 'echo up; exec sleep 1000' >out 2>/dev/null 3>&- &
	pid=$!
	for _ in $(seq 200); do
		grep -q up out && break
		sleep 0.05
	done
	kill -KILL "$pid"
	wait "$pid" || true
	output=$(tranche doctor --json)
	[[ $(finding slices) == *"'note', '1 slice of a run that was cut off waits to be cleaned up'"* ]]
	tranche create -q 1g.10gb 2>/dev/null
	output=$(tranche doctor --json)
	[[ $(finding slices) == *"'ok'"* ]]
}
