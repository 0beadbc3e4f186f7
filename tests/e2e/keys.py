#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the keys of a stack file come to: slices, cards, replicas, ports, env, secrets, volumes; and
single servers: restart, logs."""
import os
import signal

import stand
from stand import check, equal, free_port, get, leftovers


# --- Slices and cards ---


def test_a_slice_by_name_id_memory_and_automatically(process):
    process.node(scale=1)
    model = process.file("x" * 100, "model.gguf")
    process.stack(
        process.model("name", slice="2g.20gb"),
        process.model("id", slice="19"),
        process.model("memory", slice="{memory: 18G}"),
        process.model("auto", slice="auto", model=model),
    )
    process.up()
    sizes = {n: r["slice"]["profile"] for n, r in process.models().items()}
    equal(sizes, {"name-0": "2g.20gb", "id-0": "1g.10gb", "memory-0": "1g.20gb", "auto-0": "1g.10gb"})


def test_auto_grows_with_the_model(process):
    process.node(scale=1)
    model = os.path.join(process.work, "model.gguf")
    with open(model, "wb") as f:
        f.truncate(20 << 30)  # sparse: 25 GiB with its cache
    process.stack(process.model("a", slice="auto", model=model))
    r = process.ok(*process.up_args("--dry-run"))
    check("a-0: 3g.40gb at 0:" in r.out, r)


def test_a_whole_card_and_slices_of_another(process):
    process.node(stand.CARD + ":2")
    process.stack(process.model("w", slice="whole"), process.model("s", slice="3g.40gb"))
    process.up()
    rows = process.models()
    check(rows["w-0"]["slice"]["gpu"] != rows["s-0"]["slice"]["gpu"], rows)
    equal(rows["w-0"]["slice"]["kind"], "whole")
    check(rows["w-0"]["slice"]["uuid"].startswith("GPU-"), rows)
    equal(get(rows["w-0"]["port"], "env=CUDA_VISIBLE_DEVICES"), rows["w-0"]["slice"]["uuid"])
    process.down("lab")
    process.assert_empty()


def test_a_whole_card_that_was_sliced_is_switched_back(process):
    process.node()
    process.stack(process.model("a", slice="7g.80gb"))
    process.up()
    process.stack(process.model("a", slice="whole"))
    process.up()
    equal(process.models()["a-0"]["slice"]["kind"], "whole")
    equal(process.json("gpus")["gpus"][0]["mig_on"], False)
    process.stack(process.model("a", slice="7g.80gb"))
    process.up()
    process.assert_holds("lab/a-0")


def test_a_model_goes_to_the_card_that_it_names(process):
    process.node(stand.CARD + ":3")
    process.stack(process.model("a", gpu=2), process.model("b", gpu=0, slice="whole"))
    process.up()
    equal({n: r["slice"]["gpu"] for n, r in process.models().items()}, {"a-0": 2, "b-0": 0})
    process.stack(process.model("a", gpu=1), process.model("b", gpu=0, slice="whole"))
    process.up()
    equal({n: r["slice"]["gpu"] for n, r in process.models().items()}, {"a-0": 1, "b-0": 0})


# --- Ports, environment, secrets ---


def keys_of(place):
    place.node()
    port = free_port()
    place.file("TOKEN=s3cret-in-file\n# a comment\nEMPTY=\n", "hf.env")
    place.stack(
        place.model("a", replicas=3, port=port, env="{COLOUR: blue, PASSWORD: s3cret-in-env}", env_file="hf.env"),
        place.model("b", words=["say=${SLICE_UUID} ${SLICE_MEMORY_MIB} ${HOST}:${PORT} $$"]),
    )
    place.up()
    rows = place.assert_holds("lab/a-0", "lab/a-1", "lab/a-2", "lab/b-0")
    equal([rows["a-%d" % i]["port"] for i in range(3)], [port, port + 1, port + 2])
    equal(len({rows["a-%d" % i]["slice"]["uuid"] for i in range(3)}), 3)
    for i in range(3):
        row = rows["a-%d" % i]
        equal(get(row["port"], "env=COLOUR"), "blue")
        equal(get(row["port"], "env=PASSWORD"), "s3cret-in-env")
        equal(get(row["port"], "env=TOKEN"), "s3cret-in-file")
        equal(get(row["port"], "env=NVIDIA_VISIBLE_DEVICES"), row["slice"]["uuid"])
        # A container sees its slice alone; a plain process has to be told which is its own.
        cuda = row["slice"]["uuid"] if place.runtime == "process" else "(none)"
        equal(get(row["port"], "env=CUDA_VISIBLE_DEVICES"), cuda)
    row = rows["b-0"]
    said = "%s %d 127.0.0.1:%d $" % (row["slice"]["uuid"], 9728, row["port"])
    check(said in place.ok("logs", "b").out.splitlines(), place.ok("logs", "b").out, said)
    no_secret_shows(place)


def no_secret_shows(place):
    """In no argument list, inspection, log, plan, or file but the server's own environment."""
    secret = "s3cret-in-"
    for pid in leftovers.pids():
        check(secret not in leftovers.words(pid), "arguments of", pid, leftovers.words(pid))
    for args in (("ps", "--json"), ("slices", "--json"), ("logs", "a-0"), place.up_args("--dry-run")):
        r = place.ok(*args)
        check(secret not in r.out + r.err, r)
    place.ok("restart", "a-1")
    place.stack(place.model("a", replicas=1, env="{PASSWORD: s3cret-in-env2}", env_file="hf.env"))
    r = place.ok(*place.up_args("--dry-run", "--json"))
    check(secret not in r.out + r.err, r)
    for folder, _, files in os.walk(place.run_dir):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    check(secret.encode() not in f.read(), path)
    for name in place.containers():
        r = stand.run("podman", "inspect", "--format", "{{.Config.CreateCommand}} {{.Args}} {{.Config.Labels}}", name)
        check(r.returncode == 0 and secret not in r.stdout, r.stdout)
        r = stand.run("podman", "logs", name)
        check(secret not in r.stdout + r.stderr, r)


