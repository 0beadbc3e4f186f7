#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, by apt, and says what for. Does nothing when nothing is missing.
#
#   tools/setup.sh [-n] [GROUP...]      groups: build engine container test long fuzz (default: all)
#   -n   install nothing; the exit status says whether all is there
#
# What each package is for stands in tools/packages.txt. Without root it says what to type, and
# fails. Where there is no apt it says where the list is, and leaves the complaint to the build.
set -eu

table=$(dirname "$0")/packages.txt
dry=
while getopts n opt; do
	case $opt in
	n) dry=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- build engine container test long fuzz
groups=" $* "

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "setup: no apt on this system: please see to what $table lists for:$groups"
	exit 0
fi

# One call for all: "ii name" for what is installed. Rows of other groups are passed over.
wanted=$(awk -v groups="$groups" '!/^#/ && NF && index(groups, " " $1 " ")' "$table")
if [ -z "$wanted" ]; then
	echo "setup: no such group:$groups (there are: build engine container test long fuzz)" >&2
	exit 2
fi
names=$(printf '%s\n' "$wanted" | awk '{ gsub("/", " ", $2); print $2 }')
# shellcheck disable=SC2086 # names are words
have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $names 2>/dev/null | awk '$1 == "ii" { print $2 }') || true
missing=$(printf '%s\n' "$wanted" | awk -v have="$have" '
	BEGIN { n = split(have, v, "\n"); for (i = 1; i <= n; i++) is[v[i]] = 1 }
	{
		n = split($2, v, "/")
		for (i = 1; i <= n; i++)
			if (v[i] in is)
				next
		name = v[1]; $1 = $2 = ""; sub(/^ +/, "")
		printf "%-24s %s\n", name, $0
	}')
[ -n "$missing" ] || exit 0

packages=$(printf '%s\n' "$missing" | awk '{ printf "%s ", $1 }')
echo "setup: missing here:"
printf '%s\n' "$missing" | sed 's/^/  /'
[ -z "$dry" ] || exit 1
if [ "$(id -u)" -ne 0 ]; then
	echo "setup: installing them needs root; please type:" >&2
	echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $packages" >&2
	exit 1
fi

# Another apt may be at work: wait for its lock, up to ten minutes.
get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null
}
# The lists' own lock is not waited for by apt.
update() {
	tries=0
	until get update; do
		tries=$((tries + 1))
		[ $tries -lt 5 ] || return 1
		sleep 3
	done
}
quiet_install() {
	# shellcheck disable=SC2086
	get install -y --no-install-recommends $packages >"$log" 2>&1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "setup: installing them by apt-get"
# The lists that are there will do as long as they know the packages and the mirror still has them.
# shellcheck disable=SC2086
if ! get install -s --no-install-recommends $packages >/dev/null 2>&1 || ! quiet_install; then
	update
	if ! quiet_install; then
		cat "$log" >&2
		echo "setup: apt-get could not install: $packages" >&2
		exit 1
	fi
fi
