#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`up` once more: what is as it should be is not touched, and of a changed file only what differs."""
import os
import shutil

import stand
from stand import check, equal, get


def identity(rows):
    """What stays while a server runs on."""
    return {n: (r["pid"], r["port"], r["since"], r["slice"]["uuid"]) for n, r in rows.items()}


def up_twice(place):
    place.node()
    place.stack(place.model("a", replicas=2), place.model("b", slice="2g.20gb"))
    place.up()
    before = identity(place.assert_holds("lab/a-0", "lab/a-1", "lab/b-0"))
    r = place.up()
    equal({word for word, _ in r.steps()}, {"kept"}, str(r))
    equal(identity(place.assert_holds("lab/a-0", "lab/a-1", "lab/b-0")), before)


def test_a_second_up_changes_nothing_in_containers(podman):
    up_twice(podman)


def test_a_second_up_changes_nothing_of_plain_processes(process):
    up_twice(process)


def of_a_changed_file(place):
    """One model stays, one gets other arguments, one another slice, one goes and one comes."""
    place.node()
    stays = place.model("stays")
    place.stack(stays, place.model("args"), place.model("slice"), place.model("goes"))
    place.up()
    before = place.assert_holds("lab/stays-0", "lab/args-0", "lab/slice-0", "lab/goes-0")
    place.stack(
        stays,
        place.model("args", words=["say=else"]),
        place.model("slice", slice="2g.20gb"),
        place.model("comes"),
    )
    r = place.up()
    after = place.assert_holds("lab/stays-0", "lab/args-0", "lab/slice-0", "lab/comes-0")
    equal(identity(after)["stays-0"], identity(before)["stays-0"])
    check(after["args-0"]["pid"] != before["args-0"]["pid"], "args-0 runs as before")
    equal(after["args-0"]["slice"]["uuid"], before["args-0"]["slice"]["uuid"])
    equal(after["slice-0"]["slice"]["profile"], "2g.20gb")
    check(("stopping", "goes-0: the file does not ask for it") in r.steps(), r)
    check(("stopping", "args-0: the file says otherwise now") in r.steps(), r)
    check(("kept", "stays-0: runs as it should") in r.steps(), r)


def test_a_changed_file_changes_what_differs_in_containers(podman):
    of_a_changed_file(podman)


def test_a_changed_file_changes_what_differs_of_plain_processes(process):
    of_a_changed_file(process)


def test_another_name_price_or_comment_changes_nothing(process):
    process.node()
    model = process.model("a")
    process.stack(model)
    process.up()
    before = process.pids()
    process.file(
        "# a comment\nversion: 1\nname: lab\nprice: {per_gpu_month: 9, currency: EUR}\nmodels:\n" + model
    )
    process.up()
    equal(process.pids(), before)


def test_a_changed_env_file_starts_the_server_anew(process):
    process.node()
    process.file("TOKEN=first\n", "hf.env")
    process.stack(process.model("a", env_file="hf.env"), process.model("b"))
    process.up()
    before = process.models()
    equal(get(before["a-0"]["port"], "env=TOKEN"), "first")
    process.file("TOKEN=second\n", "hf.env")
    process.up()
    after = process.assert_holds("lab/a-0", "lab/b-0")
    equal(get(after["a-0"]["port"], "env=TOKEN"), "second")
    equal(after["b-0"]["pid"], before["b-0"]["pid"])


def test_fewer_and_more_replicas_touch_no_others(process):
    process.node()
    for n in (3, 1, 2):
        process.stack(process.model("a", replicas=n))
        process.up()
        now = process.assert_holds(*["lab/a-%d" % i for i in range(n)])
        first = locals().get("first") or now["a-0"]["pid"]
        equal(now["a-0"]["pid"], first)


def two_ups(place, *files, names):
    runs = [place.start(*place.up_args("-f", f)) for f in files]
    ends = [r.end() for r in runs]
    for e in ends:
        equal(e.status, 0, str(e))
    place.assert_holds(*names)
    return ends


def test_two_stacks_at_once_both_hold(process):
    process.node()
    a = process.stack(process.model("m", words=["late=300"]), name="one", file="one.yaml")
    b = process.stack(process.model("m", words=["late=300"]), name="two", file="two.yaml")
    ends = two_ups(process, a, b, names=["one/m-0", "two/m-0"])
    waited = [e for e in ends if "another tranche is changing node" in e.err]
    equal(len(waited), 1, "\n".join(map(str, ends)))


