#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# MIG as R580 lays it out: two cards, one cut into three.

load helper

layout()
{
	answers
	cp "$FIXTURES/r580-mig-layout/answers" "$NVML_PLAY_FILE"
}

@test "the table with its MIG section; a call that the library lacks is ERR!" {
	layout
	LIBRARY=$PLAY_OLD prints "$FIXTURES/r580-mig-layout/default.txt"
	asked_once
}

@test "-L with MIG devices" {
	layout
	prints "$FIXTURES/r580-mig-layout/L.txt" -L
	asked_once
}

@test "mig: every list" {
	for verb in lgip lgipp lgi lci lcip; do
		layout
		prints "$FIXTURES/r580-mig-layout/mig_$verb.txt" mig -$verb
		asked_once
	done
}

@test "mig: the long names of the verbs are the same" {
	layout
	prints "$FIXTURES/r580-mig-layout/mig_lgi.txt" mig --list-gpu-instances
	prints "$FIXTURES/r580-mig-layout/mig_lci.txt" mig --list-compute-instances
}

@test "mig: -gi and -ci leave out the others" {
	layout
	run -0 smi mig -lgi -gi 2,3
	[ "$(grep -c 'MIG ' <<<"$output")" -eq 2 ]
	run -6 smi mig -lgi -gi 9
	[ "$output" = "No GPU instances found: Not Found" ]
	run -6 smi mig -lci -ci 5
	[ "$output" = "No compute instances found: Not Found" ]
}
