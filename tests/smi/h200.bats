#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A real H200's answers give what the vendor's tool printed there, byte for byte.

load helper

@test "the table" {
	answers idle
	prints "$FIXTURES/h200/default.txt"
	asked_once
}

@test "-L" {
	answers idle
	prints "$FIXTURES/h200/L.txt" -L
	asked_once
	# Name, UUID, and how many MIG devices there may be: nothing else is asked of the card.
	[ "$(grep -c ' g0' "$NVML_PLAY_LOG")" -eq 3 ]
}

@test "the table of a busy card, with its process" {
	answers busy-table busy idle
	prints "$FIXTURES/h200/busy_default.txt"
	asked_once
}

@test "mig -lgip, -lgipp, -lgi while MIG is off" {
	answers idle
	prints "$FIXTURES/h200/mig_lgip.txt" mig -lgip
	asked_once
	answers idle
	prints "$FIXTURES/h200/mig_lgipp.txt" mig -lgipp
	asked_once
	for verb in -lgi -lci -lcip -lcipp; do
		prints "$FIXTURES/h200/mig_lgi.txt" mig $verb
	done
}

@test "a card that is not there" {
	answers idle
	run -6 smi -i 5
	[ "$output" = "$(cat "$FIXTURES/h200/i_5.txt")" ]
	run -6 smi mig -i 7 -lgip
	[ "$output" = "No devices were found" ]
	run -0 smi mig -i 0,7 -lgip
	[ "$output" = "$(cat "$FIXTURES/h200/mig_lgip.txt")" ]
}

@test "-i takes an index, a UUID and a bus id" {
	answers idle
	for id in 0 GPU-00000000-1111-2222-3333-444444444444 00000000:00:06.0; do
		prints "$FIXTURES/h200/default.txt" -i $id
		prints "$FIXTURES/h200/default.txt" --id=$id
	done
	run -255 smi -i ,
	[ "$output" = "Failed to parse device string on command line" ]
	run -6 smi -i abc
	run -6 smi -i GPU-1234
}
