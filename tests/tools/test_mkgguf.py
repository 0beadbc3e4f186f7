# SPDX-License-Identifier: Apache-2.0
"""demo/mkgguf.py: the models of the demo."""
import struct
import subprocess
import sys

import tap


def make(voice, out):
    r = subprocess.run(
        [sys.executable, tap.ROOT + "/demo/mkgguf.py", voice, out], stdout=subprocess.PIPE, text=True
    )
    assert r.returncode == 0
    with open(out, "rb") as f:
        return f.read(), r.stdout


def voice(name):
    return tap.ROOT + "/demo/voices/%s.txt" % name


def test_the_same_text_gives_the_same_bytes(folder):
    assert make(voice("chat"), folder + "/m.gguf")[0] == make(voice("chat"), folder + "/m.gguf")[0]


def test_two_voices_are_two_models(folder):
    a, _ = make(voice("chat"), folder + "/m.gguf")
    b, _ = make(voice("coder"), folder + "/m.gguf")
    assert a != b


def test_no_word_of_the_voices_is_in_pieces(folder):
    for name in ("chat", "coder"):
        assert "(0 in pieces)" in make(voice(name), folder + "/m.gguf")[1]


def test_the_file_holds_what_its_head_says(folder):
    raw, _ = make(voice("chat"), folder + "/m.gguf")
    magic, version, n_tensors, n_values = struct.unpack_from("<4sIQQ", raw)
    assert (magic, version, n_values) == (b"GGUF", 3, 23)
    assert n_tensors == 3 + 8 * 11
    assert len(raw) % 32 == 0


def test_an_empty_text_is_refused(folder):
    tap.write(folder + "/empty.txt", " \n")
    r = subprocess.run(
        [sys.executable, tap.ROOT + "/demo/mkgguf.py", folder + "/empty.txt", folder + "/m.gguf"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert r.returncode == 1 and "holds no text" in r.stderr


tap.main()