def test_replicas_ports_environment_and_secrets(process):
    keys_of(process)


def test_replicas_ports_environment_and_secrets_in_containers(podman):
    keys_of(podman)


def test_volumes_and_a_cache_are_seen_in_containers(podman):
    podman.node()
    os.mkdir(os.path.join(podman.work, "data"))
    podman.file("hello\n", "data/file")
    podman.stack(podman.model("a", volumes="[./data:/data:ro, ./data:/writable]", cache="./cache"))
    podman.up()
    pid = podman.models()["a-0"]["pid"]
    check(os.path.isdir(os.path.join(podman.work, "cache")), "the cache folder is not made")
    with open("/proc/%d/mountinfo" % pid, encoding="utf-8") as f:
        mounts = {line.split()[4]: line.split()[5].split(",") for line in f}
    check("ro" in mounts["/data"], mounts)
    check("rw" in mounts["/writable"], mounts)
    check("rw" in mounts["/cache"], mounts)
    with open("/proc/%d/root/data/file" % pid, encoding="utf-8") as f:
        equal(f.read(), "hello\n")


# --- Single servers ---


def restart_one(place):
    place.node()
    place.stack(place.model("a", replicas=2), place.model("b"))
    place.up()
    before = place.models()
    place.ok("restart", "a-1")
    after = place.assert_holds("lab/a-0", "lab/a-1", "lab/b-0")
    equal(after["a-0"]["pid"], before["a-0"]["pid"])
    equal(after["b-0"]["pid"], before["b-0"]["pid"])
    check(after["a-1"]["pid"] != before["a-1"]["pid"], "a-1 was not restarted")
    equal(after["a-1"]["slice"]["uuid"], before["a-1"]["slice"]["uuid"])
    place.ok("restart", "lab/a")
    again = place.assert_holds("lab/a-0", "lab/a-1", "lab/b-0")
    equal(again["b-0"]["pid"], before["b-0"]["pid"])
    check(not {again["a-0"]["pid"], again["a-1"]["pid"]} & {after["a-0"]["pid"], after["a-1"]["pid"]}, again)


