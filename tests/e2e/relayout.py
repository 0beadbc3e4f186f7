#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A change of layout under a running stack, killed at each of its moments: --resume, or --abort.

After either: the old layout or the new one, no GPU instance without a compute instance, whoever had
not to leave still there, every model of the stack served, and no journal open.
"""
import os
import random
import signal

import stand
from stand import check, equal, get

KILLED = os.environ.get("KILLED") or os.path.join(stand.BUILD, "tests/e2e/tranche-killed")
SEED = int(os.environ.get("TR_TEST_SEED") or random.SystemRandom().randrange(1 << 31))
RANDOM = random.Random(SEED)
# One moment in so many, in the short run.
EVERY = 1 if stand.IS_LONG else 5
OPEN = "a change of layout to 'new' of "


def layout(place, name, *slices):
    place.file(
        "version: 1\nlayouts:\n  %s:\n    - gpus: [0]\n      slices: [%s]\n" % (name, ", ".join(slices)),
        name + ".yaml",
    )


def places(place):
    return sorted("%s:%d" % (s["profile"], s["start"]) for s in place.slices())


class Scene:
    """Model `stays` is left alone, `a` and `b` have to leave; an idle slice goes, one comes."""

    MODELS = ("a", "b", "stays")

    def __init__(self, place):
        self.place = place
        place.node()
        place.stack(*[place.model(n) for n in self.MODELS])
        place.up()
        models = place.models()
        self.stays = models["stays-0"]
        at = {n: models[n + "-0"]["slice"]["start"] for n in self.MODELS}
        to, idle = [s for s in (0, 2, 4) if s not in at.values() and s + 1 not in at.values()][:2]
        small = "1g.10gb:%d"
        self.old = sorted(["1g.20gb:%d" % idle] + [small % at[n] for n in self.MODELS])
        self.new = sorted(["2g.20gb:%d" % idle, small % at["stays"], small % to, small % (to + 1)])
        self.evict = {"new": "0:%d,0:%d" % (at["a"], at["b"]), "old": "0:%d,0:%d" % (to, to + 1)}
        place.ok("create", "1g.20gb:%d" % idle)
        layout(place, "old", *self.old)
        layout(place, "new", *self.new)
        equal(places(place), self.old)

    def apply_args(self, name):
        return ("apply", "-f", name + ".yaml", "--evict", self.evict[name])

    def check(self, what):
        """Which of the two stands; all else is as it must be."""
        place = self.place
        now = places(place)
        check(now in (self.old, self.new), what, now)
        equal([s for s in place.json("slices")["slices"] if not s["uuid"]], [], what)
        check("is open" not in place.ok("slices").err, what, "a journal is open")
        models = place.models()
        equal(sorted(models), [n + "-0" for n in self.MODELS], what)
        for model in models.values():
            equal(model["state"], "ready", what)
            equal(get(model["port"]), "ok", what)
        equal(models["stays-0"]["pid"], self.stays["pid"], what + ": the model that was not to be touched")
        equal(len(place.folders()), 3, what)
        equal(place.servers(), sorted(m["pid"] for m in models.values()), what)
        equal([r for r in place.rows() if not r[4]], [], what + ": rows that nobody confirmed")
        equal(sorted(r[1:4] for r in place.rows() if r[1]), [("lab", n, 0) for n in self.MODELS], what)
        equal(len(place.rows()), 4, what)
        return "old" if now == self.old else "new"

    def sweep(self, what):
        """The next change clears away what was left half-made: nothing of what stands."""
        before = {s["uuid"] for s in self.place.slices()}
        self.place.ok("create", "1g.10gb")
        more = {s["uuid"] for s in self.place.slices()} - before
        equal(len(more), 1, what)
        self.place.ok("destroy", more.pop())
        equal({s["uuid"] for s in self.place.slices()}, before, what)

    def go_to(self, name):
        if places(self.place) != getattr(self, name):
            self.place.ok(*self.apply_args(name))
        equal(self.check("made ready again"), name)


def run_killed(place, args, **env):
    return stand.run(KILLED, *args, env=dict(place.env, **env), cwd=place.work)


def count_moments(scene):
    path = os.path.join(scene.place.work, "count")
    r = run_killed(scene.place, scene.apply_args("new"), TRANCHE_KILL_COUNT=path)
    equal(r.returncode, 0, r.stderr)
    equal(scene.check("not killed"), "new")
    scene.go_to("old")
    with open(path, encoding="utf-8") as f:
        return int(f.read())


def kill_one(scene, at, args):
    """Kills the command at a moment; whether a change is open then. One that ended before is fine."""
    r = run_killed(scene.place, args, TRANCHE_KILL_AT=str(at))
    check(r.returncode in (-signal.SIGKILL, 0), r.returncode, r.stderr)
    return OPEN in scene.place.ok("slices").err


def finish(scene, way, is_open, what):
    """Goes on or back; which of the two layouts stands then."""
    r = scene.place.tranche("apply", "--" + way)
    try:
        equal(r.status, 0 if is_open else 3)
        stands = scene.check(what)
        if is_open:
            equal(stands, {"resume": "new", "abort": "old"}[way])
    except AssertionError as e:
        raise AssertionError("%s: %s\n%s" % (what, r, e)) from e


def killed_everywhere(place, way, every):
    scene = Scene(place)
    n = count_moments(scene)
    moments = range(1 + SEED % every, n + 1, every)
    n_open = 0
    check(n > 30, n, "moments")
    for at in moments:
        what = "killed at moment %d of %d, then --%s" % (at, n, way)
        is_open = kill_one(scene, at, scene.apply_args("new"))
        n_open += is_open
        finish(scene, way, is_open, what)
        scene.sweep(what)
        scene.go_to("old")
    check(n_open * 10 >= len(moments) * 7, "%d of %d were open" % (n_open, len(moments)))


def test_killed_and_resumed_the_new_layout_stands_and_serves(process):
    killed_everywhere(process, "resume", EVERY)


def test_killed_and_aborted_the_old_layout_stands_and_serves(process):
    killed_everywhere(process, "abort", EVERY)


def test_killed_and_resumed_in_containers(podman):
    killed_everywhere(podman, "resume", 6 * EVERY)


def test_killed_and_aborted_in_containers(podman):
    killed_everywhere(podman, "abort", 6 * EVERY)


def test_killed_again_on_its_way_on_or_back(process):
    scene = Scene(process)
    n = count_moments(scene)
    for _ in range(60 if stand.IS_LONG else 8):
        at, again = RANDOM.randrange(4, n), RANDOM.randrange(1, n)
        ways = [RANDOM.choice(["resume", "abort"]) for _ in range(2)]
        what = "killed at %d, --%s killed at %d, then --%s" % (at, ways[0], again, ways[1])
        if kill_one(scene, at, scene.apply_args("new")):
            is_open = kill_one(scene, again, ("apply", "--" + ways[0]))
            finish(scene, ways[1], is_open, what)
        scene.go_to("old")


def test_a_stack_taken_down_meanwhile_is_not_brought_back(process):
    for way, wanted in (("resume", "new"), ("abort", "old")):
        scene = Scene(process)
        n = count_moments(scene)
        check(kill_one(scene, n // 2, scene.apply_args("new")), "a change is open")
        process.down("lab")
        process.ok("apply", "--" + way)
        equal(places(process), getattr(scene, wanted))
        equal([r for r in process.rows() if r[1]], [], way)
        process.assert_no_servers()
        process.ok("virtual", "destroy", "--force", process.name)


# --- No kill, and yet not as it was meant ---


def test_a_step_that_fails_brings_back_the_model_that_had_left(process):
    scene = Scene(process)
    for call in ("nvmlDeviceCreateGpuInstanceWithPlacement:1", "nvmlGpuInstanceCreateComputeInstance:2"):
        process.ok("virtual", "fault", call + "=INSUFFICIENT_RESOURCES")
        r = process.tranche(*scene.apply_args("new"))
        r.fails(5, "what stood before stands again").says("stopping", "going back", "starting")
        process.ok("virtual", "fault", "--clear")
        equal(scene.check(call), "old")


def test_who_is_in_the_way_is_named_with_the_container(podman):
    podman.node()
    podman.stack(podman.model("a"))
    podman.up()
    row = podman.models()["a-0"]
    before = places(podman)
    ids = stand.run("podman", "ps", "-q", "--filter", "name=" + row["server"]).stdout.split()
    r = podman.tranche("apply", "all-7g.80gb")
    r.fails(8, "1g.10gb at 0:%d (stack 'lab', model 'a', pid %d (server) in container %s"
            % (row["slice"]["start"], row["pid"], ids[0]), "--evict 0:%d" % row["slice"]["start"])
    equal(places(podman), before)
    podman.assert_holds("lab/a-0")


def test_of_two_models_that_leave_the_one_with_a_new_slice_serves(process):
    process.node()
    process.stack(process.model("a"), process.model("b"))
    process.up()
    layout(process, "one", "4g.40gb:0", "2g.20gb:4", "1g.10gb:6")
    if "1g.10gb:6" in places(process):
        layout(process, "one", "1g.10gb:0", "2g.20gb:2", "3g.40gb:4")
    r = process.ok("apply", "-f", "one.yaml", "--evict", "all")
    check("has no slice in this layout: tranche up starts it where there is room" in r.err, r)
    r = process.models()
    equal(sorted(m["state"] for m in r.values()), ["missing", "ready"], str(r))
    equal(len(process.servers()), 1)
    # It is not forgotten: where there is no room that is said, where there is it comes back.
    served = [m["slice"] for m in r.values() if m["state"] == "ready"][0]
    layout(process, "room", "%s:%d" % (served["profile"], served["start"]))
    process.ok("apply", "-f", "room.yaml")
    process.up()
    equal(sorted(m["state"] for m in process.models().values()), ["ready", "ready"])


if __name__ == "__main__":
    print("# TR_TEST_SEED=%d" % SEED)
    stand.main()
