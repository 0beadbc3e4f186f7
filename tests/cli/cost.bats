#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# two FILE-LINE...: a stack file with two models on 2g.20gb slices; more lines for its top.
two()
{
	{
		printf '%s\n' "version: 1" "name: pair" "$@"
		cat <<-'EOF'
			models:
			  a: {engine: command, slice: 2g.20gb, args: [sleep, "1000"]}
			  b: {engine: command, slice: 2g.20gb, args: [sleep, "1000"]}
		EOF
	} >tranche.yaml
}

@test "the cost of a stack file is told before anything is cut" {
	node
	two "price: {per_gpu_month: 1380, currency: EUR}"
	prints "virtual node 'golden', driver 580.159.04
1380.00 EUR a month for a GPU; shares by the larger of compute and memory slices
MODEL     SLICE    GPU   SHARE  SLICE ALONE  STRANDED    COST  PAID NOW  A GPU EACH
pair/a-0  2g.20gb    0  28.6 %       394.29      0.00  394.29    690.00     1380.00
pair/b-0  2g.20gb    0  28.6 %       394.29      0.00  394.29    690.00     1380.00
GPU 0: 42.9 % could still be cut, 591.43 EUR: 3g.40gb x1, 2g.20gb x1, 1g.20gb x2, 1g.10gb x3
GPU 0 by heads: 1 model 1380.00 EUR, 2 models 690.00, 7 (the most) 197.14
2 models: 1380.00 EUR a month, 690.00 EUR each; with a GPU each 2760.00 EUR" \
		-- cost -f tranche.yaml
	fits slices -- slices --json
	[ "$(value 'd["slices"]')" = "[]" ]
	fits gpus -- gpus --json
	[ "$(value 'd["gpus"][0]["mig_on"]')" = False ]
}

@test "what no further slice can use is shown, and shared out" {
	sliced 1g.10gb 1g.10gb 1g.10gb 1g.10gb 1g.10gb 1g.10gb 1g.10gb
	run -0 tranche cost --by memory --price 1380 --currency EUR
	[[ $output == *"GPU 0: 12.5 % is stranded, 172.50 EUR: no further slice can use 1 of 8 memory slices"* ]]
	[[ $output != *"could still be cut"* ]]
	[ "$(grep -c '172.50 .* 24.64 .* 197.14 .* 197.14' <<<"$output")" -eq 7 ]
	fits cost -- cost --json --by compute --price 1380
	[ "$(value '{round(s["now"]["price"], 2) for s in d["slices"]}')" = "{197.14}" ]
	[ "$(value 'd["gpus"][0]["stranded"]["share"]')" = 0.0 ]
	[ "$(value '"currency" in d')" = False ]
}

@test "without a price, shares are shown and what to type" {
	sliced 3g.40gb 3g.40gb
	run -0 tranche cost --by compute
	grep -Ex '\(no model\) +3g\.40gb +0 +42\.9 % +7\.1 % +50\.0 % +50\.0 %' <<<"$output"
	[[ $output == *"no price is known: 'price' in the stack file, or --price 1380 --currency EUR"* ]]
	fits cost -- cost --json
	[ "$(value '"gpu_price" in d or "price" in d["total"]')" = False ]
}

@test "prices by the hour, month and year; a month is 730 hours" {
	node
	two
	fits cost -- cost -f tranche.yaml --price 2/hour --per month --json
	[ "$(value 'd["gpu_price"], d["per"]')" = "(1460.0, 'month')" ]
	fits cost -- cost -f tranche.yaml --price 1460 --per year --json
	[ "$(value 'd["gpu_price"]')" = 1460.0 ]
	fits cost -- cost -f tranche.yaml --price 1460/month --per year --json
	[ "$(value 'd["gpu_price"]')" = 17520.0 ]
	run -0 tranche cost -f tranche.yaml --price 1460/month --per hour --currency USD
	[[ $output == *"2.0000 USD an hour for a GPU"* ]]
	[[ $output == *"a month is counted as 730 hours, a year as 12 months"* ]]
}

