#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# The places of all slices, "GPU/PROFILE:START" in order.
places()
{
	output=$(tranche slices --json)
	value '" ".join("%d/%s:%d" % (s["gpu"], s["profile"], s["start"]) for s in d["slices"])'
}

@test "a plan is a diff with a picture of the card before and after" {
	sliced 1g.10gb:0 2g.20gb:4
	cat >lab.yaml <<-'EOT'
		version: 1
		layouts:
		  lab:
		    - gpus: all
		      slices: [4g.40gb, 2g.20gb, 1g.10gb]
	EOT
	prints "virtual node 'golden', driver 580.159.04
GPU 0  NVIDIA A100-SXM4-80GB
        0        1        2        3        4        5        6        7
before |1g.10gb |        :        :        |2g.20gb          |        :        |
after  |4g.40gb                            |2g.20gb          |1g.10gb |        |
   2g.20gb      0:4
 - 1g.10gb      0:0  moves to 6; its place goes to 4g.40gb at 0
 + 4g.40gb      0:0
 + 1g.10gb      0:6  moved from 0
   stranded: 1 of 8 memory slices and 0 of 7 compute slices (before: 0 and 0)
'lab': 1 freed, 2 cut; about 0.1 s" -- plan -f lab.yaml
	[ "$(places)" = "0/1g.10gb:0 0/2g.20gb:4" ]
	fits layout-plan -- plan -f lab.yaml --json
	[ "$(value 'd["freed"], d["cut"], d["gpus"][0]["steps"][1]["why"]')" = \
		"(1, 2, 'moves to 6; its place goes to 4g.40gb at 0')" ]
}

@test "a plan counts what was timed on this node, and names what never was" {
	node
	prints_end()
	{
		output=$(tranche plan all-balanced 2>/dev/null | tail -n "$1")
		[ "$output" = "$2" ] || {
			echo "$output"
			false
		}
	}
	prints_end 2 "'all-balanced': 0 freed, 4 cut, MIG mode of 1; about 0.1 s
   and what was never timed here: MIG mode of 1"
	fits layout-plan -- plan all-balanced --json
	[ "$(value 'd["modes_untimed"], d["evicted_untimed"], round(d["seconds"], 3)')" = "(1, 0, 0.076)" ]
	tranche apply all-enabled 2>/dev/null
	tranche apply all-disabled 2>/dev/null
	prints_end 1 "'all-balanced': 0 freed, 4 cut, MIG mode of 1; about 0.1 s"
	output=$(tranche plan all-balanced --json)
	[ "$(value 'd["modes_untimed"]')" = 0 ]
}

@test "shipped labels work by name, on each card as it can" {
	tranche virtual create --name golden a100-80gb h200-141gb >/dev/null 2>&1
	tranche apply all-balanced 2>/dev/null
	[ "$(places)" = "0/2g.20gb:0 0/1g.10gb:2 0/1g.10gb:3 0/3g.40gb:4 1/2g.35gb:0 1/1g.18gb:2 \
1/1g.18gb:3 1/3g.71gb:4" ]
	tranche assert all-balanced
	run --separate-stderr tranche assert all-1g.18gb
	[ "$status" -eq 14 ]
	[[ $stderr == *"GPU 0: no entry of 'all-1g.18gb' names it"* ]]
	tranche apply all-1g.18gb.me 2>/dev/null
	[ "$(places)" = "0/2g.20gb:0 0/1g.10gb:2 0/1g.10gb:3 0/3g.40gb:4 1/1g.18gb+me:6" ] || {
		places
		false
	}
	tranche apply all-disabled 2>/dev/null
	[ -z "$(places)" ]
	tranche assert all-disabled
	tranche assert -m all-disabled
}

@test "an apply says its steps; the same once more has nothing to do" {
	sliced 3g.40gb:4
	run --separate-stderr tranche apply all-balanced
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	grep -Eq '^ *[0-9.]+s  cutting   2g.20gb at 0:0$' <<<"$stderr"
	[[ $stderr != *freeing* ]]
	[[ $stderr != *3g.40gb* ]]
	run --separate-stderr tranche apply all-balanced
	[ "$status" -eq 0 ]
	[ "$stderr" = "nothing to do" ]
	fits plan -- apply all-enabled --json --dry-run
	[ "$(value 'len(d["steps"])')" = 4 ]
}

@test "a dry run is the commands that a person would type" {
	sliced 1g.10gb:0
	prints "# virtual node 'golden'
# a dry run: nothing is changed
# free 1g.10gb at 0:0
nvidia-smi mig -i 0 -gi 7 -dci
nvidia-smi mig -i 0 -gi 7 -dgi
# cut 7g.80gb at 0:0
nvidia-smi mig -i 0 -cgi 0:0 -C" -- apply all-7g.80gb --dry-run
	[ "$(places)" = "0/1g.10gb:0" ]
}

