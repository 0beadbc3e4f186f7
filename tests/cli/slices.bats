#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# The places of all slices, "PROFILE:START" in order.
places()
{
	output=$(tranche slices --json)
	value '" ".join(s["profile"] + ":" + str(s["start"]) for s in d["slices"])'
}

@test "MIG is turned on and off, step by step on stderr" {
	node
	run --separate-stderr tranche mig on
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	grep -Ex ' *[0-9]+\.[0-9]s  MIG on    GPU 0 \(NVIDIA A100-SXM4-80GB\)' <<<"$stderr"
	fits gpus -- gpus --json
	[ "$(value 'd["gpus"][0]["mig_on"]')" = True ]
	run --separate-stderr tranche mig off
	[[ $stderr == *"MIG off"*"GPU 0"* ]]
	fits gpus -- gpus --json
	[ "$(value 'd["gpus"][0]["mig_on"]')" = False ]
}

@test "MIG that is on already is kept" {
	sliced
	run --separate-stderr tranche mig on
	[ "$status" -eq 0 ]
	[[ $stderr == *kept*"MIG is on on GPU 0"* || $stderr == *kept*GPU\ 0* ]]
	fits plan -- mig on --json
	[ "$(value 'd["dry_run"], [s["step"] for s in d["steps"]]')" = "(False, ['keep'])" ]
}

@test "MIG on is a command that a person could type" {
	node
	prints "# virtual node 'golden'
# a dry run: nothing is changed
# mig on GPU 0 (NVIDIA A100-SXM4-80GB)
nvidia-smi -i 0 -mig 1" -- mig on --dry-run
	fits gpus -- gpus --json
	[ "$(value 'd["gpus"][0]["mig_on"]')" = False ]
}

@test "MIG on a GeForce is refused, with the cards that have it" {
	node geforce-rtx-4090
	fails 10 "A100" -- mig on
	[[ $stderr == *GeForce* ]]
	fails 10 "GeForce" -- mig on -i 0
}

@test "MIG is neither half on nor on a card that is not there" {
	node
	fails 2 "MIG is turned on or off, not 'half'" "tranche mig on" -- mig half
	fails 3 "GPU" -- mig on -i 5
}

@test "MIG off is refused while slices are there" {
	sliced 1g.10gb
	fails 8 "" "tranche destroy" -- mig off
}

@test "slices are cut and shown" {
	sliced
	run --separate-stderr tranche create 2g.20gb:2 3g.40gb
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "virtual node 'golden', driver 580.159.04" ]
	[[ ${lines[1]} == "GPU  PROFILE  ID  PLACE  UUID "*"MEMORY (MiB)  OWNER    PROCESSES" ]]
	[[ $output == *"  0  2g.20gb  14  2-3    MIG-"*"  0 / 19968  tranche  -"* ]]
	[[ $output == *"  0  3g.40gb   9  4-7    MIG-"*"  0 / 40192  tranche  -"* ]]
	[ "$(grep -c cutting <<<"$stderr")" -eq 2 ]
	[ "$(places)" = "2g.20gb:2 3g.40gb:4" ]
}

@test "create and slices as JSON say the same" {
	local created

	sliced
	fits slices -- create 2g.20gb 1g.10gb --json
	created=$(value 'sorted(s["uuid"] for s in d["slices"])')
	fits slices -- slices --json
	[ "$(value 'sorted(s["uuid"] for s in d["slices"])')" = "$created" ]
	[ "$(value 'd["slices"][0]["ours"]')" = True ]
	[ "$(value 'sorted((s["profile"], s["profile_id"], s["size"], s["sm"], s["compute_slices"]) for s in d["slices"])')" = \
		"[('1g.10gb', 19, 1, 14, 1), ('2g.20gb', 14, 2, 28, 2)]" ]
}

@test "create 15 is 1g.20gb, and 2g.20gb is 14" {
	sliced
	run --separate-stderr tranche create 15
	[ "$status" -eq 0 ]
	[[ $stderr == *"note"*"profile 15 is 1g.20gb (1 compute slice); 2g.20gb is 14"* ]]
	[[ $(places) == 1g.20gb:* ]]
}

@test "-q prints UUIDs alone, and says on stderr that they are virtual" {
	sliced
	run --separate-stderr tranche create -q 1g.10gb 1g.10gb
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} =~ ^MIG-[0-9a-f-]{36}$ ]]
	[[ $stderr == *"virtual node 'golden'"* ]]
	[ "$(tranche slices -q 2>/dev/null | sort)" = "$(sort <<<"$output")" ]
	tranche destroy ${lines[0]} 2>/dev/null
	[ "$(tranche slices -q 2>/dev/null)" = "${lines[1]}" ]
}

@test "slices of one card" {
	node a100-80gb:2
	tranche mig on 2>/dev/null
	tranche create -i 1 1g.10gb >/dev/null 2>&1
	tranche create -i 0 3g.40gb >/dev/null 2>&1
	fits slices -- slices -i 1 --json
	[ "$(value '[(s["gpu"], s["profile"]) for s in d["slices"]]')" = "[(1, '1g.10gb')]" ]
	fits slices -- slices --json
	[ "$(value '[s["gpu"] for s in d["slices"]]')" = "[0, 1]" ]
}

