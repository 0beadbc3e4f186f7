#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every moment: the next `up` ends in the wanted state, with nothing orphaned."""
import contextlib
import os
import re
import signal
import time

import stand
from stand import check, equal, get, wait_for

LATE = "late=250"  # so that loading takes long enough to be killed in
WANTED = ("lab/a-0", "lab/b-0")

# How many lines up has told, and how long after the last of them it is killed. It tells MIG on,
# two cuts, two starts (as they begin), two that load, two that are ready.
MOMENTS = [(0, 0.0), (0, 0.03), (1, 0.0), (2, 0.0), (3, 0.0), (3, 0.15), (4, 0.0), (4, 0.2), (5, 0.0), (6, 0.1)]
MORE_MOMENTS = [(n, d) for n in range(9) for d in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.5)]


def lab(place):
    place.stack(place.model("a", words=[LATE]), place.model("b", slice="2g.20gb", words=[LATE]))


def kill_at(running, moment):
    """Kills it at a moment; False when it had ended by then."""
    lines, delay = moment
    running.wait_line(lines)
    time.sleep(delay)
    running.send(signal.SIGKILL)
    return running.end().status == -signal.SIGKILL


def up_killed(place, moments):
    place.node()
    lab(place)
    killed = 0
    for moment in moments:
        killed += kill_at(place.start(*place.up_args()), moment)
        r = place.up()
        try:
            place.assert_holds(*WANTED)
        except AssertionError as e:
            raise AssertionError("killed at %s, up again: %s\n%s" % (moment, r, e)) from e
        place.down("lab")
        if moment[0] < 2:
            place.ok("mig", "off")
        place.assert_empty()
    # With MIG on already there is a line less. All but those with a pause are killed at work.
    check(killed >= sum(1 for n, d in moments if n < 7 and d == 0.0), "%d killed" % killed)


def test_up_killed_at_ten_moments_with_containers(podman):
    up_killed(podman, MORE_MOMENTS if stand.IS_LONG else MOMENTS)


def test_up_killed_at_ten_moments_with_plain_processes(process):
    up_killed(process, MORE_MOMENTS if stand.IS_LONG else MOMENTS)


def change_killed(place, moments):
    """The same of a stack that runs already and is changed: one model stays, one is new."""
    place.node()
    first = place.model("a")
    for moment in moments:
        place.stack(first, place.model("goes"))
        place.up()
        before = place.pids()
        place.stack(first, place.model("b", slice="2g.20gb", words=[LATE]))
        kill_at(place.start(*place.up_args()), moment)
        r = place.up()
        try:
            equal(place.assert_holds(*WANTED)["a-0"]["pid"], before["a-0"])
        except AssertionError as e:
            raise AssertionError("killed at %s, up again: %s\n%s" % (moment, r, e)) from e


def test_change_killed_leaves_the_unchanged_alone(process):
    # It tells stop, kept, free, cut, start, loading, ready.
    change_killed(process, [(n, d) for n in range(7) for d in (0.0, 0.02)])


def test_down_after_a_killed_up_leaves_nothing(process):
    process.node()
    lab(process)
    for moment in MOMENTS[1:]:
        kill_at(process.start(*process.up_args()), moment)
        if process.json("ps")["models"] or process.rows():
            process.down("lab")
        process.assert_empty()


def test_down_after_a_killed_up_leaves_nothing_in_containers(podman):
    podman.node()
    lab(podman)
    for moment in [(3, 0.05), (4, 0.0), (4, 0.2)]:
        kill_at(podman.start(*podman.up_args()), moment)
        podman.down("lab")
        podman.assert_empty()


def down_killed(place, moments):
    """A killed down is ended by the next, or its stack brought back by the next up."""
    place.node()
    lab(place)
    for i, moment in enumerate(moments):
        place.up()
        kill_at(place.start("down", "lab"), moment)
        if i % 2:
            place.up()
            place.assert_holds(*WANTED)
        r = place.tranche("down", "lab")
        # One that came as far as forgetting the stack is done.
        check(r.status == 0 or (r.status == 3 and not place.rows()), r)
        place.assert_empty()


def test_down_killed_with_containers(podman):
    down_killed(podman, [(1, 0.0), (1, 0.1), (2, 0.1), (3, 0.0)])


def test_down_killed_with_plain_processes(process):
    down_killed(process, [(n, d) for n in range(5) for d in (0.0, 0.01)])


