#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C during `up`: what was started is stopped, what stood before is untouched."""
import signal
import time

import stand
from stand import check, equal, free_port, get

# After how many lines, and how long after the last one.
MOMENTS = [(1, 0.0), (2, 0.0), (4, 0.0), (5, 0.05), (7, 0.1)]
LATE = "late=2000"  # never ready before it is interrupted


def interrupt(place, moment, signum=signal.SIGINT):
    running = place.start(*place.up_args())
    running.wait_line(moment[0])
    time.sleep(moment[1])
    running.send(signum)
    r = running.end()
    equal(r.status, 130, "interrupted at %s: %s" % (moment, r))
    equal(r.out, "")
    r.says("stopping: what was begun is undone", "tranche: ", "interrupted")
    return r


def first_up(place, moments):
    """Beside another stack, which notices nothing."""
    place.node(stand.CARD + ":2")
    place.stack(place.model("m", gpu=1), name="other", file="other.yaml")
    place.up("-f", "other.yaml")
    before = place.models()
    place.stack(place.model("a", words=[LATE], gpu=0), place.model("b", words=[LATE], gpu=0))
    for moment in moments:
        r = interrupt(place, moment)
        try:
            after = place.assert_holds("other/m-0")
            equal(after["m-0"]["pid"], before["m-0"]["pid"])
            equal([g["mig_on"] for g in place.json("gpus")["gpus"]], [False, True])
        except AssertionError as e:
            raise AssertionError("interrupted at %s: %s\n%s" % (moment, r, e)) from e
    place.tranche("down", "lab").fails(3, "there is no stack 'lab'")


def test_what_a_first_up_began_is_taken_back(process):
    first_up(process, MOMENTS)


def test_what_a_first_up_began_is_taken_back_in_containers(podman):
    first_up(podman, [(3, 0.0), (4, 0.1), (7, 0.1)])


def of_a_change(place, moments):
    """What ran before comes back, on its old port; what was not touched runs on."""
    place.node()
    port = free_port()
    stays = place.model("stays")
    old = place.model("b", port=port), place.model("goes")
    place.stack(stays, *old)
    place.up()
    before = place.models()
    for moment in moments:
        place.stack(stays, place.model("b", port=port, slice="2g.20gb", words=[LATE]), place.model("new"))
        r = interrupt(place, moment)
        try:
            after = place.assert_holds("lab/stays-0", "lab/b-0", "lab/goes-0")
            equal(after["stays-0"]["pid"], before["stays-0"]["pid"])
            equal(after["b-0"]["slice"]["profile"], "1g.10gb")
            equal(get(port), "ok")
        except AssertionError as e:
            raise AssertionError("interrupted at %s: %s\n%s" % (moment, r, e)) from e
    place.stack(stays, *old)
    r = place.up()
    equal({word for word, _ in r.steps()}, {"kept"}, str(r))


def test_what_stood_before_a_change_comes_back(process):
    # It tells kept, two stops, two that are freed, two cuts, two starts, two that load.
    of_a_change(process, [(1, 0.0), (2, 0.0), (4, 0.0), (6, 0.0), (8, 0.0), (10, 0.05), (11, 0.05)])


def test_what_stood_before_a_change_comes_back_in_containers(podman):
    of_a_change(podman, [(3, 0.0), (8, 0.1), (11, 0.05)])


def test_other_signals_that_ask_to_end_do_the_same(process):
    process.node()
    process.stack(process.model("a", words=[LATE]))
    for signum in (signal.SIGTERM, signal.SIGHUP):
        interrupt(process, (4, 0.05), signum)
        process.assert_empty()


def test_a_second_ctrl_c_waits_for_the_first(process):
    process.node()
    process.stack(process.model("a", words=["stubborn", LATE]))
    running = process.start(*process.up_args("--grace", "1"))
    running.wait_line(4)
    running.send(signal.SIGINT)
    running.wait_word("taken back")
    running.send(signal.SIGINT)
    r = running.end()
    equal(r.status, 130, str(r))
    r.says("still stopping")
    process.assert_empty()


def test_ctrl_c_while_waiting_for_another_tranche_leaves_that_alone(process):
    process.node()
    process.stack(process.model("a", words=["late=1500"]))
    process.stack(process.model("b"), name="second", file="second.yaml")
    first = process.start(*process.up_args())
    first.wait_word("loading")
    second = process.start(*process.up_args("-f", "second.yaml"))
    second.wait_word("another tranche is changing node")
    second.send(signal.SIGINT)
    r = second.end()
    equal(r.status, 130, str(r))
    r = first.end()
    equal(r.status, 0, str(r))
    process.assert_holds("lab/a-0")


def test_ctrl_c_during_create_frees_what_it_cut(process):
    process.node()
    process.ok("mig", "on")
    for n in (1, 3, 5):
        running = process.start("create", *["1g.10gb"] * 7)
        running.wait_line(n)
        running.send(signal.SIGINT)
        r = running.end()
        check(r.status in (0, 130), r)
        equal(len(process.slices()), 0 if r.status else 7, str(r))
        if r.status == 0:
            process.ok("destroy", "--all")


if __name__ == "__main__":
    stand.main()
