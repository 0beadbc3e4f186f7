#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The virtual driver builds for aarch64 (GH200 is Arm): cross_aarch64.sh ROOT BUILD_DIR. 77: no compiler.
set -eu
root=$1 build=$2
compiler=aarch64-linux-gnu-gcc
if ! command -v "$compiler" > /dev/null; then
	echo "no $compiler here: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
	exit 77
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$compiler" -std=gnu17 -D_GNU_SOURCE -O2 -fPIC -fvisibility=hidden -Wall -Wextra -Werror -shared \
	-I"$root/include" -I"$root/src" -I"$root" -I"$build/sim/state" -o "$out/libnvidia-ml.so.1" \
	-Wl,--version-script="$root/sim/exports.map" -Wl,-soname,libnvidia-ml.so.1 -Wl,--no-undefined \
	"$root"/sim/*.c "$root"/sim/state/*.c "$root"/src/facts/facts.c "$build/src/facts/tables.c" \
	"$build/sim/nvml_stubs.c" "$build/sim/state/nvml_names.c" "$root"/src/base/err.c "$root"/src/base/buf.c "$root"/src/base/fs.c \
	"$root"/src/base/paths.c "$root"/src/base/sha1.c "$root"/src/base/snapshot.c
aarch64-linux-gnu-nm -D --defined-only "$out/libnvidia-ml.so.1" | grep -q ' T nvmlInit_v2$'
