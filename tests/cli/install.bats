#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helper

# Laid out below the test's own folder, as a package would be.
installed()
{
	meson install -C "$BUILD" --no-rebuild --quiet --destdir "$BATS_TEST_TMPDIR/root"
	TRANCHE="$BATS_TEST_TMPDIR/root$PREFIX/bin/tranche"
}

@test "an installed program finds its own parts" {
	installed
	lab
	up >/dev/null 2>&1
	fits ps -- ps --json
	[ "$(value 'd["models"][0]["state"]')" = ready ]
	tranche down 2>/dev/null
	cmp "$TRANCHE_RUN_DIR"/virtual/*/lib/libnvidia-ml.so.1 \
		"$(find "$BATS_TEST_TMPDIR/root" -name libnvidia-ml.so.1)"
}

@test "the virtual driver is never installed where every program would find it" {
	installed
	run find "$BATS_TEST_TMPDIR/root" -name 'libnvidia-ml*'
	[ "${#lines[@]}" -ge 1 ]
	[[ $output != */lib/* ]]
}

@test "every command has its page, and completion its file" {
	local page

	installed
	for page in "$BATS_TEST_DIRNAME"/../../docs/man/*.scd; do
		page=$(basename "$page" .scd)
		[ -s "$BATS_TEST_TMPDIR/root$PREFIX/share/man/man${page##*.}/$page" ]
	done
	run -0 bash -c "source '$BATS_TEST_TMPDIR/root$PREFIX/share/bash-completion/completions/tranche' && complete -p tranche"
	[ "$output" = "complete -F _tranche tranche" ]
	head -1 "$BATS_TEST_TMPDIR/root$PREFIX/share/zsh/site-functions/_tranche" | grep -qx '#compdef tranche'
	[ -s "$BATS_TEST_TMPDIR/root$PREFIX/share/fish/vendor_completions.d/tranche.fish" ]
}