@test "nvidia-mig-parted's file is applied as it stands, and exported" {
	node
	cat >stock.yaml <<-'EOT'
		version: v1
		mig-configs:
		  none:
		    - devices: all
		      mig-enabled: false
		  some:
		    - device-filter: ["0x233510DE"]
		      devices: all
		      mig-enabled: true
		      mig-devices:
		        "7g.141gb": 1
		    - device-filter: "0x20B210DE"
		      devices: [0]
		      mig-enabled: true
		      mig-devices:
		        "3g.40gb": 1
		        "1g.10gb": 2
	EOT
	tranche apply -f stock.yaml -c some 2>/dev/null
	tranche assert -f stock.yaml some
	prints 'version: v1
mig-configs:
  some:
    - devices: all
      mig-enabled: true
      mig-devices:
        "1g.10gb": 2
        "3g.40gb": 1' -- export --stock -l some
	tranche export >own.yaml 2>/dev/null
	tranche apply all-disabled 2>/dev/null
	tranche apply -f own.yaml 2>/dev/null
	tranche assert -f stock.yaml -c some
}

@test "a checkpoint brings back each slice at its place, with its UUID" {
	sliced 2g.20gb:2 1g.10gb:6
	before=$(tranche slices -q 2>/dev/null)
	tranche checkpoint -f before.yaml 2>/dev/null
	tranche apply all-1g.10gb 2>/dev/null
	tranche restore -f before.yaml 2>/dev/null
	[ "$(tranche slices -q 2>/dev/null)" = "$before" ]
}

@test "what is wrong in a layout is told with its place, and nothing is touched" {
	sliced 1g.10gb:0
	bad()
	{
		printf 'version: v1\nmig-configs:\n  a:\n    - %s\n' "$1" >bad.yaml
		fails 2 "bad.yaml:4:$2" -- apply -f bad.yaml
	}
	bad '{devices: [3], mig-enabled: false}' \
		'18: there is no GPU 3: the node has 1; allowed: 0 to 0'
	bad '{device-filter: ["0x233510DE"], devices: all, mig-enabled: false}' \
		"23: 'a' matches no GPU of this node; allowed: what is there: NVIDIA A100-SXM4-80GB (0x20B210DE)"
	bad '{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 1}}' \
		"55: GPU 0 (NVIDIA A100-SXM4-80GB) has no profile '1g.5gb'; allowed: 1g.10gb"
	bad '{devices: all, mig-enabled: true, mig-devices: {1g.10gb: 2, 4g.40gb: 2}}' \
		'76: GPU 0 (NVIDIA A100-SXM4-80GB) cannot hold 1g.10gb, 1g.10gb, 4g.40gb, 4g.40gb; the nearest that fits: '
	bad '{devices: all, mig-enabled: true, mig-devices: {1c.3g.40gb: 1}}' \
		"55: '1c.3g.40gb' shares a GPU instance with others; allowed: '3g.40gb', one server a slice"
	bad '{devices: 0, mig-enabled: false}' "17: 'devices' is '0'; allowed: all, or a list"
	fails 3 "there is no label 'all-balancd', did you mean 'all-balanced'?" -- plan all-balancd
	fails 2 "no layout is named" "tranche apply all-balanced" -- apply
	fails 3 "no-such-file" -- plan -f no-such-file
	fails 2 "'--resume' and '--abort' do not go together" -- apply --resume --abort
	fails 3 "no change of layout is open on node 'golden'" -- apply --resume
	fails 3 "no layout was ever applied on node 'golden'" -- restore --last
	[ "$(places)" = "0/1g.10gb:0" ]
}

@test "a killed apply leaves an open change that every command tells of, and that goes on or back" {
	node a100-80gb a100-80gb a100-80gb a100-80gb
	tranche apply all-3g.40gb 2>/dev/null
	before=$(places)
	open=
	for pause in 0.02 0.05 0.08 0.11 0.14 0.17 0.2 0.25 0.3; do
		"$TRANCHE" apply all-1g.10gb 2>/dev/null &
		sleep "$pause"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run --separate-stderr tranche slices
		if [[ $stderr == *"a change of layout to 'all-1g.10gb' is open: "* ]]; then
			open=1
			[[ $stderr == *"try: tranche apply --abort"* ]]
			fails 8 "is open" "tranche apply --resume" -- create 1g.10gb
			for words in gpus profiles ps status cost export "plan all-disabled" "destroy --all --dry-run"; do
				run --separate-stderr tranche $words
				[[ $stderr == *"is open: "* ]] || {
					echo "$words: $stderr"
					false
				}
			done
			tranche apply --abort 2>/dev/null
			[ "$(places)" = "$before" ]
		else
			[ "$(places)" = "$before" ] || tranche assert all-1g.10gb
			tranche apply all-3g.40gb 2>/dev/null
		fi
	done
	[ -n "$open" ]
	run --separate-stderr tranche slices
	[ -z "$stderr" ]
}

