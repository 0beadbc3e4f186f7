#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tranche plan --arrive, --leave.

load helper

fleet()
{
	cat >fleet.yaml <<-'EOT'
		version: 1
		gpus:
		  a100-80gb: {count: 2}
		slices:
		  chat: {gpu: 0, profile: 3g.40gb, start: 0}
		  coder: {gpu: 1, profile: 3g.40gb, start: 4}
		  small: {gpu: 1, profile: 1g.10gb, start: 0}
	EOT
}

# wrong PLACE MESSAGE LINE...: a fleet file of these lines is refused at LINE:COLUMN.
wrong()
{
	local place=$1 message=$2

	shift 2
	printf '%s\n' "version: 1" "$@" >bad.yaml
	fails "${status_wanted:-2}" "bad.yaml:$place: $message" -- plan --fleet bad.yaml \
		--arrive 1g.10gb
}

@test "a slice goes where it takes least from later ones, and the file stays as it was" {
	fleet
	cp fleet.yaml before.yaml
	prints "2g.20gb-1  2g.20gb  GPU 1:2

GPU 1  a100-80gb
        0        1        2        3        4        5        6        7
before |1g.10gb |        :        :        |3g.40gb                            |
       |small   |        :        :        |coder                              |
after  |1g.10gb |        |2g.20gb          |3g.40gb                            |
       |small   |        |2g.20gb-1        |coder                              |" \
		-- plan --arrive 2g.20gb --fleet fleet.yaml
	[[ $stderr == *"'fleet.yaml' is as it was; --save writes the change"* ]]
	cmp fleet.yaml before.yaml
}

@test "others move only where nobody has room, and as many as are allowed" {
	fleet
	fails 5 "no card has room for '4g.40gb'" "--moves 1" -- plan --arrive 4g.40gb --fleet fleet.yaml
	prints "big  4g.40gb  GPU 0:0, when 1 slice has moved
 1. chat  3g.40gb  GPU 0:0 to GPU 0:4

GPU 0  a100-80gb
        0        1        2        3        4        5        6        7
before |3g.40gb                            |        :        :        :        |
       |chat                               |        :        :        :        |
after  |4g.40gb                            |3g.40gb                            |
       |big                                |chat                               |" \
		-- plan --arrive 4g.40gb --fleet fleet.yaml --name big --moves 8
	fails 5 "no card has room for '7g.80gb', nor with 8 moves" -- \
		plan --arrive 7g.80gb --fleet fleet.yaml --moves 8
	[[ $stderr != *"  try: "* ]]
}

@test "--save: the fleet as it is then, which the next call starts from" {
	fleet
	chmod 600 fleet.yaml
	tranche plan --arrive 4g.40gb --fleet fleet.yaml --name big --moves 1 --save
	diff - fleet.yaml <<-'EOT'
		version: 1
		gpus:
		  a100-80gb: {count: 2}
		slices:
		  big: {gpu: 0, profile: 4g.40gb, start: 0}
		  chat: {gpu: 0, profile: 3g.40gb, start: 4}
		  small: {gpu: 1, profile: 1g.10gb, start: 0}
		  coder: {gpu: 1, profile: 3g.40gb, start: 4}
	EOT
	[ "$(stat -c %a fleet.yaml)" = 600 ]
	[ "$(ls -A)" = fleet.yaml ]
	tranche plan --leave coder --fleet fleet.yaml --save
	tranche plan --leave small --fleet fleet.yaml --save
	tranche plan --arrive 7g.80gb --fleet fleet.yaml --save
	grep -q "7g.80gb-1: {gpu: 1, profile: 7g.80gb, start: 0}" fleet.yaml
	fails 9 "there is a slice 'big' already" -- \
		plan --arrive 1g.10gb --name big --fleet fleet.yaml
}

@test "a refusal leaves the file alone" {
	fleet
	cp fleet.yaml before.yaml
	fails 5 "no card has room" -- plan --arrive 7g.80gb --fleet fleet.yaml --save
	fails 3 "no slice 'smal' runs, did you mean 'small'" -- \
		plan --leave smal --fleet fleet.yaml --save
	cmp fleet.yaml before.yaml
}