def test_restart_of_one_replica_touches_no_other(process):
    restart_one(process)


def test_restart_of_one_replica_touches_no_other_in_containers(podman):
    restart_one(podman)


def test_restart_of_what_is_not_there(process):
    process.node()
    process.tranche("restart", "a").fails(3, "there is no model 'a'")
    process.stack(process.model("a"))
    process.up()
    process.tranche("restart", "b").fails(3, "there is no model 'b'; there are lab/a-0")


def logs_follow(place):
    place.node()
    place.stack(place.model("a", words=["say=one", "say=two"]))
    place.up()
    port = place.models()["a-0"]["port"]
    r = place.ok("logs", "a")
    lines = r.out.splitlines()
    equal(lines, ["one", "two", "listening on %d" % port])
    following = place.start("logs", "-f", "a")
    get(port, "say=three")
    read = []
    while "three" not in read:
        read.append(following.p.stdout.readline().rstrip("\n"))
        check(read[-1], read)
    equal(read, lines + ["three"])
    following.send(signal.SIGINT)
    following.p.stdout.read()
    equal(following.p.wait(10), 0)  # to stop reading is no failure
    following.thread.join()
    ended = place.start("logs", "-f", "a")
    place.down("lab")
    text = ended.end(20)
    equal(text.out.splitlines(), lines + ["three"])
    equal(text.status, 0, str(text))


def test_logs_are_followed_until_interrupted_or_over(process):
    logs_follow(process)


def test_logs_are_followed_until_interrupted_or_over_in_containers(podman):
    logs_follow(podman)


def test_ps_asks_podman_once_and_gpus_not_at_all_in_containers(podman):
    podman.node()
    podman.stack(podman.model("a"), podman.model("b"))
    podman.up()
    os.mkdir(os.path.join(podman.dir, "bin"))
    asked, stand_in = podman.dir + "/asked", podman.dir + "/bin/podman"
    with open(stand_in, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' % (asked, stand.shutil.which("podman")))
    os.chmod(stand_in, 0o755)
    env = dict(podman.env, PATH=podman.dir + "/bin:" + podman.env["PATH"])
    podman.ok("gpus", env=env)
    check(not os.path.exists(asked), "gpus asks podman")
    podman.ok("ps", env=env)
    with open(asked, encoding="utf-8") as f:
        asked_for = [line for line in f if podman.name in line or " inspect " not in line]
    equal(len(asked_for), 1, asked_for)
    check(" ps -a " in asked_for[0], asked_for)


def test_ps_shows_what_is_asked_for_also_without_its_runtime_in_containers(podman):
    podman.node()
    podman.stack(podman.model("a"))
    podman.up()
    without = podman.few_programs()
    r = podman.ok("ps", "--json", env=dict(podman.env, PATH=without))
    check('"model": "a"' in r.out, r)


def test_a_server_that_will_not_stop_is_stopped_firmly(process):
    process.node()
    process.stack(process.model("a", words=["stubborn"]))
    process.up()
    process.down("lab")
    process.assert_empty()


def test_a_server_that_will_not_stop_is_stopped_firmly_in_containers(podman):
    podman.node()
    podman.stack(podman.model("a", words=["stubborn"]))
    podman.up()
    podman.down("lab")
    podman.assert_empty()


def test_down_of_all_turns_mig_off(process):
    process.node(stand.CARD + ":2")
    process.stack(process.model("a", gpu=0), name="one", file="one.yaml")
    process.stack(process.model("a", gpu=1), name="two", file="two.yaml")
    process.up("-f", "one.yaml")
    process.up("-f", "two.yaml")
    process.ok("create", "-i", "1", "1g.10gb")
    r = process.down("--all")
    check("GPU 1 stays in MIG mode" in r.err and "cut by 'tranche create'" in r.err, r)
    equal([g["mig_on"] for g in process.json("gpus")["gpus"]], [False, True])
    equal(process.json("ps")["models"], [])


if __name__ == "__main__":
    stand.main()
