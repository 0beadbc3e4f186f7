#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real model servers on two slices: they answer at once, use memory, run out of it alone."""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import stand
from stand import check, equal, get, wait_for

N_TOKENS = 256


def llamas(place, name="llama"):
    """Two llama-servers; the demo's own models, from its own file."""
    with open(os.path.join(stand.ROOT, "demo/tranche.yaml"), encoding="utf-8") as f:
        text = f.read().replace("../build/models/", os.path.join(stand.ROOT, "build/models/"))
    return place.file(text.replace("name: demo", "name: " + name))


class Asked(threading.Thread):
    """One chat request, N_TOKENS long whatever the model would say, and when it was answered."""

    def __init__(self, row, gate):
        super().__init__()
        self.row, self.gate, self.reply, self.why = row, gate, None, None

    def run(self):
        body = {
            "model": self.row["model"],
            "messages": [{"role": "user", "content": "Hello!"}],
            "max_tokens": N_TOKENS,
            "ignore_eos": True,
        }
        conn = http.client.HTTPConnection("127.0.0.1", self.row["port"], timeout=60)
        try:
            conn.connect()
            self.gate.wait()
            self.begin = time.perf_counter()
            conn.request("POST", "/v1/chat/completions", json.dumps(body))
            answer = conn.getresponse()
            self.reply = json.loads(answer.read())
            self.end = time.perf_counter()
        except (OSError, ValueError, http.client.HTTPException) as e:
            self.why = repr(e)
        finally:
            conn.close()


def ask_both(rows):
    gate = threading.Barrier(len(rows))
    asked = [Asked(r, gate) for r in rows]
    for a in asked:
        a.start()
    for a in asked:
        a.join()
    return asked


def both_models_answer(place):
    place.node(scale=8)
    llamas(place)
    place.up()
    rows = sorted(place.assert_holds("llama/chat-0", "llama/coder-0").values(), key=lambda r: r["model"])
    equal(rows[0]["runtime"], place.runtime)
    asked = ask_both(rows)
    for a in asked:
        check(a.reply and "usage" in a.reply, a.row["model"], a.why, a.reply)
        # llama-server signs its answers with its build, "b4711-0123abc".
        fingerprint = a.reply["system_fingerprint"]
        check(fingerprint.startswith("b") and "-" in fingerprint, "fingerprint", fingerprint)
        equal(a.reply["model"], a.row["model"])
        usage = a.reply["usage"]
        equal(usage["completion_tokens"], N_TOKENS)
        check(usage["prompt_tokens"] > 1, usage)
        equal(usage["total_tokens"], N_TOKENS + usage["prompt_tokens"])
    texts = [a.reply["choices"][0]["message"]["content"] for a in asked]
    check(texts[0] != texts[1], "both said the same:", texts[0])
    both = min(a.end for a in asked) - max(a.begin for a in asked)
    shorter = min(a.end - a.begin for a in asked)
    check(both >= shorter / 2, "at once for %.3f s only, of %.3f s" % (both, shorter))
    memory_agrees(place)
    place.down()
    place.assert_empty()


def test_both_models_answer_at_the_same_time_in_containers(engine, engine_image, podman):
    both_models_answer(podman)


def test_both_models_answer_at_the_same_time_as_plain_processes(engine, process):
    both_models_answer(process)


def memory_agrees(place):
    """What ps shows is what the control groups say, times the scale. A server at work may change
    it between two looks: then look again."""
    import demo

    for _ in range(100):
        rows = place.models()
        before = {n: demo.cgroup_bytes(r["pid"]) * place.scale for n, r in rows.items()}
        shown = {n: r["slice"]["memory_used_bytes"] for n, r in place.models().items()}
        after = {n: demo.cgroup_bytes(r["pid"]) * place.scale for n, r in rows.items()}
        if before == shown == after:
            check(all(v > 0 for v in shown.values()), shown)
            return shown
        time.sleep(0.05)
    raise AssertionError("ps says %s, the control groups %s" % (shown, after))