@test "the same as JSON; a fleet from standard input" {
	fleet
	fits arrive -- plan --arrive 4g.40gb --fleet fleet.yaml --moves 1 --json
	[ "$(value '[d["arrives"]["gpu"], d["arrives"]["start"], d["moves"][0]["name"],
		d["moves"][0]["to_start"], len(d["cards"][0]["before"]), d["saved"]]')" = \
		"[0, 0, 'chat', 4, 1, False]" ]
	fits arrive -- plan --leave chat --fleet fleet.yaml --json
	[ "$(value '[d["leaves"]["profile"], d["cards"][0]["after"]]')" = "['3g.40gb', []]" ]
	[ "$(tranche plan --arrive 4g.40gb --fleet - --moves 1 --json <fleet.yaml)" = \
		"$(tranche plan --arrive 4g.40gb --fleet fleet.yaml --moves 1 --json)" ]
	fails 2 "standard input cannot be written" -- plan --arrive 1g.10gb --fleet - --save
}

@test "kinds side by side: each slice on a card that has its profile" {
	printf '%s\n' "version: 1" "gpus: {a100-80gb: {count: 1}, h200-141gb: {count: 1}}" >fleet.yaml
	fits arrive -- plan --arrive 3g.71gb --fleet fleet.yaml --json
	[ "$(value 'd["arrives"]["gpu"], d["cards"][0]["kind"]')" = "(1, 'h200-141gb')" ]
	fails 2 "no card of the fleet has a profile '3g.41gb', did you mean '3g.40gb'" -- \
		plan --arrive 3g.41gb --fleet fleet.yaml
}

@test "what is wrong with a fleet file, with file, line and column" {
	local gpus="gpus: {a100-80gb: {count: 2}}"

	wrong 1:1 "no 'gpus'; allowed: {a100-80gb: {count: 8}}" "slices: {}"
	wrong 2:19 "how many 'a100-80gb' there are is not said; allowed: {count: 8}" \
		"gpus: {a100-80gb: }"
	wrong 2:27 "'count' is '0'; allowed: a whole number from 1 to 100000" \
		"gpus: {a100-80gb: {count: 0}}"
	wrong 2:31 "'a100-sxm4-80gb' twice: the same as 'a100-80gb' above" "gpus: {a100-80gb: {count: 1}, a100-sxm4-80gb: {count: 1}}"
	status_wanted=3 wrong 2:8 "no card 'a100-80g' is known, did you mean 'a100-80gb'" \
		"gpus: {a100-80g: {count: 1}}"
	wrong 2:8 "a GeForce RTX 4090 cannot be cut" "gpus: {geforce-rtx-4090: {count: 1}}"
	wrong 4:12 "'gpu' is '2'; allowed: a whole number from 0 to 1" "$gpus" slices: \
		"  a: {gpu: 2, profile: 3g.40gb, start: 0}"
	wrong 4:40 "'3g.40gb' cannot start at 2 on a A100-80GB; allowed: 0 4" "$gpus" slices: \
		"  a: {gpu: 1, profile: 3g.40gb, start: 2}"
	wrong 4:24 "no card of the fleet has a profile '3g.41gb', did you mean '3g.40gb'" "$gpus" \
		slices: "  a: {gpu: 1, profile: 3g.41gb, start: 4}"
	wrong 5:40 "GPU 1 has no room for '1g.10gb' at 5: 'a' (3g.40gb) is at 4" "$gpus" slices: \
		"  a: {gpu: 1, profile: 3g.40gb, start: 4}" \
		"  b: {gpu: 1, profile: 1g.10gb, start: 5}"
	wrong 4:3 "'-a' is no name of a slice" "$gpus" slices: \
		"  -a: {gpu: 1, profile: 3g.40gb, start: 4}"
	wrong 4:3 "slice 'a' does not say where it is" "$gpus" slices: "  a: {gpu: 1}"
	wrong 4:7 "unknown key 'card' in slices; allowed: gpu, profile, start" "$gpus" slices: "  a: {card: 1}"
}

@test "options that do not go together" {
	fleet
	fails 2 "a fleet, and nothing that comes or goes" "--arrive" -- plan --fleet fleet.yaml
	fails 2 "'--arrive' and '--leave' at once" -- \
		plan --fleet fleet.yaml --arrive 1g.10gb --leave chat
	fails 2 "'--arrive' needs the fleet" "--fleet FILE" -- plan --arrive 1g.10gb
	fails 2 "'--moves' goes with '--arrive'" -- plan --fleet fleet.yaml --leave chat --moves 2
	fails 2 "without a label" -- plan --fleet fleet.yaml --arrive 1g.10gb all-balanced
	fails 2 "'--fleet' asks no node" -- plan --fleet fleet.yaml --arrive 1g.10gb --node x
	fails 2 "layouts and models are planned without" -- \
		plan --fleet fleet.yaml --arrive 1g.10gb --models m.yaml
}
