#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The usual guide's walk, line by line as it is typed, on a virtual node: `nvidia-smi` is `tranche
smi`, the image is one that stands in vLLM's place; all else is docker's, curl's and the shell's own."""
import json
import re
import sys

import dockerd
import stand
from docker import IMAGE, Dock, is_up
from stand import check, equal, seen, wait_for

CHAT = (
    "curl -s http://localhost:%d/v1/chat/completions -H 'Content-Type: application/json' -d "
    """'{"model": "Qwen/Qwen3-4B", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 50}'"""
)
TWO_MODELS = (
    'docker run -d --gpus "device=$SLICE0" --name model-slice-0 -p 8000:8000 vllm/vllm-openai:latest --model Qwen/Qwen3-4B',
    'docker run -d --gpus "device=$SLICE1" --name model-slice-1 -p 8001:8000 vllm/vllm-openai:latest --model Qwen/Qwen3-4B',
)
PLACEMENTS = """GPU  0 Profile ID 19 Placements: {0,1,2,3,4,5,6}:1
GPU  0 Profile ID 20 Placements: {0,1,2,3,4,5,6}:1
GPU  0 Profile ID 15 Placements: {0,2,4,6}:2
GPU  0 Profile ID 14 Placements: {0,2,4}:2
GPU  0 Profile ID  9 Placements: {0,4}:4
GPU  0 Profile ID  5 Placement : {0}:4
GPU  0 Profile ID  0 Placement : {0}:8
"""


class Walk:
    """Types lines into a shell."""

    def __init__(self, dock, run_dir):
        self.env = dict(dock.d.env, **{k: dock.s.env[k] for k in ("TRANCHE_NODE", "TRANCHE_RUN_DIR", "TRANCHE_STATE_DIR")})
        self.env["PATH"] = run_dir + ":" + self.env["PATH"]
        self.dock, self.containers = dock, []

    def type(self, line, fails=False):
        """What it prints, both streams."""
        line = line.replace("nvidia-smi", "tranche smi")
        r = stand.run("sh", "-c", line, env=self.env, timeout=120)
        check((r.returncode != 0) == fails, "$ " + line, r.stdout, r.stderr, self.dock.d.log() if not fails else "")
        # All but what says that this is no real card.
        return (r.stdout + r.stderr).replace("tranche: virtual\n", "")

    def uuids(self):
        """As one copies them from `nvidia-smi -L`."""
        said = self.type("nvidia-smi -L")
        check(re.match(r"GPU 0: NVIDIA A100-SXM4-80GB \(UUID: GPU-[0-9a-f-]{36}\)\n", said), said)
        return re.findall(r"^  MIG (\S+) +Device +\d+: \(UUID: (MIG-[0-9a-f-]{36})\)$", said, re.M)

    def remove_all(self):
        self.type("nvidia-smi mig -i 0 -dci")
        self.type("nvidia-smi mig -i 0 -dgi")
        equal(self.uuids(), [], "slices")


def on_path(s):
    """The program as `tranche`, wherever it was built."""
    path = s.dir + "/path"
    stand.run("mkdir", path, check=True)
    stand.run("ln", "-s", stand.TRANCHE, path + "/tranche", check=True)
    return path


def begin(process):
    dock = Dock(process)
    process.ok("mig", "off")
    return dock, Walk(dock, on_path(process))


def test_two_models_on_one_card(process):
    dock, walk = begin(process)
    with dock:
        # Is the card able: the column "MIG M."
        said = walk.type("nvidia-smi")
        check("MIG M." in said and "NVIDIA A100-SXM4-80GB" in said, said)
        check(re.search(r"\|\s+Disabled \|", said), said)
        check("nabled persistence mode for GPU" in walk.type("nvidia-smi -pm 1"))
        check("Enabled MIG Mode for GPU 00000000:" in walk.type("nvidia-smi -i 0 -mig 1"))
        check(re.search(r"\|\s+Enabled \|", walk.type("nvidia-smi")))
        check("No MIG devices found" in walk.type("nvidia-smi"))
        equal(walk.type("nvidia-smi mig -lgipp"), PLACEMENTS)
        said = walk.type("nvidia-smi mig -i 0 -cgi 15,15 -C")
        for kind, profile in (("GPU", "MIG 1g.20gb (ID 15)"), ("compute", "MIG 1g.20gb (ID  0)")):
            equal(len(re.findall(r"Successfully created %s instance ID +\d+ on GPU +0 .*using profile %s"
                                 % (kind, re.escape(profile)), said)), 2, said)
        slices = walk.uuids()
        equal([p for p, _ in slices], ["1g.20gb", "1g.20gb"])
        for i, (_, uuid) in enumerate(slices):
            walk.env["SLICE%d" % i] = uuid
            walk.type(TWO_MODELS[i])
            wait_for(lambda port=8000 + i: is_up(port), "an answer")
        # Both at once.
        said = walk.type("(%s & %s & wait)" % (CHAT % 8000, CHAT % 8001))
        answers = re.findall(r'\{"model".*?\}\]\}', said)
        equal([json.loads(a)["model"] for a in answers], ["Qwen/Qwen3-4B"] * 2, said)
        for i, (_, uuid) in enumerate(slices):
            found = seen(walk.type("curl -s http://localhost:%d/see" % (8000 + i)))
            equal([m.split()[0] for m in found["mig"]], [uuid], "each sees only its slice")
        check_watch(process, walk)
        # Slices that somebody is on stay.
        check("In use by another client" in walk.type("nvidia-smi mig -i 0 -dci", fails=True))
        check("In use by another client" in walk.type("nvidia-smi mig -i 0 -dgi", fails=True))
        equal(len(walk.uuids()), 2)
        walk.type("docker stop model-slice-0 model-slice-1; docker rm model-slice-0 model-slice-1")
        # The guide's stray 0, and the step that it leaves out.
        said = walk.type("nvidia-smi mig -i 0 -dgi 0", fails=True)
        check("-dgi" in said and "0" in said and "-i" in said, said)
        check("In use by another client" in walk.type("nvidia-smi mig -i 0 -dgi", fails=True))
        walk.remove_all()
        check("Disabled MIG Mode for GPU 00000000:" in walk.type("nvidia-smi -i 0 -mig 0"))
        check(re.search(r"\|\s+Disabled \|", walk.type("nvidia-smi")))
        equal(dock.d.ok("ps", "-aq"), "", "containers")


def check_watch(process, walk):
    """The table's MIG section: used of total, and who is on each."""
    said = walk.type("nvidia-smi")
    section = said[said.index("MIG devices:"):]
    rows = re.findall(r"^\|\s+0\s+(\d+)\s+(\d+)\s+(\d+)\s+\|\s+(\d+)MiB / (\d+)MiB", section, re.M)
    equal([int(r[4]) for r in rows], [19968, 19968], said)
    slices = {r["uuid"]: r for r in process.slices()}
    pids = sorted(p["pid"] for r in slices.values() for p in r["processes"])
    listed = re.findall(r"^\|\s+0\s+(\d+)\s+(\d+)\s+(\d+)\s+C\s+(\S+)\s+(\d+)MiB \|", said[said.index("Processes:"):], re.M)
    equal(sorted(int(p[2]) for p in listed), pids, said)
    equal(sorted((p[0], p[1]) for p in listed), sorted((r[0], r[1]) for r in rows), "the instances that they are on")
    check(all(int(p[4]) >= 0 for p in listed), said)


def test_four_small_models(process):
    dock, walk = begin(process)
    with dock:
        walk.type("nvidia-smi -i 0 -mig 1")
        walk.type("nvidia-smi mig -i 0 -cgi 19,19,19,19 -C")
        slices = walk.uuids()
        equal([p for p, _ in slices], ["1g.10gb"] * 4)
        walk.type("""
            i=0
            for SLICE in $(nvidia-smi -L | grep -o 'MIG-[0-9a-f-]*'); do
              docker run -d --gpus "device=$SLICE" --name model-slice-$i -p $((8000 + i)):8000 \\
                vllm/vllm-openai:latest --model Qwen/Qwen3-1.7B || exit 1
              i=$((i + 1))
            done
        """)
        owners = set()
        for i in range(4):
            wait_for(lambda port=8000 + i: is_up(port), "an answer")
            found = seen(walk.type("curl -s http://localhost:%d/see" % (8000 + i)))
            equal(len(found["mig"]), 1, "slices that a container sees")
            owners.add(found["mig"][0].split()[0])
        equal(owners, {u for _, u in slices}, "each has one of its own")
        walk.type("docker stop $(docker ps -q); docker rm $(docker ps -aq)")
        walk.remove_all()


def test_one_large_and_two_small_models(process):
    dock, walk = begin(process)
    with dock:
        walk.type("nvidia-smi -i 0 -mig 1")
        walk.type("nvidia-smi mig -i 0 -cgi 9,19,19 -C")
        slices = walk.uuids()
        equal(sorted(p for p, _ in slices), ["1g.10gb", "1g.10gb", "3g.40gb"])
        for i, (profile, uuid) in enumerate(slices):
            model = "Qwen/Qwen3-14B" if profile == "3g.40gb" else "Qwen/Qwen3-1.7B"
            walk.type('docker run -d --gpus "device=%s" --name m%d -p %d:8000 %s --model %s'
                      % (uuid, i, 8000 + i, IMAGE, model))
            wait_for(lambda port=8000 + i: is_up(port), "an answer")
            said = walk.type((CHAT % (8000 + i)).replace("Qwen/Qwen3-4B", model))
            equal(json.loads(said)["model"], model, said)
            got = seen(walk.type("curl -s http://localhost:%d/see" % (8000 + i)))["mig"]
            equal(got, ["%s %d" % (uuid, (40192 if profile == "3g.40gb" else 9728) << 20)])
        walk.type("docker stop $(docker ps -q); docker rm $(docker ps -aq)")
        walk.remove_all()
        walk.type("nvidia-smi -i 0 -mig 0")


if __name__ == "__main__":
    try:
        dockerd.need()
        dockerd.apart()
    except stand.Skip as why:
        print("1..0 # SKIP %s" % why)
        sys.exit(0)
    stand.main()