def test_create_killed_is_all_or_none(process):
    """What a killed create has cut is freed by the next change, unless it had cut all."""
    process.node()
    process.ok("mig", "on")
    process.stack(process.model("a"), name="other")
    profiles = ["1g.10gb"] * 5
    for n in range(7):
        kill_at(process.start("create", *profiles), (n, 0.0))
        process.up()
        slices = [s for s in process.slices() if not s.get("stack")]
        check(len(slices) in (0, len(profiles)), "killed at %d: %d slices" % (n, len(slices)))
        equal([row for row in process.rows() if not row[4]], [], "rows not confirmed")
        if slices:
            process.ok("destroy", *[s["uuid"] for s in slices])
        process.assert_holds("other/a-0")
        process.down("other")


def shims(place):
    return sorted(p for p, w in place.processes().items() if re.match(r"\S*tranche-shim ", w))


def test_killed_shims_server_goes_with_it_and_the_next_up_repairs(process):
    process.node()
    process.stack(process.model("a"), process.model("b"))
    process.up()
    before = process.models()
    pids = shims(process)
    equal(len(pids), 2)
    victim = [p for p in pids if "_a_0" in process.processes()[p]]
    os.kill(victim[0], signal.SIGKILL)
    gone = before["a-0"]["pid"]
    wait_for(lambda: gone not in process.servers(), "the end of the server")
    after = process.models()
    equal(after["a-0"]["state"], "exited")
    equal(after["b-0"]["pid"], before["b-0"]["pid"])
    equal(after["b-0"]["state"], "ready")
    process.up()
    after = process.assert_holds("lab/a-0", "lab/b-0")
    equal(after["b-0"]["pid"], before["b-0"]["pid"])
    equal(after["a-0"]["slice"]["uuid"], before["a-0"]["slice"]["uuid"])
    equal(len(shims(process)), 2)
    for pid in shims(process):
        os.kill(pid, signal.SIGKILL)
    process.down("lab")
    process.assert_empty()


def test_killed_conmon_is_repaired_by_the_next_up_with_containers(podman):
    podman.node()
    podman.stack(podman.model("a"), podman.model("b"))
    podman.up()
    before = podman.models()
    conmons = [p for p, w in podman.processes().items() if "conmon" in w.split()[0] and "_a_0" in w]
    check(conmons, podman.processes())
    for pid in conmons:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    equal(get(before["a-0"]["port"]), "ok")
    os.kill(before["a-0"]["pid"], signal.SIGKILL)
    wait_for(lambda: before["a-0"]["pid"] not in podman.servers(), "the end of the server")
    podman.up()
    after = podman.assert_holds("lab/a-0", "lab/b-0")
    equal(after["b-0"]["pid"], before["b-0"]["pid"])
    podman.down("lab")
    podman.assert_empty()


def test_server_killed_by_signal_is_told_and_started_again(process):
    process.node()
    process.stack(process.model("a"))
    process.up()
    os.kill(process.models()["a-0"]["pid"], signal.SIGKILL)
    row = wait_for(lambda: [r for r in process.models().values() if r["state"] == "exited"], "its end")
    equal(row[0]["why"], "signal 9 (Killed)")
    r = process.up()
    check(("cleaning", "a-0: it has ended") in r.steps(), r)
    process.assert_holds("lab/a-0")


def test_one_removed_behind_our_back_is_made_again_with_containers(podman):
    podman.node()
    podman.stack(podman.model("a"))
    podman.up()
    stand.run("podman", "rm", "-f", "-t", "0", podman.containers()[0])
    podman.up()
    podman.assert_holds("lab/a-0")


def test_slice_destroyed_behind_our_back_is_cut_again(process):
    """With MIG off and on again there is no slice, and the server has lost its own."""
    process.node()
    process.stack(process.model("a"))
    process.up()
    os.kill(process.models()["a-0"]["pid"], signal.SIGKILL)
    wait_for(lambda: not process.servers(), "the server's end")
    # As a person would, past the stack: tranche destroy refuses a stack's slice. What the server
    # leaves is cleared a moment after its end, and until then the driver says "in use".
    wait_for(lambda: process.tranche("smi", "mig", "-dci").status == 0, "the slice's being free")
    process.ok("smi", "mig", "-dgi")
    equal(process.slices(), [])
    process.up()
    process.assert_holds("lab/a-0")


if __name__ == "__main__":
    stand.main()