@test "a stack file's price may be by the hour or the year, in any currency" {
	node
	two "price: {per_gpu_hour: 2.5, currency: USD}"
	fits cost -- cost -f tranche.yaml --json
	[ "$(value 'd["gpu_price"], d["currency"], d["per"]')" = "(1825.0, 'USD', 'month')" ]
	run -0 tranche cost -f tranche.yaml --per hour
	[[ $output == *"2.5000 USD an hour for a GPU"* ]]
	[[ $output != *"730 hours"* ]]
	two "price: {per_gpu_year: 2400000, currency: JPY}"
	run -0 tranche cost -f tranche.yaml
	[[ $output == *"200000.00 JPY a month for a GPU"* ]]
	[[ $output == *"a month is counted as 730 hours, a year as 12 months"* ]]
}

@test "the sum on paper: a card's price by the heads that share it, as many as it can be cut for" {
	local card

	for card in a100-80gb=7 a30-24gb=4 h200-141gb=7; do
		tranche virtual create --name golden "${card%=*}" >/dev/null 2>&1
		printf '%s\n' "version: 1" "name: one" "models: {a: {engine: command, slice: whole, args: [sleep, '9']}}" \
			>tranche.yaml
		fits cost -- cost -f tranche.yaml --price 1380 --json
		[ "$(value 'd["gpus"][0]["most_slices"]')" = "${card#*=}" ]
		run -0 tranche cost -f tranche.yaml --price 1400 --currency EUR
		[[ $output == *"GPU 0 by heads: 1 model 1400.00 EUR, 2 models 700.00, ${card#*=} (the most) "* ]]
		tranche virtual destroy golden 2>/dev/null
	done
}

@test "a model that runs has its cost by the price of its file" {
	lab
	sed -i '2a price: {per_gpu_month: 700, currency: CHF}' tranche.yaml
	up >/dev/null 2>&1
	run -0 tranche cost lab
	[[ $output == *"700.00 CHF a month for a GPU"* ]]
	[[ $output == *"lab/files-0  1g.10gb    0  14.3 %       100.00      0.00  100.00    700.00      700.00"* ]]
	[[ $output == *"1 model: 700.00 CHF a month"* ]]
	# Another price for the same stack, in its own currency.
	run -0 tranche cost --price 1400
	[[ $output == *"1400.00 CHF a month for a GPU"* ]]
	# Somebody else's slice carries its part, and is not counted among the models.
	tranche create -q 3g.40gb >/dev/null 2>&1
	fits cost -- cost lab --json
	[ "$(value '[(s.get("model"), s["asked"]) for s in d["slices"]]')" = \
		"[(None, False), ('files', True)]" ]
	[ "$(value 'd["n_models"], d["gpu_each"]["price"]')" = "(1, 700.0)" ]
	[ "$(value 'round(sum(s["now"]["price"] for s in d["slices"]), 6)')" = 700.0 ]
	fails 3 "there is no stack 'other'" "tranche cost lab" -- cost other
}

@test "two stacks with different prices need one that is named" {
	lab
	sed -i '2a price: {per_gpu_month: 700, currency: CHF}' tranche.yaml
	up >/dev/null 2>&1
	sed -i 's/700/800/' tranche.yaml
	up --name second >/dev/null 2>&1
	fails 2 "the stacks 'lab' and 'second' give a card different prices" "tranche cost lab" -- cost
	run -0 tranche cost second
	[[ $output == *"800.00 CHF a month for a GPU"* ]]
	run -0 tranche cost --price 1 --currency EUR
	[[ $output == *"lab/files-0"* && $output == *"second/files-0"* ]]
}

@test "a price, time, rule or currency that is none is refused" {
	node
	fails 2 "'12,50' is no price" "tranche cost --price 1380" -- cost --price 12,50
	fails 2 "'0' is no price" -- cost --price 0
	fails 2 "'inf' is no price" -- cost --price inf
	fails 2 "there is no time 'week': hour, month or year" "tranche cost --per month" -- cost --per week
	fails 2 "there is no time 'day'" -- cost --price 2/day
	fails 2 "there is no rule 'bytes': compute, memory or larger" -- cost --by bytes
	fails 2 "'euro' is no currency" "tranche cost --currency EUR" -- cost --currency euro
	fails 2 "a stack that runs, or a file: not both" -- cost lab -f tranche.yaml
	fails 2 "--name names a file's stack" -- cost --name x
	fails 3 "'none.yaml'" -- cost -f none.yaml
}

