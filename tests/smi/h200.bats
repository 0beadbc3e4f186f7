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

@test "--version: of the tool, NVML, driver and CUDA, as an H100 under 580.159.04 printed" {
	answers idle
	run -0 smi --version
	version=$(sed -n 's/.*Driver Version: \([0-9.]*\) .*/\1/p' "$FIXTURES/h200/default.txt")
	[ "${lines[0]}" = "NVIDIA-SMI version  : $version" ]
	[ "${lines[1]}" = "NVML version        : ${version%.*}" ]
	[ "${lines[2]}" = "DRIVER version      : $version" ]
	[ "${lines[3]}" = "CUDA Version        : 13.0" ]
	asked_once
}

@test "topo -m" {
	answers idle
	prints "$FIXTURES/h200/topo_m.txt" topo -m
	asked_once
	run -255 smi topo -m -i 0
	[ "$output" = "The -i command line argument must be used in conjunction with -n or -p." ]
}

@test "pmon and dmon of a busy card" {
	answers busy idle
	prints "$FIXTURES/h200/busy_pmon.txt" pmon -c 1
	asked_once
	answers dmon busy idle
	head -3 "$FIXTURES/h200/busy_dmon.txt" >"$BATS_TEST_TMPDIR/first"
	prints "$BATS_TEST_TMPDIR/first" dmon -c 1
	asked_once
}

@test "dmon: sets of columns, CSV, date and time, and what is no set" {
	answers idle
	cat >"$BATS_TEST_TMPDIR/want" <<'END'
# gpu    pwr  gtemp  mtemp     sm    mem    enc    dec    jpg    ofa   mclk   pclk  pviol  tviol     fb   bar1   ccpm  sbecc  dbecc    pci  rxpci  txpci 
# Idx      W      C      C      %      %      %      %      %      %    MHz    MHz      %   bool     MB     MB     MB   errs   errs   errs   MB/s   MB/s 
    0    128     41     42      0      0      0      0      0      0   3201   1980      0      0      0      1      0      0      0      0      0      0 
END
	prints "$BATS_TEST_TMPDIR/want" dmon -c 1 -s pucvmet
	run -0 smi dmon -c 1 --format csv
	[ "$output" = "#gpu, pwr, gtemp, mtemp, sm, mem, enc, dec, jpg, ofa, mclk, pclk
#Idx, W, C, C, %, %, %, %, %, %, MHz, MHz
 0, 128, 41, 42, 0, 0, 0, 0, 0, 0, 3201, 1980" ]
	run -0 smi dmon -c 1 -o DT
	[ "${lines[0]}" = "#Date        Time         gpu    pwr  gtemp  mtemp     sm    mem    enc    dec    jpg    ofa   mclk   pclk " ]
	[ "${lines[1]}" = "#YYYYMMDD    HH:MM:SS     Idx      W      C      C      %      %      %      %      %      %    MHz    MHz " ]
	[[ ${lines[2]} =~ ^" 20"[0-9]{6}"    "[0-9:]{8}"       0    128     41" ]]
	run -255 smi dmon -c 1 -s z
	[ "${lines[0]}" = "Failed to find any metric to display" ]
	run -0 smi pmon -c 1 -s um
	[ "${lines[2]}" = "    0          -     -      -      -      -      -      -      -      -      -    -              " ]
	run -0 smi pmon -c x
	[ "${lines[0]}" = "Invalid value for number of samples to be displayed" ]
	run -6 smi pmon -i 9 -c 1
	[ "$output" = "No devices were found" ]
}

@test "a loop keeps one session: the driver is started once, the head of columns is there once" {
	answers idle
	timeout 2 env TRANCHE_NODE=hardware LD_LIBRARY_PATH="$PLAY" "$TRANCHE_SMI" -lms 100 \
		--query-gpu=name,power.draw --format=csv >"$BATS_TEST_TMPDIR/out" || [ $? -eq 124 ]
	[ "$(grep -c '^name, power.draw \[W\]$' "$BATS_TEST_TMPDIR/out")" -eq 1 ]
	[ "$(grep -c '^NVIDIA H200, 128.32 W$' "$BATS_TEST_TMPDIR/out")" -gt 2 ]
	[ "$(grep -c nvmlDeviceGetHandleByIndex_v2 "$NVML_PLAY_LOG")" -eq 1 ]
}

@test "processes: long names keep their end, reports go by pid, columns keep the driver's order" {
	answers idle
	{
		echo 'nvmlDeviceGetComputeRunningProcesses_v3 g0 = 0 2 | 6326 _4 857735168L 4294967295 4294967295 6323 _4 857735168L 4294967295 4294967295'
		echo 'nvmlSystemGetProcessName 6323 = 0 "/tmp/a/very/long/folder/for/the/name/of/a/process/model-server"'
		echo 'nvmlSystemGetProcessName 6326 = 0 "/tmp/a/thirty-seven-characters-and-no-m1234"'
		cat "$NVML_PLAY_FILE"
	} >"$BATS_TEST_TMPDIR/more"
	mv "$BATS_TEST_TMPDIR/more" "$NVML_PLAY_FILE"
	# As the vendor's tool showed these two on an H100.
	run -0 smi
	[ "${lines[17]}" = "|    0   N/A  N/A            6323      C   ...ame/of/a/process/model-server        818MiB |" ]
	[ "${lines[18]}" = "|    0   N/A  N/A            6326      C   ...seven-characters-and-no-m1234        818MiB |" ]
	run -0 smi -q -d PIDS
	[ "$(grep -o 'Process ID .*' <<<"$output" | grep -o '[0-9]*' | xargs)" = "6323 6326" ]
	run -0 smi --query-compute-apps=pid --format=csv,noheader
	[ "$output" = "6326
6323" ]
	run -0 smi pmon -c 1
	[ "${lines[2]}" = "    0       6323     C      -      -      -      -      -      -    model-server   " ]
	[ "${lines[3]}" = "    0       6326     C      -      -      -      -      -      -    thirty-seven-ch" ]
}
