# SPDX-License-Identifier: Apache-2.0
"""tests/mutants: each patch is well-formed and still fits the code (what it breaks: make test-long)."""
import tap

import mutants


def test_there_are_some():
    assert mutants.all_mutants()


def test_each_names_a_test_and_says_what_it_breaks():
    for mutant in mutants.all_mutants():
        assert mutant.head["test"] and mutant.head["what"], mutant.name


def test_each_applies_to_the_code_as_it_is():
    bad = [m.name for m in mutants.all_mutants() if not mutants.patch(tap.ROOT, m, "--dry-run")]
    assert not bad, bad


def test_a_failure_must_be_the_one_that_is_named(folder):
    tap.write(folder + "/m.patch", "Test: unit x\nCase: b\nWhat: w\n\n--- a/f\n+++ b/f\n")
    m = mutants.Mutant(folder + "/m.patch")
    assert m.is_named("unit x: b")
    assert not m.is_named("unit x: bb")
    assert not m.is_named("unit xy: b")
    assert not m.is_named("unit x: error, exit status 1")


def test_a_patch_without_a_head_is_refused(folder):
    tap.write(folder + "/m.patch", "--- a/f\n+++ b/f\n")
    try:
        mutants.Mutant(folder + "/m.patch")
    except SystemExit as e:
        assert "no 'Test:'" in str(e)
    else:
        raise AssertionError("it was taken")


tap.main()