@test "a dry run of create changes nothing" {
	sliced
	run --separate-stderr tranche create 2g.20gb --dry-run
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "# virtual node 'golden'" ]
	[ "${lines[1]}" = "# a dry run: nothing is changed" ]
	[[ ${lines[2]} == "# cut 2g.20gb at 0:"* ]]
	[[ ${lines[3]} == "nvidia-smi mig -i 0 -cgi 14"*" -C" ]]
	[ -z "$stderr" ]
	[ -z "$(places)" ]
	fits plan -- create 2g.20gb --dry-run --json
	[ "$(value 'd["dry_run"], [s["step"] for s in d["steps"]]')" = "(True, ['cut'])" ]
	[ "$(value '"seconds" in d["steps"][0]')" = False ]
	[ -z "$(places)" ]
}

@test "create with MIG off says how to turn it on" {
	node
	fails 10 "MIG is off" "tranche mig on" -- create 1g.10gb
}

@test "a profile that the card does not have: the list of those that it has" {
	sliced
	fails 2 "2g.10gb" -- create 2g.10gb
	[[ $stderr == *1g.10gb*2g.20gb*7g.80gb* || $stderr == *7g.80gb*2g.20gb*1g.10gb* ]]
	fails 2 "99" -- create 99
	fails 2 "" -- create 2g.20gb:x
	fails 2 "" -- create 2g.20gb:1
	[ -z "$(places)" ]
}

@test "with no room it is said who holds it and what would fit, and nothing is cut" {
	sliced 4g.40gb
	fails 5 "4g.40gb at 0:0" -- create 3g.40gb 2g.20gb
	[[ $stderr == *"3g.40gb"* ]]
	[ "$(places)" = "4g.40gb:0" ]
	fails 5 "" -- create 7g.80gb
	fails 5 "" -- create 2g.20gb:0
}

@test "slices are freed by UUID, its beginning, or place" {
	local uuids

	sliced 1g.10gb:0 1g.10gb:1 1g.10gb:2 1g.10gb:3
	mapfile -t uuids < <(tranche slices -q 2>/dev/null)
	tranche destroy "${uuids[0]}" "${uuids[1]:0:16}" 2>/dev/null
	[ "$(places)" = "1g.10gb:2 1g.10gb:3" ]
	run --separate-stderr tranche destroy 0:3
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ $stderr == *"freeing"*"1g.10gb at 0:3"* ]]
	[ "$(places)" = "1g.10gb:2" ]
}

@test "a slice that is not there: nothing is freed, not even those named before" {
	sliced 1g.10gb:0
	fails 3 "there is no slice 'MIG-deadbeef'" "tranche slices" -- destroy 0:0 MIG-deadbeef
	fails 3 "" -- destroy 0:5
	fails 3 "" -- destroy 7:0
	[ "$(places)" = "1g.10gb:0" ]
}

@test "a dry run of destroy shows the compute instance going first" {
	sliced 2g.20gb:0
	run -0 tranche destroy 0:0 --dry-run
	[[ $output == *"# free 2g.20gb at 0:0"*-dci*-dgi* ]]
	[ "$(places)" = "2g.20gb:0" ]
}

@test "destroy --all frees what was cut by hand, on the card asked for" {
	node a100-80gb:2
	tranche mig on 2>/dev/null
	tranche create -i 0 1g.10gb:0 1g.10gb:1 >/dev/null 2>&1
	tranche create -i 1 3g.40gb:4 >/dev/null 2>&1
	run -0 tranche destroy --all --dry-run
	[ "$(grep -c '^# free' <<<"$output")" -eq 3 ]
	tranche destroy --all -i 0 2>/dev/null
	[ "$(places)" = "3g.40gb:4" ]
	tranche destroy -a 2>/dev/null
	[ -z "$(places)" ]
	run --separate-stderr tranche destroy --all
	[ "$status" -eq 0 ]
	[ "$stderr" = "nothing to do" ]
	prints "# virtual node 'golden'
# a dry run: nothing is changed
# nothing to do" -- destroy --all --dry-run
}

@test "destroy wants to know what" {
	sliced 1g.10gb:0
	fails 2 "'tranche destroy' needs SLICE..., or --all" "tranche slices" -- destroy
	fails 2 "'--all' and '0:0' do not go together" -- destroy --all 0:0
	fails 2 "'--gpu' is for '--all'" -- destroy -i 0 0:0
	[ "$(places)" = "1g.10gb:0" ]
}

@test "the steps of destroy as JSON" {
	sliced 1g.10gb:0
	fits plan -- destroy 0:0 --json
	[ "$(value 'd["virtual"], d["dry_run"], [s["step"] for s in d["steps"]]')" = \
		"(True, False, ['free'])" ]
	[ -z "$(places)" ]
}
