#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A virtual node, cut as the real card was, prints what was captured there (tests/fixtures/captures).

load helper

# node PRODUCT [OPTION]: a virtual node with that card.
node()
{
	"$TRANCHE" virtual create --name twin --scale 64 "$@" >/dev/null 2>&1
	export TRANCHE_NODE=twin
}

# on: MIG mode.
on()
{
	twin -pm 1 >/dev/null
	twin -mig 1 >/dev/null
}

twin()
{
	"$TRANCHE_SMI" "$@" 2>"$BATS_TEST_TMPDIR/err"
}

# Placeholders for UUIDs, which the twin has of its own.
plain()
{
	sed -E 's/(GPU|MIG)-[0-9a-f]{8}-[0-9a-f-]{27}/\1-UUID/' "$@"
}

# same CAPTURE ARGUMENT...
same()
{
	local want="$FIXTURES/captures/$1"

	shift
	twin "$@" | plain >"$BATS_TEST_TMPDIR/out"
	diff -u <(plain "$want") "$BATS_TEST_TMPDIR/out"
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = "tranche: virtual" ]
}

# cards: the table up to the processes, without what a twin has of its own: versions, bus ids, sensors,
# and bytes in use.
cards()
{
	sed '/Processes:/,$d' "$@" | undated |
		sed -E -e 's/580\.[0-9.]+/580/g' -e 's/0{8}:[0-9A-F]{2}:[0-9A-F]{2}\.0/BUS/' -e 's/[0-9]+MiB \//N \//' \
			-e 's/^(\| N\/A +)[0-9]+C( +P0) +[0-9]+W/\1NC\2 NW/' -e 's/ +N \// N \//'
}

# same_table CAPTURE
same_table()
{
	diff -u <(cards "$FIXTURES/captures/$1") <(twin | cards)
}

@test "H100: an empty card, MIG off" {
	node h100-sxm5-80gb
	same h100_lgip.txt mig -lgip
	run -0 twin mig -lgi
	[ "$output" = "No MIG-enabled devices found." ]
}

@test "H100: 3g.40gb with one small compute instance, 1g.10gb+me, 1g.10gb" {
	node h100-sxm5-80gb
	on
	twin mig -cgi 3g.40gb:0
	twin mig -cgi 1g.10gb+me:4,1g.10gb:6 -C
	twin mig -gi 1 -cci 1c.3g.40gb
	same h100_lgi.txt mig -lgi
	same h100_lci.txt mig -lci
	same h100_L.txt -L
	same_table h100_table.txt
}

@test "H200: two 1g.18gb, and what is left" {
	node h200-sxm-141gb
	on
	twin mig -cgi 19:4,19:6 -C
	same h200_lgip.txt mig -lgip
	same h200_lgi.txt mig -lgi
	same h200_lci.txt mig -lci
	same h200_L.txt -L
	same_table h200_table.txt
}

@test "A100 40 GB: what is left after 4g.20gb; then 2g.10gb in halves and 1g.5gb" {
	# Its instance ids tell the kind of chip.
	node a100-sxm4-40gb --swapped-chip
	same a100_lgipp.txt mig -lgipp
	on
	twin mig -cgi 4g.20gb -C
	same a100-40_lgip.txt mig -lgip
	twin mig -cgi 2g.10gb
	twin mig -gi 3 -cci 1c.2g.10gb,1c.2g.10gb
	twin mig -cgi 1g.5gb -C
	same a100-40_lgi.txt mig -lgi
	same a100-40_lci.txt mig -lci
	# Only the MIG part was captured.
	diff -u <(tail -n +2 "$FIXTURES/captures/a100-40_table_mig.txt" | cards) \
		<(twin | cards | sed -n '/MIG devices:/,/^$/p' | sed '$d')
}

@test "A100 80 GB: compute instances" {
	node a100-sxm4-80gb --swapped-chip
	on
	twin mig -cgi 9:4,5
	same a100-80_lcip.txt mig -lcip
	twin mig -gi 1 -cci 0,1
	twin mig -gi 2 -cci 1c.4g.40gb,2c.4g.40gb
	same a100-80_L.txt -L
}

@test "A30 and RTX PRO 6000: where each size may start" {
	node a30
	same a30_lgipp.txt mig -lgipp
	"$TRANCHE" virtual destroy twin >/dev/null 2>&1
	node rtx-pro-6000-server
	same rtx-pro-6000_lgipp.txt mig -lgipp
	twin mig -lgip >"$BATS_TEST_TMPDIR/all"
	# Two of the rows are captured, with the rule between them.
	for pattern in 1g.24gb+me.all 4g.96gb+gfx; do
		diff -u <(grep -F -A1 "$pattern" "$FIXTURES/captures/rtx-pro-6000_lgip_rows.txt") \
			<(grep -F -A1 "$pattern" "$BATS_TEST_TMPDIR/all")
	done
}

@test "H200: an idle twin with MIG off says in -q what the card said" {
	node h200-sxm-141gb
	twin -pm 1 >/dev/null
	twin -q | undated >"$BATS_TEST_TMPDIR/out"
	# But for what names this very card, its place in the machine, and sensors.
	local own='^(GPU 0| *(Serial Number|GPU UUID|GPU PDI|Board ID|Module Id|Virtualization Mode|Bus|Device|Bus Id|[TR]x Throughput|Average Power Draw|Instantaneous Power Draw) +:)'

	diff -u <(undated "$FIXTURES/h200/q.txt" | grep -vE "$own") <(grep -vE "$own" "$BATS_TEST_TMPDIR/out")
}

@test "a card in MIG mode shows what does not apply as such" {
	node a100-sxm4-40gb
	on
	run -0 twin -q
	grep -q '^    MIG Devices                                        : None$' <<<"$output"
	twin mig -cgi 19 -C
	run -0 twin -q -d ROW_REMAPPER,TEMPERATURE
	grep -q '^    Remapped Rows                                      : N/A$' <<<"$output"
	[[ $output != *Histogram* ]]
	# Ampere tells limits in degrees, not as margins.
	grep -q '^        GPU Shutdown Temp                              : [0-9]* C$' <<<"$output"
	[[ $output != *"Shutdown T.Limit"* ]]
}
