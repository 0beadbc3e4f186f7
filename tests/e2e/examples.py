#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files in examples/: those for real cards plan what they say; their virtual twins come up and
answer. And an image in vLLM's place says what it was started with."""
import json
import os
import re
import shlex
import shutil
import tempfile
import urllib.request

import stand
from stand import Podman, Skip, check, equal, get

EXAMPLES = os.path.join(stand.ROOT, "examples")
STANDIN = os.environ.get("STANDIN") or os.path.join(stand.BUILD, "tests/e2e/e2e_standin")


def example(place, name):
    """A copy of an example that means the same from here, with the ports of nobody else."""
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        text = f.read().replace("../build/models/", os.path.join(stand.ROOT, "build/models/"))
    moved = stand.free_port()
    text = re.sub(r"port: 80(\d\d)", lambda m: "port: %d" % (moved + int(m[1])), text)
    return place.file(text, name), moved


def plan(name, card=stand.CARD):
    """What a dry run on such a virtual card would do, without what differs from machine to machine."""
    place = stand.Stand("podman", image="none")
    try:
        place.node(card, scale=1)
        r = place.tranche("up", "--dry-run", "--runtime", "podman", "-f", os.path.join(EXAMPLES, name))
        if "podman is not installed" in r.err:
            raise Skip("podman is not installed")
        equal(r.status, 0, str(r))
    finally:
        wrong = place.close()
    check(not wrong, wrong)
    lines = []
    for line in r.out.splitlines():
        if line.startswith("nvidia-smi"):
            lines.append(line)
        elif line.startswith("podman "):
            lines.append(re.sub(r"^podman .* (docker\.io/)", r"podman run \1", line))
    return "\n".join(lines)


def vllm(port, model, length, name):
    return (
        "podman run docker.io/vllm/vllm-openai:v0.11.0 --host 127.0.0.1 --port %d --served-model-name %s %s"
        " --model %s --gpu-memory-utilization 0.90 %s" % (port, name, model, model, length)
    )


def test_two_20gb_plans_two_slices_of_profile_14():
    model = "Qwen/Qwen3-4B"
    want = ["nvidia-smi -i 0 -mig 1", "nvidia-smi mig -i 0 -cgi 14:4 -C", "nvidia-smi mig -i 0 -cgi 14:2 -C"]
    want += [vllm(p, model, "--max-model-len 8192", "chat") for p in (8000, 8001)]
    same(plan("two-20gb.yaml"), want)


def test_four_10gb_plans_four_slices_of_profile_19():
    model = "Qwen/Qwen3-1.7B"
    got = plan("four-10gb.yaml")
    starts = re.findall(r"-cgi 19:(\d) -C", got)
    equal(len(set(starts)), 4, got)
    want = ["nvidia-smi -i 0 -mig 1"] + ["nvidia-smi mig -i 0 -cgi 19:%s -C" % s for s in starts]
    want += [vllm(p, model, "--max-model-len 4096", "small") for p in range(8000, 8004)]
    same(got, want)


def test_mixed_plans_one_large_and_two_small():
    got = plan("mixed-40-10-10.yaml")
    equal(sorted(re.findall(r"-cgi (\d+):", got)), ["19", "19", "9"], got)
    check("--port 8000 --served-model-name large Qwen/Qwen3-14B" in got, got)
    check(got.count("--max-model-len 16384") == 1 and got.count("--max-model-len 4096") == 2, got)


def same(got, want):
    got, want = sorted(got.splitlines()), sorted(want)
    for line in want:
        if line not in got and "-cgi" not in line:
            check(False, "not planned:", line, "\nbut:", "\n".join(got))
    equal(len(got), len(want), "\n".join(got))
    equal(
        sorted(re.sub(r":\d", "", x) for x in got if "-cgi" in x),
        sorted(re.sub(r":\d", "", x) for x in want if "-cgi" in x),
    )