def test_two_stacks_at_once_both_hold_in_containers(podman):
    podman.node()
    a = podman.stack(podman.model("m"), name="one", file="one.yaml")
    b = podman.stack(podman.model("m"), name="two", file="two.yaml")
    two_ups(podman, a, b, names=["one/m-0", "two/m-0"])


def test_the_same_stack_twice_at_once(process):
    process.node()
    f = process.stack(process.model("m", words=["late=300"]), process.model("n"))
    ends = two_ups(process, f, f, names=["lab/m-0", "lab/n-0"])
    kept = [e for e in ends if {word for word, _ in e.steps()} <= {"waiting", "kept"}]
    equal(len(kept), 1, "\n".join(map(str, ends)))


def test_one_down_while_the_other_comes_up(process):
    process.node()
    one = process.stack(process.model("m"), name="one", file="one.yaml")
    two = process.stack(process.model("m", words=["late=300"]), name="two", file="two.yaml")
    process.up("-f", one)
    up = process.start(*process.up_args("-f", two))
    down = process.start("down", "one")
    for r in (up.end(), down.end()):
        equal(r.status, 0, str(r))
    process.assert_holds("two/m-0")


def test_a_second_stack_runs_beside_the_first(process):
    process.node()
    one = process.stack(process.model("m", slice="3g.40gb"), name="one", file="one.yaml")
    two = process.stack(process.model("m", slice="2g.20gb"), name="two", file="two.yaml")
    process.up("-f", one)
    before = process.pids()
    process.up("-f", two)
    process.assert_holds("one/m-0", "two/m-0")
    process.down("two")
    equal(process.assert_holds("one/m-0")["m-0"]["pid"], before["m-0"])


def test_paths_in_the_file_start_from_its_folder(process):
    """Also when up, and what it keeps in its store, is called from elsewhere."""
    process.node()
    os.mkdir(os.path.join(process.work, "sub"))
    process.file("TOKEN=here\n", "sub/hf.env")
    process.stack(process.model("a", env_file="hf.env"), file="sub/tranche.yaml")
    process.up("-f", "sub/tranche.yaml")
    before = process.models()
    equal(get(before["a-0"]["port"], "env=TOKEN"), "here")
    process.work = process.dir
    process.ok("restart", "a")
    after = process.assert_holds("lab/a-0")
    equal(get(after["a-0"]["port"], "env=TOKEN"), "here")


def test_servers_are_stopped_beside_each_other(process):
    """Each ends only once all have been told to: in a row the first would be killed after its grace."""
    process.node()
    n = 5
    words = lambda i: ["together=%d/%d:%s" % (i, n, process.work)]  # noqa: E731
    process.stack(*[process.model("m%d" % i, words=words(i)) for i in range(n)])
    ended = lambda: sorted(f for f in os.listdir(process.work) if f.startswith("ended-"))  # noqa: E731
    process.up()
    process.ok("down", "lab")
    equal(ended(), ["ended-%d" % i for i in range(n)])
    process.assert_empty()
    # The same when a change stops them, and when what was begun is taken back.
    for f in os.listdir(process.work):
        if "-" in f:
            os.unlink(os.path.join(process.work, f))
    process.up()
    process.stack(process.model("bad", words=["exit=3"]))
    process.up(status=12)
    equal(ended(), ["ended-%d" % i for i in range(n)])


def test_an_image_is_asked_for_once(podman):
    """One with a hub's name, which would be pulled if it were not here."""
    local, podman.image = podman.image, "hub.invalid/tranche-e2e:%d" % os.getpid()
    bin_dir, log = podman.dir + "/asked", podman.dir + "/asked.log"
    os.mkdir(bin_dir)
    with open(bin_dir + "/podman", "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' % (log, shutil.which("podman")))
    os.chmod(bin_dir + "/podman", 0o755)
    podman.node()
    podman.env["PATH"] = bin_dir + ":" + podman.env["PATH"]
    podman.stack(podman.model("a"), podman.model("b"))
    equal(stand.run("podman", "tag", local, podman.image).returncode, 0)
    try:
        podman.up()
        podman.down("lab")
    finally:
        stand.run("podman", "untag", local, podman.image)
    with open(log, encoding="utf-8") as f:
        asked = [line for line in f if " image " in " " + line]
    equal(len(asked), 1, "".join(asked))


if __name__ == "__main__":
    stand.main()
