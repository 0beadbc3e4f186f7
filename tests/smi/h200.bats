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

@test "-q" {
	answers idle
	prints "$FIXTURES/h200/q.txt" -q
	asked_once
}

@test "-q -x" {
	answers xml idle
	prints "$FIXTURES/h200/q_x.txt" -q -x
	asked_once
}

@test "-q -d MEMORY,UTILIZATION asks for those only" {
	answers idle
	prints "$FIXTURES/h200/q_d_MEMORY_UTILIZATION.txt" -q -d MEMORY,UTILIZATION
	asked_once
	run ! grep -E 'Clock|Power|Ecc|FieldValues' "$NVML_PLAY_LOG"
}

@test "-q -d of a busy card: sensors, clocks, samples, its process" {
	answers busy idle
	prints "$FIXTURES/h200/busy_q_d.txt" -q -d PIDS,MEMORY,UTILIZATION,POWER,TEMPERATURE,CLOCK
	asked_once
}

@test "--query-gpu, --query-compute-apps" {
	answers idle
	prints "$FIXTURES/h200/query_gpu.txt" --query-gpu=index,uuid,name,mig.mode.current,mig.mode.pending,memory.total,memory.used,memory.free,memory.reserved,utilization.gpu,persistence_mode,compute_mode,driver_version --format=csv
	asked_once
	prints "$FIXTURES/h200/query_compute_apps.txt" --query-compute-apps=pid,used_memory,gpu_uuid --format=csv
	answers busy idle
	prints "$FIXTURES/h200/busy_query_compute_apps.txt" --query-compute-apps=gpu_uuid,pid,process_name,used_memory --format=csv
	prints "$FIXTURES/h200/busy_query_gpu.txt" --query-gpu utilization.gpu,utilization.memory,memory.used,memory.free,temperature.gpu,power.draw --format csv
}