def ask(port, model):
    body = {"model": model, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 16}
    request = urllib.request.Request(
        "http://127.0.0.1:%d/v1/chat/completions" % port,
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def twin(place, name, stack, profiles):
    """Comes up on exactly these slices; every server answers on its port; goes without a trace."""
    place.node(scale=8)
    file, moved = example(place, name)
    place.up("-f", file)
    rows = place.models(stack)
    equal(sorted(r["slice"]["profile"] for r in rows.values()), sorted(profiles))
    equal(sorted(r["port"] for r in rows.values()), [moved + i for i in range(len(profiles))])
    for row in rows.values():
        equal(row["state"], "ready")
        check(ask(row["port"], row["model"])["choices"][0]["message"]["role"] == "assistant", row)
    cost = place.json("cost", stack)
    equal(round(cost["total"]["price"]), 1380, "the whole card is paid for")
    equal(round(cost["gpu_each"]["price"]), 1380 * len(profiles))
    place.down(stack)
    place.assert_empty()


def test_h100_by_memory_plans_the_smallest_slices_that_hold_it():
    got = plan("h100-by-memory.yaml", "h100-sxm5-80gb")
    equal(sorted(re.findall(r"-cgi (\d+):", got)), ["15", "15", "19"], got)


def test_every_example_is_named_by_a_case():
    with open(__file__, encoding="utf-8") as f:
        cases = f.read()
    names = [n for n in os.listdir(EXAMPLES) if n.endswith(".yaml")]
    check(len(names) >= 9, names)
    equal([n for n in names if '"%s"' % n not in cases], [], "examples that no case runs")


def test_virtual_two_20gb_comes_up_and_answers(engine, process):
    twin(process, "virtual-two-20gb.yaml", "two-20gb", ["2g.20gb"] * 2)


def test_virtual_four_10gb_comes_up_and_answers(engine, process):
    twin(process, "virtual-four-10gb.yaml", "four-10gb", ["1g.10gb"] * 4)


def test_virtual_mixed_comes_up_and_answers(engine, process):
    twin(process, "virtual-mixed-40-10-10.yaml", "mixed", ["3g.40gb", "1g.10gb", "1g.10gb"])


def test_virtual_by_memory_comes_up(engine, process):
    process.node(scale=8)
    process.up("-f", example(process, "virtual-by-memory.yaml")[0])
    rows = process.models("by-memory")
    equal(sorted(r["slice"]["profile"] for r in rows.values()), ["1g.10gb", "1g.20gb", "1g.20gb"])


def test_any_program_comes_up(process):
    path = os.path.join(process.dir, "bin", "python3")
    with open(path, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nexec "%s" "$@"\n' % os.path.realpath(os.sys.executable))
    os.chmod(path, 0o755)
    process.node()
    process.up("-f", os.path.join(EXAMPLES, "command.yaml"))
    row = process.models("any-program")["files-0"]
    check("Directory listing" in get(row["port"]), row)


def test_the_guides_commands_work_in_order(engine, process):
    """Every `$ tranche` line of docs/guide.md, as it stands but for ports and folders."""
    with open(os.path.join(stand.ROOT, "docs/guide.md"), encoding="utf-8") as f:
        lines = re.findall(r"^\$ tranche (.*)$", f.read(), re.M)
    check(len(lines) > 10, lines)
    process.node(scale=8)
    for line in lines:
        words = shlex.split(line)
        for i, word in enumerate(words):
            if word.startswith("examples/"):
                words[i] = example(process, os.path.basename(word))[0]
        if words[0] == "up":
            words += ["--runtime", "process"]
        process.ok(*words)
    equal(process.slices(), [], "what is left")


def test_the_guides_table_of_sizes_is_the_facts():
    with open(os.path.join(stand.ROOT, "docs/guide.md"), encoding="utf-8") as f:
        rows = re.findall(r"^\| (\d+) \| (.*) \| (.*) \| (.*) \|$", f.read(), re.M)
    equal(sorted(int(r[0]) for r in rows), [0, 5, 9, 14, 15, 19])
    for column, card in enumerate(("a100-sxm4-80gb", "h100-sxm5-80gb", "h200-sxm-141gb"), 1):
        place = stand.Stand("process")
        try:
            place.node(card, scale=1)
            profiles = {p["id"]: p for p in place.json("profiles")["profiles"]}
        finally:
            wrong = place.close()
        check(not wrong, wrong)
        for row in rows:
            says, profile = row[column].split(", "), profiles[int(row[0])]
            equal(says[0], profile["name"], card)
            equal(says[-1], "%d SMs" % profile["sm"], card)
            if len(says) == 3:
                gib = float(says[1].removesuffix(" GiB"))
                check(abs(gib - profile["memory_mib"] / 1024) < 0.06, card, row[0], profile["memory_mib"])


# --- An image in vLLM's place ----------------------------------------------------------------------


def make_standin():
    Podman.need()
    image = "localhost/tranche-standin:%d" % os.getpid()
    with tempfile.TemporaryDirectory(prefix="tranche-e2e-") as d:
        shutil.copy(STANDIN, d + "/standin")
        stand.run("tar", "-C", d, "-cf", d + "/image.tar", "standin", check=True)
        r = stand.run("podman", "import", "--change", 'ENTRYPOINT ["/standin"]', d + "/image.tar", image)
    equal(r.returncode, 0, r.stderr)
    return image


def given(port):
    """{kind: [texts]} of what a stand-in was started with."""
    found = {}
    for line in get(port).splitlines():
        kind, _, text = line.partition(" ")
        found.setdefault(kind, []).append(text)
    return found


STACK = """version: 1
name: lab
models:
  chat:
    model: Qwen/Qwen3-4B
    engine: vllm
    image: %s
    slice: 2g.20gb
    replicas: 2
    env_file: hf.env
    env: {VLLM_LOGGING_LEVEL: DEBUG}
    cache: cache
    args: [--enable-prefix-caching]
"""


def test_an_image_in_vllms_place_is_given_its_slice_and_nothing_more_in_container(podman):
    image = make_standin()
    try:
        podman.node(scale=64)
        podman.file("HF_TOKEN=hf_secret\n", "hf.env")
        podman.file(STACK % image)
        planned = podman.ok(*podman.up_args("--dry-run")).out
        check("hf_secret" not in planned and "DEBUG" not in planned, planned)
        podman.up()
        rows = podman.models("lab")
        equal(sorted(rows), ["chat-0", "chat-1"])
        for row in rows.values():
            check_standin(podman, row, given(row["port"]))
        equal(os.listdir(os.path.join(podman.work, "cache")), ["seen"], "one cache for both")
        podman.down("lab")
        podman.assert_empty()
    finally:
        stand.run("podman", "rmi", "-f", image)


SGLANG = """version: 1
name: lab
models:
  chat:
    model: Qwen/Qwen3-4B
    engine: sglang
    image: %s
    slice: {memory: 30G}
    volumes: [data:/data:ro]
"""


def test_an_image_in_sglangs_place_is_started_as_its_row_says_in_container(podman):
    image = make_standin()
    try:
        podman.node(scale=64)
        os.mkdir(os.path.join(podman.work, "data"))
        podman.file(SGLANG % image)
        podman.up()
        row = podman.models("lab")["chat-0"]
        got = given(row["port"])
        equal(
            got["arg"],
            ["python3", "-m", "sglang.launch_server", "--host", "127.0.0.1", "--port", str(row["port"])]
            + ["--served-model-name", "chat", "--model-path", "Qwen/Qwen3-4B", "--mem-fraction-static", "0.85"]
            + ["--context-length", "32768"],
            "arguments",
        )
        equal(row["slice"]["profile"], "3g.40gb")
        mounts = dict(m.split(" ", 1) for m in got["mount"])
        check("ro" in mounts["/data"].split(","), mounts)
        equal(got["shm"], [str(1 << 30)])
        podman.down("lab")
        podman.assert_empty()
    finally:
        stand.run("podman", "rmi", "-f", image)


def check_standin(place, row, got):
    uuid = row["slice"]["uuid"]
    equal(
        got["arg"],
        ["--host", "127.0.0.1", "--port", str(row["port"]), "--served-model-name", "chat", "Qwen/Qwen3-4B"]
        + ["--model", "Qwen/Qwen3-4B", "--gpu-memory-utilization", "0.90", "--max-model-len", "8192"]
        + ["--enable-prefix-caching"],
        "arguments",
    )
    env = dict(e.split("=", 1) for e in got["env"])
    equal(env["NVIDIA_VISIBLE_DEVICES"], uuid)
    equal(env["HF_TOKEN"], "hf_secret")
    equal(env["VLLM_LOGGING_LEVEL"], "DEBUG")
    equal(env["HF_HOME"], "/root/.cache/huggingface")
    check("TRANCHE_RUN_DIR" not in env and "LD_LIBRARY_PATH" not in env, env)
    mounts = dict(m.split(" ", 1) for m in got["mount"])
    views = [m for m in mounts if "/view/" in m]
    equal([os.path.basename(v) for v in views], [uuid], "views: its own slice, and no other")
    for target in views + ["/usr/lib64/libnvidia-ml.so.1"]:
        check("ro" in mounts[target].split(","), target, mounts[target])
    check("rw" in mounts["/root/.cache/huggingface"].split(","), mounts)
    nodes = [d for d in got["device"] if "nvidia" in d]
    caps = [d for d in nodes if d.startswith("/dev/nvidia-caps/")]
    equal(sorted(set(nodes) - set(caps)), ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia0", "/dev/nvidiactl"],
          "device nodes of the card")
    equal(len(caps), 2, "its GPU instance's and its compute instance's, and no other's")
    equal(got["cache"], ["ok"])
    equal(got["shm"], [str(1 << 30)], "vLLM's processes talk through shared memory")
    check("hf_secret" not in "".join(place.processes().values()), "a secret in an argument list")


if __name__ == "__main__":
    stand.main()
