#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a first-timer types, and what the answer says to type instead.

load helper

@test "capitals and other slips are seen through" {
	fails 2 "there is no command 'UP'" "tranche up" -- UP
	fails 2 "there is no command 'PRofiles'" "tranche profiles" -- PRofiles
	fails 2 "there is no GPU 'A100-80GB' to simulate" "tranche virtual create a100-80gb" \
		-- virtual create A100-80GB
	fails 2 "there is no GPU 'RTX4090' to simulate" "tranche virtual create geforce-rtx-4090" \
		-- virtual create RTX4090
	fails 2 "there is no GPU 'h200' to simulate" "tranche virtual create h200-sxm-141gb" \
		-- virtual create h200
	sliced
	fails 2 "has no profile '1g.10gb,1g.10gb'" "a size for each slice, with blanks between" \
		-- create 1g.10gb,1g.10gb
	fails 2 "has no profile '2g.10gb'" "2g.20gb" -- create 2g.10gb
	fails 2 "starts at 0, 2, 4, not at 1" "2g.20gb   with no ':1'" -- create 2g.20gb:1
	fails 2 "there is no runtime 'podmann'" "--runtime podman" -- run --runtime podmann 1g.10gb true
	fails 3 "there is no label 'all-balance', did you mean 'all-balanced'?" "-f FILE" -- plan all-balance
	fails 3 "there is no label 'my.yaml'" "-f my.yaml" -- plan my.yaml
	fails 3 "there is no GPU 3: the node has 1" "tranche gpus" -- slices --gpu 3
	fails 5 "of 2g.20gb at most 3 fit" -- create 2g.20gb 2g.20gb 2g.20gb 2g.20gb
}

# Wrong lines that a beginner types, on a node with MIG off; each is answered with what to type next.
wrong_lines()
{
	cat <<-'EOF'
		create
		create 2g.20gb
		create --gpu 7 1g.10gb
		create --gpu A100 1g.10gb
		create ''
		destroy
		destroy 0
		destroy all
		destroy 2g.20gb
		destroy MIG-123
		mig
		mig enable
		mig on 0
		mig on --gpu 1
		mig on -i 0,1
		profiles 0
		profiles --gpu 9
		slices 0
		slices --jason
		gpus 1
		gpus --watch
		ps lab
		ps -a
		ps --json=yes
		logs
		logs chat
		logs -n x chat
		restart
		restart chat
		restart --all
		down lab
		down --all lab
		down --grace soon
		up
		up lab.yaml
		up -f nosuch.yaml
		up -f .
		up --timeout 5 min
		up -f bad.yaml
		up -f engine.yaml
		up -f model.yaml
		run
		run 1g.10gb
		run true
		run 1g.10gb -- true
		cost lab
		cost --price 12 EUR
		cost --price 12,50
		cost --per monthly
		cost -f nosuch.yaml
		status lab
		status --watch
		doctor --fix
		plan
		plan nosuch
		plan nosuch.yaml
		plan --models nosuch.yaml
		apply
		apply all-1g.5gb
		apply all-balance
		assert nosuch
		restore
		restore --last
		restore -f nosuch
		virtual create
		virtual create a100
		virtual create rtx4090
		virtual create a100-80gb --scale 2.5
		virtual create a100-80gb:0
		virtual create a100-80gb 2
		virtual create a100-80gb --name golden
		virtual create a100-80gb --name foo/bar
		virtual destroy
		virtual destroy nothere
		virtual env nothere
		virtual reset
		virtual reboot nothere
		virtual trace x
		virtual install-hook
		virtual install-hook /usr/bin
		virtual run
		virtual run nosuchprogram
		virtual start
		cdi gen
		cdi generate extra
		completion
		completion tcsh
		version extra
		help nosuch
		help create destroy
		gpus --node nothere
		--node nothere gpus
		--verbose gpus
		-v
		list
		nodes
		Create 1g.10gb
		delete x
		nvidia-smi
	EOF
}

@test "whatever a beginner types wrong is answered in 80 columns, with what to type next" {
	node
	printf 'hello\n' >bad.yaml
	printf 'version: 1\nmodels: {a: {engine: ollama, slice: auto}}\n' >engine.yaml
	printf 'version: 1\nmodels: {a: {engine: llama.cpp, slice: 1g.10gb, model: ./no.gguf}}\n' >model.yaml
	wrong_lines >lines
	"$PYTHON" "$BATS_TEST_DIRNAME/on_terminal.py" 80 --lines "$TRANCHE" <lines | sed 's/\x1b\[[0-9;]*m//g' >seen
	cat seen
	[ "$(wc -L <seen)" -le 80 ]
	"$PYTHON" - seen "$(wc -l <lines)" <<-'EOF'
		import re, sys
		answers = open(sys.argv[1]).read().split("$ ")[1:]
		assert len(answers) == int(sys.argv[2]) >= 90, len(answers)
		for answer in answers:
		    status = int(re.search(r"^exit status (-?\d+)$", answer, re.M)[1])
		    assert 2 <= status < 126, answer
		    assert re.search("^tranche: .", answer, re.M) and re.search("^  try: .", answer, re.M), answer
	EOF
	prints "virtual node 'golden', driver 580.159.04
no slices" -- slices
}
