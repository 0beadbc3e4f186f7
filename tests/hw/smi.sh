#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tranche-smi beside the vendor's nvidia-smi on a real card, read-only: every output must be the same
# but for what moves (time, power, temperature, clocks, use). Off by default: needs a card; once at
# rest, and once with a program at work on it.
#
#	smi.sh TRANCHE_SMI [DIR]	DIR keeps what both printed
#
# Exit status: 0 the same, 1 differences (printed), 77 no card here.
ours=${1:?usage: smi.sh TRANCHE_SMI [DIR]}
dir=${2:-$(mktemp -d)}
command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || {
	echo "no card here"
	exit 77
}
export TRANCHE_NODE=hardware
mkdir -p "$dir"
bad=0 n=0

# What moves between two calls, by its unit or its place.
still()
{
	sed -E -e 's/[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} 20[0-9]{2}/TIME/' \
		-e 's#20[0-9]{2}/[0-9/]{5} [0-9:.]{12}#TIME#g' \
		-e 's/20[0-9]{6}    [0-9:]{8}/TIME/' \
		-e 's/-?[0-9.]+ (W|C|KB\/s|MHz|%|sec|us)([ <,]|$)/N \1\2/g' \
		-e 's/^(\| N\/A +)[0-9]+C( +P[0-9]+) +[0-9]+W/\1NC\2 NW/' \
		-e 's/ +[0-9]+%( +Default)/ N%\1/' \
		-e 's/(Tx|Rx) Throughput.*/\1/' -e 's/(Number of Samples +: ).*/\1N/' "$@"
}

# Rows of dmon and pmon move as a whole.
rows()
{
	sed -E '/^ /s/[0-9]+/N/g; /^ /s/ +/ /g'
}

same()
{
	local name filter=cat status_v status_o

	name=$(tr -c 'A-Za-z0-9_\n' '_' <<<"$*" | cut -c1-80)
	case $1 in dmon | pmon) filter=rows ;; esac
	nvidia-smi "$@" >"$dir/$name.vendor" 2>/dev/null
	status_v=$?
	"$ours" "$@" >"$dir/$name.ours" 2>/dev/null
	status_o=$?
	n=$((n + 1))
	if [ $status_v -ne $status_o ]; then
		echo "### $*: exit status $status_v, ours $status_o"
		bad=$((bad + 1))
	fi
	if ! diff <(still "$dir/$name.vendor" | $filter) <(still "$dir/$name.ours" | $filter) \
		>"$dir/$name.diff"; then
		echo "### $*"
		cat "$dir/$name.diff"
		bad=$((bad + 1))
	fi
}

# A loop, cut off by a signal as people do.
same_loop()
{
	local name

	name=loop_$(tr -c 'A-Za-z0-9_\n' '_' <<<"$*" | cut -c1-80)
	timeout -s INT 2.5 nvidia-smi "$@" >"$dir/$name.vendor" 2>/dev/null
	timeout -s INT 2.5 "$ours" "$@" >"$dir/$name.ours" 2>/dev/null
	n=$((n + 1))
	# How many rounds fit is the clock's; the first two must be there, and the same.
	if ! diff <(still "$dir/$name.vendor" | head -n "$lines") \
		<(still "$dir/$name.ours" | head -n "$lines"); then
		echo "### $* (a loop)"
		bad=$((bad + 1))
	fi
}

same_file()
{
	local to=$dir/file

	n=$((n + 1))
	rm -f "$to".*
	nvidia-smi "$@" -f "$to.vendor" >"$to.vendor.out" 2>/dev/null
	"$ours" "$@" -f "$to.ours" >"$to.ours.out" 2>/dev/null
	if ! diff <(still "$to.vendor") <(still "$to.ours") || ! cmp "$to.vendor.out" "$to.ours.out"; then
		echo "### $* -f"
		bad=$((bad + 1))
	fi
}