@test "a card that holds nothing is not in the bill, and that is said" {
	node a100-80gb:2
	two "price: {per_gpu_month: 1380, currency: EUR}"
	run -0 tranche cost -f tranche.yaml
	[[ $output == *"1 more GPU holds nothing, and is not counted"* ]]
	run -0 tranche cost
	[[ $output == *"no slices"* ]]
}

@test "status draws the card, cut and uncut" {
	node
	prints "virtual node 'golden', driver 580.159.04
GPU 0  NVIDIA A100-SXM4-80GB, MIG off
  memory   80.0 GiB, 0.0 in use (0.0 %)" -- status
	tranche mig on 2>/dev/null
	tranche create -q 2g.20gb:0 1g.10gb:6 >/dev/null 2>&1
	prints "virtual node 'golden', driver 580.159.04
GPU 0  NVIDIA A100-SXM4-80GB, MIG on
  +-----------------+--------+--------+--------+--------+--------+--------+
  | 2g.20gb         | free   | free   | free   | free   |1g.10gb | lost   |
  |                 |        |        |        |        |        |        |
  +-----------------+--------+--------+--------+--------+--------+--------+
  memory   80.0 GiB, 29.0 in slices (36 %), 0.0 in use (0.0 %)
  compute  3 of 7 slices cut (43 %)" -- status
	fits status -- status --json
	[ "$(value '[(c["kind"], c["start"], c["size"]) for c in d["gpus"][0]["cells"]][0::6]')" = \
		"[('slice', 0, 2), ('stranded', 7, 1)]" ]
	[ "$(value 'sum(c["size"] for c in d["gpus"][0]["cells"])')" = 8 ]
	[ "$(value 'd["gpus"][0]["cut_compute_slices"], d["gpus"][0]["cut_memory_slices"]')" = "(3, 3)" ]
}

@test "status fits 80 columns for every card, also one with twelve memory slices" {
	local product

	for product in a30 a100-sxm4-40gb h200-sxm-141gb rtx-pro-6000-server geforce-rtx-4090; do
		tranche virtual create --name "golden$BATS_TEST_NUMBER" "$product" >/dev/null 2>&1
		tranche --node "golden$BATS_TEST_NUMBER" mig on 2>/dev/null || true
		run -0 tranche --node "golden$BATS_TEST_NUMBER" status
		echo "$product: $output"
		[ "$(wc -L <<<"$output")" -le 80 ]
		fits status -- --node "golden$BATS_TEST_NUMBER" status --json
		tranche virtual destroy "golden$BATS_TEST_NUMBER" 2>/dev/null
	done
}

@test "status says what the models use of the card: alone, now, full" {
	lab "replicas: 2"
	up >/dev/null 2>&1
	fits status -- status --json
	if [ "$(value 'd["gpus"][0]["n_models"]')" = 0 ]; then
		run -0 tranche status
		[[ $output == *"how much is in use is not known"* ]]
		return
	fi
	[ "$(value 'd["gpus"][0]["n_models"], d["gpus"][0]["n_full"], d["gpus"][0]["full_profile"]')" = \
		"(2, 7, '1g.10gb')" ]
	[ "$(value 'abs(d["gpus"][0]["use_now"] - 2 * d["gpus"][0]["use_alone"]) < 1e-9')" = True ]
	[ "$(value '0 < d["gpus"][0]["use_alone"] < 0.125')" = True ]
	[ "$(value '[round(d["gpus"][0]["compute_" + x], 4) for x in ("alone", "now", "full")]')" = \
		"[0.1429, 0.2857, 1.0]" ]
	run -0 tranche status
	[[ $output == *"| files-0 |"* || $output == *"|files-0 "* ]]
	[[ $output == *"before, 1 model on a card of its own"*"now, 2 models on this card"*" 28.6 %"*"full, 7 like these on 1g.10gb"* ]]
}
