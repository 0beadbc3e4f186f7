# SPDX-License-Identifier: Apache-2.0
# What each file of tests loads. $TRANCHE, the program, comes from the build.
#
# Every test has run and state folders of its own, so virtual nodes never meet, and removes the
# nodes that it left. A node whose name shows (golden output) is called "golden"; one that runs
# servers has a name that nobody else on the machine has.

bats_require_minimum_version 1.5.0

setup()
{
	: "${TRANCHE:?is not set: run these tests by meson}"
	unset TRANCHE_NODE TRANCHE_LIBEXEC_DIR LD_LIBRARY_PATH NO_COLOR COLUMNS
	export TRANCHE_RUN_DIR="$BATS_TEST_TMPDIR/run" TRANCHE_STATE_DIR="$BATS_TEST_TMPDIR/state"
	mkdir -p "$TRANCHE_RUN_DIR" "$TRANCHE_STATE_DIR" "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work"
}

teardown()
{
	local dir

	for dir in "$TRANCHE_RUN_DIR"/virtual/*/; do
		[ -d "$dir" ] || continue
		"$TRANCHE" virtual destroy --force --grace 0 "$(basename "$dir")" >&2
	done
}

tranche()
{
	"$TRANCHE" "$@"
}

# node [PRODUCT...]: makes a node called golden; its warning about memory is of no interest here.
node()
{
	"$TRANCHE" virtual create --name golden "${@:-a100-80gb}" >/dev/null 2>&1
}

# sliced PROFILE...: such a node with MIG on and these slices.
sliced()
{
	node
	"$TRANCHE" mig on 2>/dev/null
	[ $# -eq 0 ] || "$TRANCHE" create -q "$@" >/dev/null 2>&1
}

# fails STATUS MESSAGE [HINT] -- ARGUMENT...: the command ends so, with the message among its
# words on stderr, and prints no result.
fails()
{
	local want=$1 message=$2 hint=

	shift 2
	if [ "$1" != -- ]; then
		hint=$1
		shift
	fi
	shift
	run --separate-stderr "$TRANCHE" "$@"
	echo "tranche $*"
	echo "exit status $status, wanted $want; stderr: $stderr; stdout: $output"
	[ "$status" -eq "$want" ]
	[ -z "$output" ]
	[[ $stderr == *"tranche: "*"$message"* ]]
	[ -z "$hint" ] || [[ $stderr == *"  try: "*"$hint"* ]]
}

# prints TEXT -- ARGUMENT...: the command succeeds, and its standard output is exactly this.
prints()
{
	local want=$1

	shift 2
	run --separate-stderr "$TRANCHE" "$@"
	echo "stderr: $stderr"
	diff <(echo "$want") <(echo "$output")
	[ "$status" -eq 0 ]
}

# fits SCHEMA -- ARGUMENT...: the command succeeds, and its output is JSON that fits the schema;
# it stays in $output.
fits()
{
	local schema=$1

	shift 2
	run --separate-stderr "$TRANCHE" "$@"
	echo "exit status $status; stderr: $stderr; stdout: $output"
	[ "$status" -eq 0 ]
	"$PYTHON" "$CHECK_JSON" "$JSON_SCHEMAS/$schema.schema.json" <<<"$output"
}

# value EXPRESSION: of the JSON in $output, as Python sees it in d.
value()
{
	"$PYTHON" -c 'import json, sys; d = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' \
		"$output" "$1"
}

# uuid_of_gpu INDEX: as the JSON has it, without "GPU-".
uuid_of_gpu()
{
	"$TRANCHE" gpus --json |
		"$PYTHON" -c 'import json, sys
print(json.load(sys.stdin)["gpus"][int(sys.argv[1])]["uuid"][4:])' "$1"
}

# lab [LINE...]: a node of its own, and ./tranche.yaml with one model on it: a server that lists a
# folder, with more lines of yaml for it, if any.
lab()
{
	local line

	"$TRANCHE" virtual create --scale 16 --name "cli$$x$BATS_TEST_NUMBER" a100-80gb \
		>/dev/null 2>&1
	cat >tranche.yaml <<-'EOF'
		version: 1
		name: lab
		models:
		  files:
		    engine: command
		    slice: 1g.10gb
		    args: [python3, -u, -m, http.server, --bind, 127.0.0.1, "${PORT}"]
	EOF
	for line in "$@"; do
		echo "    $line" >>tranche.yaml
	done
}

# serves ARGUMENT...: the model's program is this instead.
serves()
{
	local words

	words=$(printf ', "%s"' "$@")
	sed -i "s|^    args: .*|    args: [${words#, }]|" tranche.yaml
}

up()
{
	"$TRANCHE" up --runtime process "$@"
}
