#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The virtual driver against a tiny model of MIG in plain Python.

    model.py all            every set of instances that an A100 can hold: 298, and 723 with profile 15
    model.py random OPS     random operations from 8 processes at once, each on a card of its own
    model.py killed TIMES   a process that creates and destroys, killed at random moments

The model knows only the table below and the rules beside it; it shares no line with the driver. A
failure prints TR_SEED, which may be given back. TRANCHE comes from the build.
"""
import ctypes
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# An A100-80GB: id -> starts, memory slices, how many; and compute profiles (id -> slices, how many).
GI = {19: (range(7), 1, 7), 20: (range(7), 1, 1), 15: ((0, 2, 4, 6), 2, 4), 14: ((0, 2, 4), 2, 3),
      9: ((0, 4), 4, 2), 5: ((0,), 4, 1), 0: ((0,), 8, 1)}
CI = {19: {0: (1, 1)}, 20: {0: (1, 1)}, 14: {0: (1, 2), 1: (2, 1)},
      9: {0: (1, 3), 1: (2, 1), 2: (3, 1)}, 5: {0: (1, 4), 1: (2, 2), 3: (4, 1)}}
COMPUTE = {19: 1, 20: 1, 15: 1, 14: 2, 9: 3, 5: 4, 0: 7}
# The id of an instance is its place: halves, quarters and eighths of the chip.
ID = {(0, 8): 0, (0, 4): 1, (4, 4): 2, (0, 2): 3, (2, 2): 4, (4, 2): 5, (6, 2): 6,
      **{(s, 1): 7 + s for s in range(7)}}
SUCCESS, INVALID, NOT_FOUND, IN_USE, NO_ROOM = 0, 2, 6, 19, 23


class Card:
    """What the model believes of one card: {(profile, start): {ci id: ci profile}}."""

    def __init__(self):
        self.gis = {}

    def used(self):
        return {slice_ for profile, start in self.gis
                for slice_ in range(start, start + GI[profile][1])}

    def is_free(self, profile, start):
        return not self.used() & set(range(start, start + GI[profile][1]))

    def count(self, profile):
        return sum(1 for there, _ in self.gis if there == profile)

    def may(self, profile):
        return self.count(profile) < GI[profile][2]

    def capacity(self, profile):
        if not self.may(profile):
            return 0
        free = sum(self.is_free(profile, start) for start in GI[profile][0])
        return min(free, GI[profile][2] - self.count(profile))

    def choice(self, profile):
        """The free start that leaves the most; profile 15 takes its last place last."""
        if not self.may(profile):
            return None
        best = None
        for start in GI[profile][0]:
            if not self.is_free(profile, start):
                continue
            taken = self.used() | set(range(start, start + GI[profile][1]))
            left = sum(not taken & set(range(s, s + size)) for p, (starts, size, _) in GI.items()
                       if p != 20 for s in starts)
            rank = (profile == 15 and start == 6, -left, start)
            if best is None or rank < best:
                best = rank
        return best and best[2]

    def ci_may(self, gi, ci_profile):
        there = self.gis[gi].values()
        slices, most = CI[gi[0]][ci_profile]
        used = sum(CI[gi[0]][other][0] for other in there)
        return list(there).count(ci_profile) < most and used + slices <= COMPUTE[gi[0]]


class Driver:
    """The built library, as any client calls it."""

    def __init__(self, folder):
        self.lib = ctypes.CDLL(f"{folder}/libnvidia-ml.so.1")
        assert self("Init_v2") == SUCCESS

    def __call__(self, name, *args):
        return self.lib["nvml" + name](*args)

    def card(self, index):
        handle = ctypes.c_void_p()
        assert self("DeviceGetHandleByIndex_v2", index, ctypes.byref(handle)) == SUCCESS
        return handle

    def mode(self, card, on):
        activation = ctypes.c_int()
        r = self("DeviceSetMigMode", card, on, ctypes.byref(activation))
        return r or activation.value

    def create(self, card, profile, start=None):
        """A return code, and the instance's id and start."""
        gi, place = ctypes.c_void_p(), (ctypes.c_uint * 2)(start or 0, GI[profile][1])
        if start is None:
            r = self("DeviceCreateGpuInstance", card, profile, ctypes.byref(gi))
        else:
            r = self("DeviceCreateGpuInstanceWithPlacement", card, profile, place,
                     ctypes.byref(gi))
        return (r, self.info(gi)) if r == SUCCESS else (r, None)

    def info(self, gi):
        """id, profile, start, size"""
        info = (ctypes.c_uint * 6)()
        assert self("GpuInstanceGetInfo", gi, info) == SUCCESS
        return tuple(info[2:6])

    def by_id(self, card, gi_id):
        gi = ctypes.c_void_p()
        r = self("DeviceGetGpuInstanceById", card, gi_id, ctypes.byref(gi))
        return gi if r == SUCCESS else None

    def capacity(self, card, profile):
        n = ctypes.c_uint()
        assert self("DeviceGetGpuInstanceRemainingCapacity", card, profile,
                    ctypes.byref(n)) == SUCCESS
        return n.value

    def listed(self, card):
        """{(profile, start)} of all instances."""
        found = set()
        for profile, (_, _, most) in GI.items():
            room, n = (ctypes.c_void_p * most)(), ctypes.c_uint()
            assert self("DeviceGetGpuInstances", card, profile, room,
                        ctypes.byref(n)) == SUCCESS
            for i in range(n.value):
                found.add(self.info(ctypes.c_void_p(room[i]))[1:3])
        return found

    def clear(self, card):
        for gi_id in range(15):
            gi = self.by_id(card, gi_id)
            if not gi:
                continue
            for ci_id in range(8):
                ci = ctypes.c_void_p()
                if self("GpuInstanceGetComputeInstanceById", gi, ci_id,
                        ctypes.byref(ci)) == SUCCESS:
                    assert self("ComputeInstanceDestroy", ci) == SUCCESS
            assert self("GpuInstanceDestroy", gi) == SUCCESS


