#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that dies as it loads: up says why, shows the end of its log, and takes all back."""
import stand
from stand import check, equal

REASONS = [
    (["say=weights are bad", "exit=3"], "exit code 3"),
    (["say=about to crash", "late=50", "signal=11"], "signal 11 (Segmentation fault)"),
    (["say=filling the slice", "eat=400"], "out of memory in its slice"),
    (["say=leaving", "exit=0"], "exit code 0"),
]


def dies(place):
    place.node(scale=128)
    place.stack(place.model("stays"), name="first", file="first.yaml")
    place.up("-f", "first.yaml")
    before = place.models()["stays-0"]["pid"]
    for words, why in REASONS:
        place.stack(place.model("good", words=["late=100"]), place.model("bad", words=words))
        r = place.tranche(*place.up_args()).fails(12, "bad-0 ended: %s; its log ends:\n" % why)
        said = words[0].partition("=")[2]
        check("\n%s\n" % said in r.err, r)
        r.says("  try: tranche logs lab/bad-0")
        check(("stopping", "good-0: taken back") in r.steps(), r)
        equal(place.assert_holds("first/stays-0")["stays-0"]["pid"], before)
        # Its last log is kept, and is what the hint promises.
        for name in ("lab/bad-0", "bad"):
            r = place.ok("logs", name)
            check(said in r.out.splitlines(), r)


def test_why_a_server_died_is_told_and_all_taken_back(process):
    dies(process)


def test_why_a_server_died_is_told_and_all_taken_back_in_containers(podman):
    dies(podman)


def test_a_server_that_never_answers_is_told_and_taken_back(process):
    process.node()
    process.stack(process.model("a", words=["say=thinking", "late=60000"]))
    r = process.tranche(*process.up_args("--timeout", "1"))
    r.fails(13, "a-0 did not answer within 1 s; its log ends:\nthinking", "  try: ", "--timeout")
    process.assert_empty()
    equal(process.json("gpus")["gpus"][0]["mig_on"], False)
    check("thinking" in process.ok("logs", "a").out, "its kept log")


def test_a_change_that_fails_brings_back_what_ran(process):
    process.node()
    process.stack(process.model("a"), process.model("b"))
    process.up()
    before = process.models()
    process.stack(process.model("a"), process.model("b", slice="2g.20gb", words=["exit=1"]))
    r = process.tranche(*process.up_args()).fails(12, "b-0 ended: exit code 1")
    check(("note", "bringing back what ran before") in r.steps(), r)
    after = process.assert_holds("lab/a-0", "lab/b-0")
    equal(after["a-0"]["pid"], before["a-0"]["pid"])
    equal(after["b-0"]["slice"]["profile"], "1g.10gb")
    # The store says so, too: the next up of the old file has nothing to do.
    process.stack(process.model("a"), process.model("b"))
    r = process.up()
    equal({word for word, _ in r.steps()}, {"kept"}, str(r))


def test_a_failed_first_up_forgets_the_stack(process):
    process.node()
    process.stack(process.model("a", words=["exit=1"]))
    process.tranche(*process.up_args()).fails(12, "exit code 1")
    process.assert_empty()
    process.tranche("down", "lab").fails(3, "there is no stack 'lab'")


def test_a_program_that_cannot_be_run(process):
    process.node()
    process.file("no program\n", "readme.txt")
    process.file("version: 1\nname: lab\nmodels:\n  a:\n    engine: command\n    slice: 1g.10gb\n    args: [/dev/null]\n")
    process.tranche(*process.up_args()).fails(3, "model 'a': ", "/dev/null")
    process.assert_empty()


def test_an_entry_point_that_is_not_there_in_containers(podman):
    """podman starts the container and fails: its words are told, and nothing stays."""
    podman.node()
    image = podman.image + "-noentry"
    r = stand.run("podman", "tag", podman.image, image)
    equal(r.returncode, 0, r.stderr)
    try:
        with_entry = stand.run("podman", "image", "inspect", "--format", "{{.Config.Entrypoint}}", image)
        check("/server" in with_entry.stdout, with_entry.stdout)
        podman.stack(podman.model("a", words=["exit=127"]))
        podman.tranche(*podman.up_args()).fails(12, "a-0 ended: exit code 127")
        podman.assert_empty()
    finally:
        stand.run("podman", "untag", image)


if __name__ == "__main__":
    stand.main()