def memory_follows(place):
    place.node(scale=64)
    place.stack(place.model("a", words=["eat=8"]), place.model("b", words=["eat=40"]))
    place.up()
    before = memory_agrees(place)
    check(before["b-0"] - before["a-0"] >= 24 * place.scale << 20, before)
    get(place.models()["a-0"]["port"], "eat=32")
    after = memory_agrees(place)
    check(after["a-0"] - before["a-0"] >= 32 * place.scale << 20, before, after)
    equal(after["b-0"], before["b-0"])


def test_memory_shown_is_what_the_control_group_says_in_containers(podman):
    memory_follows(podman)


def test_memory_shown_is_what_the_control_group_says_of_plain_processes(process):
    memory_follows(process)


class Asking(threading.Thread):
    """Asks a server again and again until it is told to stop."""

    def __init__(self, port):
        super().__init__()
        self.port, self.answered, self.failed, self.stopped = port, 0, [], False

    def run(self):
        while not self.stopped:
            try:
                check(get(self.port) == "ok", "not ok")
                self.answered += 1
            except (OSError, http.client.HTTPException, AssertionError) as e:
                self.failed.append(repr(e))
            time.sleep(0.005)

    def goes_on(self):
        """It is answered some more times from here on."""
        wanted = self.answered + 5
        wait_for(lambda: self.answered >= wanted or self.failed, "answers of the other slice")


def an_eater_dies_alone(place):
    place.node(scale=128)  # 76 MiB a slice
    place.stack(place.model("eater"), place.model("other"))
    place.up()
    before = place.models()
    asking = Asking(before["other-0"]["port"])
    asking.start()
    try:
        asking.goes_on()
        try:
            get(before["eater-0"]["port"], "eat=300")
            raise AssertionError("300 MiB fitted into a slice of 76")
        except (OSError, http.client.HTTPException):
            pass
        eater = wait_for(
            lambda: [r for r in place.models().values() if r["state"] == "exited"], "the eater's end"
        )
        asking.goes_on()
        equal([r["model"] for r in eater], ["eater"])
        equal(eater[0]["why"], "out of memory in its slice")
        r = place.ok("ps")
        check("lab/eater-0: out of memory in its slice" in r.out, r.out)
        r = place.up()
        asking.goes_on()
        check(("kept", "other-0: runs as it should") in r.steps(), r)
    finally:
        asking.stopped = True
        asking.join()
    equal(asking.failed, [])
    after = place.assert_holds("lab/eater-0", "lab/other-0")
    equal(after["other-0"]["pid"], before["other-0"]["pid"])
    check(after["eater-0"]["pid"] != before["eater-0"]["pid"], "the eater was not started again")
    equal(after["eater-0"]["slice"]["uuid"], before["eater-0"]["slice"]["uuid"])


def test_a_memory_eater_is_killed_alone_in_containers(podman):
    an_eater_dies_alone(podman)


def test_a_memory_eater_is_killed_alone_as_a_plain_process(process):
    an_eater_dies_alone(process)


def demo_run(folder, name):
    env = dict(os.environ, TRANCHE_DEMO_NAME=name, TRANCHE_BUILD=stand.BUILD)
    env.update(TRANCHE_RUN_DIR=folder + "/run", TRANCHE_STATE_DIR=folder + "/state")
    return subprocess.Popen(
        [sys.executable, os.path.join(stand.ROOT, "demo/demo.py")],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_whole_demo_twice_at_the_same_time(engine):
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as folder:
        runs = [demo_run(folder, "e2edemo%d%s" % (os.getpid(), x)) for x in "ab"]
        try:
            said = [r.communicate(timeout=120)[0] for r in runs]
        finally:
            for r in runs:
                if r.poll() is None:
                    r.terminate()
                    r.communicate()
    for r, text in zip(runs, said):
        equal(r.returncode, 0, text)
        check("every step held" in text.splitlines()[-1], text)


if __name__ == "__main__":
    stand.main()