def check_set(driver, card, model):
    """Everything that can be asked of, or tried on, one set of instances."""
    assert driver.listed(card) == set(model.gis)
    for profile, (starts, size, _) in GI.items():
        assert driver.capacity(card, profile) == model.capacity(profile), (model.gis, profile)
        want = model.choice(profile)
        r, info = driver.create(card, profile)
        assert r == (NO_ROOM if want is None else SUCCESS), (model.gis, profile, r)
        if info:
            assert info == (ID[want, size], profile, want, size), (model.gis, profile, info, want)
            assert driver("GpuInstanceDestroy", driver.by_id(card, info[0])) == SUCCESS
        for start in range(9):
            r, info = driver.create(card, profile, start)
            want = (INVALID if start not in starts else
                    SUCCESS if model.may(profile) and model.is_free(profile, start) else NO_ROOM)
            assert r == want, (model.gis, profile, start, r, want)
            if info:
                assert driver("GpuInstanceDestroy", driver.by_id(card, info[0])) == SUCCESS


def every_set(profiles):
    """All sets of non-overlapping instances of these profiles."""
    places = [(p, s) for p in profiles for s in GI[p][0]]

    def grow(chosen, used, rest):
        yield chosen
        for i, (p, s) in enumerate(rest):
            mine = set(range(s, s + GI[p][1]))
            fits = sum(1 for q, _ in chosen if q == p) < GI[p][2]
            if fits and not mine & used:
                yield from grow([*chosen, (p, s)], used | mine, rest[i + 1:])

    return grow([], set(), places)


def run_all(driver):
    card = driver.card(0)
    assert driver.mode(card, 1) == SUCCESS
    plain = sum(1 for _ in every_set((19, 14, 9, 5, 0)))
    assert plain == 298, plain
    n = 0
    for chosen in every_set((19, 14, 9, 5, 0, 15)):
        driver.clear(card)
        model = Card()
        for profile, start in chosen:
            r, info = driver.create(card, profile, start)
            assert (r, info[0]) == (SUCCESS, ID[start, GI[profile][1]]), (chosen, r)
            model.gis[profile, start] = {}
        check_set(driver, card, model)
        n += 1
    assert n == 723, n