bus=$(nvidia-smi --query-gpu=pci.bus_id --format=csv,noheader | head -1)
uuid=$(nvidia-smi --query-gpu=uuid --format=csv,noheader | head -1)
same
same -i 0
same -i "$uuid"
same -i "$bus"
same -i 99
same -i ,
same -i abc
same -L
same --version
same -q
same -q -x
for section in $("$ours" --help-sections); do
	same -q -d "$section"
done
same -q -d MEMORY,ECC
same -q -d memory
same -q -d BOGUS
same -q -x -d MEMORY
for name in $("$ours" --help-query-gpu); do
	same --query-gpu="$name" --format=csv
done
# Without units nothing says what moves: those that may are asked with units above.
moves='power\.draw|^clocks\.|counters|utilization|temperature|^pstate'
same --query-gpu="$("$ours" --help-query-gpu | grep -vE "$moves" | paste -sd,)" --format=csv,nounits
for of in compute-apps remapped-rows retired-pages supported-clocks accounted-apps; do
	columns=$("$ours" --help-query-$of | paste -sd,)
	same --query-$of="$columns" --format=csv
	same --query-$of="$columns" --format=csv,noheader,nounits
done
same --query-gpu=bogus --format=csv
same --query-gpu=name --format=json
same --query-gpu=
for verb in -lgip -lgipp -lgi -lci -lcip -lcipp --list-gpu-instance-profiles -foo; do
	same mig $verb
done
same mig -i 0 -lgip
same mig -lgip -i 99
same topo -m
same topo -mp
same topo -m -i 0
same topo -x
same pmon -c 1
same pmon -c 1 -s um
same pmon -c 1 -s m
same pmon -c 1 -o DT
same dmon -c 1
same dmon -c 1 -s pucvmet
same dmon -c 1 -o DT
same dmon -c 1 --format csv
same dmon -c 1 -s z
same --foo
same foo
same -x
same -d MEMORY
same -L foo
same -i 0 -L
same -f
same --list-gpus
same --query
same --query --xml-format
same --query --display=MEMORY
same --query --display MEMORY --id=0
same --id="$uuid" --query-gpu=name,index --format=csv
same --query-gpu=index,name --format=csv --id 0
cards=$(nvidia-smi -L | wc -l)
for ((card = 1; card < cards; card++)); do
	same -i $card
	same -i $card -q
	same -i $card,0
	same -L -i $card
	same -i $card,0 --query-gpu=index,uuid,pci.bus_id --format=csv
	same mig -i $card -lgip
	same dmon -c 1 -i $card
	same pmon -c 1 -i $card
done
same_file
same_file -q
same_file --query-gpu=index,name --format=csv
same_file -q -x
lines=1 same_loop -l 1
lines=$((2 * cards + 1)) same_loop --query-gpu=index,name,memory.total --format=csv -l 1
lines=$((2 * cards + 1)) same_loop --query-gpu=index,name,memory.total --format=csv -lms 500
lines=$((2 * cards)) same_loop --query-gpu=index,name,memory.used --format=csv,noheader --loop=1
lines=$((4 * cards)) same_loop --query-gpu=index,name,memory.used --format=csv,noheader --loop-ms=500
# Whatever name the vendor's help says, ours knows.
known()
{
	local list=$1 name

	for name in $(nvidia-smi "--help-$list" | grep -oE '^"[a-z_][^" ]+"( or "[^" ]+")*' | grep -oE '[^" ]+' |
		grep -vx or); do
		n=$((n + 1))
		"$ours" "--help-$list" | grep -qxF "$name" && continue
		echo "### --help-$list: '$name' is not known"
		bad=$((bad + 1))
	done
}

for of in gpu compute-apps remapped-rows retired-pages supported-clocks accounted-apps; do
	known query-$of
done
for section in $(nvidia-smi -h | grep -oE '\b[A-Z][A-Z_]{2,}\b' | sort -u); do
	nvidia-smi -q -d "$section" >/dev/null 2>&1 && same -q -d "$section"
done
echo "$n outputs, $bad differences"
[ $bad -eq 0 ]
