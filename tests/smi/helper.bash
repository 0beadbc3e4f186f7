# SPDX-License-Identifier: Apache-2.0
# What each file of tests loads. $TRANCHE_SMI and $TRANCHE, the programs, and $PLAY, $PLAY_OLD, the
# folders of the library that plays back, come from the build.

bats_require_minimum_version 1.5.0

FIXTURES="$BATS_TEST_DIRNAME/../fixtures"

setup()
{
	: "${TRANCHE_SMI:?is not set: run these tests by meson}"
	unset TRANCHE_NODE TRANCHE_LIBEXEC_DIR LD_LIBRARY_PATH NO_COLOR COLUMNS NVML_PLAY_LOG
	export TRANCHE_RUN_DIR="$BATS_TEST_TMPDIR/run" TRANCHE_STATE_DIR="$BATS_TEST_TMPDIR/state"
	export LC_ALL=C
	mkdir -p "$TRANCHE_RUN_DIR" "$TRANCHE_STATE_DIR"
}

teardown()
{
	local dir

	for dir in "$TRANCHE_RUN_DIR"/virtual/*/; do
		[ -d "$dir" ] || continue
		"$TRANCHE" virtual destroy --force --grace 0 "$(basename "$dir")" >&2
	done
}

# answers NAME...: the recorded answers of an H200, the first that has one counts.
answers()
{
	local name

	export NVML_PLAY_FILE="$BATS_TEST_TMPDIR/answers" NVML_PLAY_LOG="$BATS_TEST_TMPDIR/calls"
	for name; do
		cat "$FIXTURES/h200/$name.answers"
	done >"$NVML_PLAY_FILE"
	: >"$NVML_PLAY_LOG"
}

# smi ARGUMENT...: on what was chosen by answers.
smi()
{
	TRANCHE_NODE=hardware LD_LIBRARY_PATH="${LIBRARY:-$PLAY}" "$TRANCHE_SMI" "$@"
}

# undated FILE...: with every time of day replaced.
undated()
{
	sed -E 's/[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} 20[0-9]{2}/TIME/' "$@"
}

# prints FILE [ARGUMENT...]: exactly what the file holds but for the time, and succeeds.
prints()
{
	local want=$1 status=0

	shift
	smi "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	echo "tranche-smi $*: exit status $status; stderr: $(cat "$BATS_TEST_TMPDIR/err")"
	undated "$want" >"$BATS_TEST_TMPDIR/want.undated"
	undated "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/out.undated"
	diff -u "$BATS_TEST_TMPDIR/want.undated" "$BATS_TEST_TMPDIR/out.undated"
	[ "$status" -eq 0 ]
}

# asked_once: no call was made twice since answers.
asked_once()
{
	[ -s "$NVML_PLAY_LOG" ]
	sort "$NVML_PLAY_LOG" | uniq -d >"$BATS_TEST_TMPDIR/twice"
	cat "$BATS_TEST_TMPDIR/twice"
	[ ! -s "$BATS_TEST_TMPDIR/twice" ]
}
