#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the model engine for machines without a GPU: llama.cpp's llama-server out of Debian sid.
#
#   demo/image.sh [--refresh] rootfs   BUILD/engine/rootfs, and BUILD/engine/bin/llama-server that
#                                      runs it on this system (for the process runtime)
#   demo/image.sh [--refresh] image    the same, as the image localhost/tranche/llama.cpp:latest
#
# What is there and was made by this very script is used again; --refresh gets sid's newest. The
# packages come through an apt root of its own under BUILD/engine/apt: the system's sources, keys
# and packages stay as they are. Needs no root for "rootfs". BUILD is the checkout's build/. The
# mirror is the one that apt uses here, or TRANCHE_MIRROR.
set -euo pipefail

image=localhost/tranche/llama.cpp:latest
package=llama.cpp-tools
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
self=$(readlink -f "$0")
build=$(readlink -m "$(dirname "$self")/../build")
engine=$build/engine
rootfs=$engine/rootfs
recipe=$(sha256sum <"$self" | cut -c1-16)

say() { echo "image: $*"; }
fail() {
	echo "image: $*" >&2
	exit 1
}

# The mirror that this system's own apt uses; never the security archive, which has no sid.
mirror() {
	[ -z "${TRANCHE_MIRROR:-}" ] || { echo "$TRANCHE_MIRROR"; return; }
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' |
		awk '$1 !~ /security/ && ($2 == "Debian" || $2 !~ /^[A-Z]/) && !n++ { print $1 }'
}

# An apt whose lists, cache and idea of what is installed (nothing) lie under BUILD/engine/apt.
# Signatures are checked. A mirror that is days behind will do for a demo.
private_apt() {
	apt-get -qq -c "$engine/apt/apt.conf" "$@" </dev/null
}
write_apt_conf() {
	uri=$(mirror)
	[ -n "$uri" ] || fail "apt knows no Debian mirror here; name one in TRANCHE_MIRROR"
	[ -r "$keyring" ] || fail "no '$keyring': install debian-archive-keyring"
	mkdir -p "$engine/apt/state/lists/partial" "$engine/apt/cache/archives/partial" \
		"$engine/apt/none/partial"
	: >"$engine/apt/status"
	echo "deb [signed-by=$keyring] $uri sid main" >"$engine/apt/sources.list"
	cat >"$engine/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$engine/apt/sources.list";
Dir::Etc::SourceParts "$engine/apt/none/";
Dir::Etc::Preferences "$engine/apt/none/preferences";
Dir::Etc::PreferencesParts "$engine/apt/none/";
Dir::State "$engine/apt/state";
Dir::State::Status "$engine/apt/status";
Dir::Cache "$engine/apt/cache";
Dir::Log "$engine/apt";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "root"; // its folders may lie where _apt cannot reach
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
}

download() {
	write_apt_conf
	say "getting $package of Debian sid from $uri"
	private_apt update || fail "the mirror's list of sid could not be had"
	# Seen from an empty cache apt names every file, not only those that are still to come.
	private_apt install --print-uris -o Dir::Cache::Archives="$engine/apt/none/" \
		--no-install-recommends "$package" >"$engine/apt/uris" ||
		fail "sid has no $package that can be installed now"
	private_apt install -y --download-only --no-install-recommends "$package" ||
		fail "$package could not be downloaded"
}

unpack() {
	new=$engine/rootfs.new
	rm -rf "$new"
	mkdir -p "$new/tmp" "$new/models" "$new/proc" "$new/sys" "$new/dev" "$new/run"
	for dir in bin lib lib64 sbin; do
		mkdir -p "$new/usr/$dir"
		ln -s "usr/$dir" "$new/$dir"
	done
	: >"$engine/packages.new"
	while read -r _uri deb _rest; do
		dpkg-deb -x "$engine/apt/cache/archives/$deb" "$new" || fail "'$deb' is damaged"
		dpkg-deb -W --showformat '${Package}=${Version}\n' "$engine/apt/cache/archives/$deb" \
			>>"$engine/packages.new"
	done <"$engine/apt/uris"
	# What a server never reads. The licences stay.
	find "$new/usr/share/doc" -type f ! -name copyright -delete
	rm -rf "$new/usr/share/man" "$new/usr/share/locale" "$new/usr/share/i18n" "$new"/usr/lib/*/gconv
	make_wrapper "$new"
	rm -rf "$rootfs"
	mv "$engine/packages.new" "$engine/packages"
	mv "$new" "$rootfs"
	echo "$recipe" >"$engine/recipe"
}

# To run on this system, llama-server needs its own loader and C library (sid's are newer), and
# the CPU backends: it looks for those beside the running program, which then is the loader. So a
# copy of the loader stands among them, under the name that ps should show.
make_wrapper() {
	loader=$(cd "$1" && echo usr/lib/*/ld-linux-*.so.*)
	backends=$(cd "$1" && echo usr/lib/*/ggml/backends*)
	libs=$(dirname "$loader")
	[ -f "$1/$loader" ] && [ -d "$1/$backends" ] && [ -x "$1/usr/bin/llama-server" ] ||
		fail "sid's $package is not laid out as this script knows it"
	cp -L "$1/$loader" "$1/$backends/llama-server"
	mkdir -p "$engine/bin"
	cat >"$engine/bin/llama-server.new" <<WRAPPER
#!/bin/sh
r=\$(dirname "\$(readlink -f "\$0")")/../rootfs
exec "\$r/$backends/llama-server" --library-path "\$r/$libs:\$r/$libs/llama" "\$r/usr/bin/llama-server" "\$@"
WRAPPER
	chmod +x "$engine/bin/llama-server.new"
	mv "$engine/bin/llama-server.new" "$engine/bin/llama-server"
}

need_rootfs() {
	if [ -z "$refresh" ] && [ "$(cat "$engine/recipe" 2>/dev/null)" = "$recipe" ]; then
		return
	fi
	rm -f "$engine/recipe"
	download
	unpack
	say "$rootfs: $(du -sm "$rootfs" | cut -f1) MB, $(grep "^$package=" "$engine/packages")"
}

need_image() {
	label='{{index .Labels "tranche.recipe"}}'
	if [ -z "$refresh" ] &&
		[ "$(podman image inspect --format "$label" "$image" 2>/dev/null)" = "$recipe" ]; then
		return
	fi
	need_rootfs
	old=$(podman image inspect --format '{{.Id}}' "$image" 2>/dev/null) || old=
	tar -C "$rootfs" --numeric-owner --owner=0 --group=0 -cf - . |
		podman import -q \
			-c 'ENTRYPOINT ["/usr/bin/llama-server"]' \
			-c "LABEL tranche.recipe=$recipe" \
			-c "LABEL tranche.packages=$(paste -sd, "$engine/packages")" \
			- "$image" >/dev/null || fail "podman could not import the image"
	[ -z "$old" ] || podman rmi "$old" >/dev/null 2>&1 || true # unless a container still has it
	say "$image made"
}

refresh=
if [ "${1:-}" = --refresh ]; then
	refresh=1
	shift
fi
case ${1:-} in
rootfs | image) ;;
*) fail "usage: demo/image.sh [--refresh] rootfs|image" ;;
esac
mkdir -p "$engine"
exec 9>"$engine/lock" # two demos at once: the second finds the first one's work
flock 9
"need_$1"
