#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# on COLUMNS ARGUMENT...: what a terminal that wide is sent.
on()
{
	local columns=$1

	shift
	"$PYTHON" "$BATS_TEST_DIRNAME/on_terminal.py" "$columns" "$TRANCHE" "$@"
}

plain()
{
	sed 's/\x1b\[[0-9;]*m//g'
}

@test "no table is wider than the terminal" {
	local columns command

	node a100-80gb:2
	tranche mig on 2>/dev/null
	tranche create 1g.10gb 2g.20gb 3g.40gb >/dev/null 2>&1
	for columns in 30 60 80 100 120 200; do
		for command in gpus profiles slices ps "virtual list"; do
			# Lines below a table are sentences: they may wrap.
			# shellcheck disable=SC2086
			on $columns $command | plain | grep -v -e '^GPU [0-9]* has' -e '^virtual node' >seen
			echo "$command at $columns: $(wc -L <seen)"
			cat seen
			[ "$(wc -L <seen)" -le $columns ]
			[ "$(wc -l <seen)" -ge 1 ]
		done
	done
}

@test "sentences wrap between words: complaints, what to type, the bill" {
	local columns

	node
	printf 'version: 1\nname: one\nmodels: {a: {engine: command, slice: 2g.20gb, args: [x]}}\n' >tranche.yaml
	for columns in 40 80 120; do
		on $columns virtual create a100 | plain >seen || true
		on $columns down lab | plain >>seen || true
		on $columns gpus | plain | grep -v -e '^virtual node' -e '^GPU  NAME' -e '^  0 ' >>seen
		# All but the table, which has a least width of its own.
		on $columns cost -f tranche.yaml --price 1380 --currency EUR | plain |
			grep -v -e '^MODEL' -e '^one/' -e '^virtual node' >>seen
		cat seen
		[ "$(wc -L <seen)" -le $((columns > 50 ? columns : 50)) ]
		# Nothing is lost on the way, and what is to be typed stays in one piece.
		tr -s ' \n' '  ' <seen >joined
		grep -qF "there is no GPU 'a100' to simulate; there are a100-sxm4-40gb, a100-pcie-40gb," joined
		grep -qF "could still be cut, 985.71 EUR: 4g.40gb x1, 3g.40gb x1," joined
		grep -qx '  try: tranche virtual create a100-sxm4-80gb' seen
	done
	# Not for a terminal: one line.
	tranche virtual create a100 2>&1 | grep -q "there is no GPU 'a100'.*rtx-pro-6000-max-q$"
}

@test "at 80 columns slices keep the UUID's beginning, which still names them" {
	local short

	sliced 2g.20gb:0
	on 80 slices | plain >seen
	cat seen
	short=$(grep -oE 'MIG-[0-9a-f]{8} ' seen)
	[ -n "$short" ]
	[ "$(wc -L <seen)" -le 80 ]
	tranche destroy $short 2>/dev/null
	prints "virtual node 'golden', driver 580.159.04
no slices" -- slices
}

@test "at 120 columns slices show all of it" {
	sliced 2g.20gb:0
	on 120 slices | plain >seen
	cat seen
	grep -E "^  0  2g.20gb  14  0-1    MIG-[0-9a-f-]{36}     0 / 19968  tranche  -$" seen
}

@test "colours are for terminals, and not with NO_COLOR" {
	sliced
	on 100 gpus | grep -q $'\e\[32mon\e\[0m'
	run -0 tranche gpus
	[[ $output != *$'\e'* ]]
	NO_COLOR=1 on 100 gpus >seen
	grep -c 'A100' seen
	run grep -q $'\e' seen
	[ "$status" -eq 1 ]
	TTY_TERM=dumb on 100 gpus >seen
	run grep -q $'\e' seen
	[ "$status" -eq 1 ]
}

@test "an error names the program in colour, and what to try" {
	run on 80 slcies
	[ "$status" -eq 2 ]
	[[ $output == $'\e[31mtranche:\e[0m there is no command'* ]]
	[[ $output == *"  try: tranche slices"* ]]
}