def random_step(driver, card, model, rng):
    """One operation, on both; they must agree on the outcome."""
    what = rng.random()
    if what < 0.35:
        profile = rng.choice(list(GI))
        start = rng.choice((None, rng.randrange(9)))
        if start is None:
            start_wanted = model.choice(profile)
            want = NO_ROOM if start_wanted is None else SUCCESS
        else:
            start_wanted = start
            want = (INVALID if start not in GI[profile][0] else SUCCESS
                    if model.may(profile) and model.is_free(profile, start) else NO_ROOM)
        r, info = driver.create(card, profile, start)
        assert r == want, ("create", model.gis, profile, start, r, want)
        if info:
            assert info[2] == start_wanted, ("create", model.gis, info)
            model.gis[profile, start_wanted] = {}
    elif what < 0.5 and model.gis:
        gi = rng.choice(list(model.gis))
        r = driver("GpuInstanceDestroy", driver.by_id(card, ID[gi[1], GI[gi[0]][1]]))
        assert r == (IN_USE if model.gis[gi] else SUCCESS), ("destroy", model.gis, gi, r)
        if r == SUCCESS:
            del model.gis[gi]
    elif what < 0.7 and any(gi[0] in CI for gi in model.gis):
        gi = rng.choice([gi for gi in model.gis if gi[0] in CI])
        ci_profile, ci = rng.choice(list(CI[gi[0]])), ctypes.c_void_p()
        r = driver("GpuInstanceCreateComputeInstance",
                   driver.by_id(card, ID[gi[1], GI[gi[0]][1]]), ci_profile, ctypes.byref(ci))
        if not model.ci_may(gi, ci_profile):
            assert r == NO_ROOM, ("ci", model.gis, gi, ci_profile, r)
        if r == SUCCESS:
            ci_id = next(i for i in range(8) if i not in model.gis[gi])
            model.gis[gi][ci_id] = ci_profile
        else:
            # Room that is there in numbers may lie in pieces: 2c between two 1c.
            assert r == NO_ROOM, ("ci", model.gis, gi, ci_profile, r)
    elif what < 0.85 and any(model.gis.values()):
        gi = rng.choice([gi for gi, cis in model.gis.items() if cis])
        ci_id, ci = rng.choice(list(model.gis[gi])), ctypes.c_void_p()
        r = driver("GpuInstanceGetComputeInstanceById",
                   driver.by_id(card, ID[gi[1], GI[gi[0]][1]]), ci_id, ctypes.byref(ci))
        assert r == SUCCESS and driver("ComputeInstanceDestroy", ci) == SUCCESS
        del model.gis[gi][ci_id]
    else:
        profile = rng.choice(list(GI))
        assert driver.capacity(card, profile) == model.capacity(profile), (model.gis, profile)
        n, mig = 0, ctypes.c_void_p()
        while driver("DeviceGetMigDeviceHandleByIndex", card, n, ctypes.byref(mig)) == SUCCESS:
            n += 1
        assert n == sum(map(len, model.gis.values())), ("devices", model.gis, n)


def in_child(work):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except AssertionError as error:
        print(f"# {error}", flush=True)
    finally:
        os._exit(status)


def run_random(driver, seed, n_ops):
    n_cards = 8

    def work(index):
        assert driver("Init_v2") == SUCCESS  # once more behind a fork
        rng, model, card = random.Random(seed * 100 + index), Card(), driver.card(index)
        for _ in range(n_ops // n_cards):
            random_step(driver, card, model, rng)
        assert driver.listed(card) == set(model.gis)

    for index in range(n_cards):
        assert driver.mode(driver.card(index), 1) == SUCCESS
    children = [in_child(lambda i=i: work(i)) for i in range(n_cards)]
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    assert statuses == [0] * n_cards, statuses


def run_killed(driver, seed, times):
    rng, card = random.Random(seed), driver.card(0)
    assert driver.mode(card, 1) == SUCCESS

    def work():
        assert driver("Init_v2") == SUCCESS
        mine = random.Random(rng.random())
        while True:
            driver.clear(card)
            model = Card()
            for _ in range(12):
                random_step(driver, card, model, mine)

    for _ in range(times):
        rng.random()
        pid = in_child(work)
        time.sleep(rng.random() * 0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        # Whole: it can be read, nothing overlaps, and everything can be taken away.
        there = driver.listed(card)
        slices = list(itertools.chain.from_iterable(range(s, s + GI[p][1]) for p, s in there))
        assert len(slices) == len(set(slices)), there
        driver.clear(card)
        assert driver.listed(card) == set()


def main():
    what = sys.argv[1]
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    seed = int(os.environ.get("TR_SEED", random.randrange(1 << 30)))
    room = tempfile.mkdtemp(prefix="tranche-model-")
    env = dict(os.environ, TRANCHE_RUN_DIR=f"{room}/run", TRANCHE_STATE_DIR=f"{room}/state")

    def tranche(*args):
        return subprocess.run([os.environ["TRANCHE"], *args], env=env, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    print(f"1..1\n# TR_SEED={seed}", flush=True)
    failed = False
    try:
        tranche("virtual", "create", "--name", "model", "a100-80gb:8")
        folder = json.loads(tranche("virtual", "list", "--json"))["nodes"][0]["library_dir"]
        driver = Driver(folder)
        if what == "all":
            run_all(driver)
        elif what == "random":
            run_random(driver, seed, number)
        else:
            run_killed(driver, seed, number)
    except AssertionError as error:
        failed = True
        print(f"# {error}")
    finally:
        shutil.rmtree(room)
    print(f"{'not ok' if failed else 'ok'} 1 - {' '.join(sys.argv[1:])}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