@test "the unit is one that systemd takes" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	# It looks for the program that the unit starts, too.
	run systemd-analyze verify --man=no "$LAYOUT_UNIT"
	echo "$output"
	[ "$status" -eq 0 ]
	! grep -q "$(basename "$LAYOUT_UNIT")" <<<"$output"
}

@test "after a reboot the unit's command brings mode, slices and UUIDs back" {
	node a100-80gb h200-141gb
	tranche apply all-balanced 2>/dev/null
	tranche create -q -i 1 1g.18gb >/dev/null 2>&1 || true
	before=$(tranche slices --json)
	tranche virtual reboot golden >/dev/null
	[ -z "$(tranche slices -q 2>/dev/null)" ]
	mapfile -t words < <(sed -n 's/^ExecStart=//p' "$LAYOUT_UNIT" | tr ' ' '\n')
	TRANCHE_NODE=golden "${words[@]}" 2>/dev/null
	[ "$(tranche slices --json)" = "$before" ]
	tranche assert all-balanced
}

@test "a change under a running stack moves one server and leaves the other alone" {
	local start0 start1 pid0 pid1

	lab "replicas: 2"
	up 2>/dev/null
	output=$(tranche ps --json)
	read -r start0 pid0 start1 pid1 < <(value '" ".join("%d %d" % (m["slice"]["start"], m["pid"])
		for m in sorted(d["models"], key=lambda m: m["replica"]))')
	cat >lab.yaml <<-EOT
		version: 1
		layouts:
		  lab:
		    - gpus: [0]
		      slices: [1g.10gb:$start0, 1g.10gb:0, 2g.20gb:2]
	EOT
	fails 8 "in the way: 1g.10gb at 0:$start1 (stack 'lab', model 'files', pid $pid1 " \
		"--evict 0:$start1" -- apply -f lab.yaml
	kill -0 "$pid0" "$pid1"
	output=$(tranche plan -f lab.yaml --evict "0:$start1")
	[[ $output == *"1 evicted; about 0.1 s"*"and what was never timed here: 1 evicted" ]]
	run --separate-stderr tranche apply -f lab.yaml --evict "0:$start1"
	echo "$stderr"
	[ "$status" -eq 0 ]
	[[ $stderr == *stopping*"files_1"*freeing*"1g.10gb at 0:$start1"*cutting*"1g.10gb at 0:0"*starting*"files-1: "*ready*files-1* ]]
	output=$(tranche ps --json)
	[ "$(value '[(m["replica"], m["state"], m["slice"]["start"], m["pid"] == int("'"$pid0"'"))
		for m in sorted(d["models"], key=lambda m: m["replica"])]')" = \
		"[(0, 'ready', $start0, True), (1, 'ready', 0, False)]" ]
	# The server was stopped and started: the next plan knows how long that takes.
	output=$(tranche plan -c lab --evict all -f - --json <<<"{version: 1, layouts: {lab: [{gpus: all, slices: [1g.10gb:1, 1g.10gb:$start0]}]}}")
	[ "$(value 'd["evicted"], d["evicted_untimed"], d["seconds"] > 0.07')" = "(1, 0, True)" ]
	! kill -0 "$pid1" 2>/dev/null
}

@test "an apply waits for what is in its way, and leaves the lock to whoever stops it" {
	lab
	up >/dev/null 2>&1
	fails 8 "waited 0 s: GPU 0: in the way: 1g.10gb at 0:6 (stack 'lab', model 'files'" -- \
		apply all-7g.80gb --wait 200ms
	tranche apply all-7g.80gb --wait 60s 2>wait.log &
	until grep -q '  waiting   GPU 0: in the way: 1g.10gb at 0:6' wait.log; do
		kill -0 $!
		sleep 0.05
	done
	tranche down lab 2>/dev/null
	wait $!
	cat wait.log
	[ "$(places)" = "0/7g.80gb:0" ]
}

@test "of two applies at once the second waits, and says so" {
	node
	exec 9>"$TRANCHE_RUN_DIR/virtual/golden/change.lock"
	flock 9
	"$TRANCHE" apply all-3g.40gb 2>second.log 9>&- &
	until grep -q "  waiting   another tranche is changing node 'golden'" second.log; do
		kill -0 $!
		sleep 0.05
	done
	[ -z "$(places)" ]
	flock -u 9
	wait $!
	[ "$(places)" = "0/3g.40gb:0 0/3g.40gb:4" ]
}
