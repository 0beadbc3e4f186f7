# SPDX-License-Identifier: Apache-2.0
"""demo/leftovers.py and demo/ask.py on their own: they see what is wrong."""
import http.server
import json
import os
import subprocess
import sys
import threading

import tap

sys.path.insert(0, tap.ROOT + "/demo")
import ask  # noqa: E402
import leftovers  # noqa: E402


def traces(folder):
    name = "left-%d" % os.getpid()
    return name, leftovers.Traces(name, [folder])


def test_nothing_is_found_where_nothing_is(folder):
    assert traces(folder)[1].find() == []


def test_a_file_that_is_left_is_found(folder):
    name, t = traces(folder)
    tap.write("%s/servers/%s/log" % (folder, name), "x")
    assert t.find() == ["left in %s/servers/%s" % (folder, name)]


def test_a_process_that_runs_on_is_found(folder):
    _, t = traces(folder)
    p = subprocess.Popen(["sleep", "60"])
    try:
        t.note_process(p.pid)
        assert t.find() == ["process %d (sleep)" % p.pid]
    finally:
        p.kill()
        p.wait()
    assert t.find() == []


def test_a_process_that_was_never_noted_is_found_by_its_name(folder):
    name, t = traces(folder)
    p = subprocess.Popen([sys.executable, "-c", "input()", name], stdin=subprocess.PIPE)
    try:
        found = t.find()
        assert len(found) == 1 and found[0].startswith("process %d (" % p.pid), found
    finally:
        p.communicate(b"\n")


def test_a_zombie_is_found(folder):
    _, t = traces(folder)
    p = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    t.note_process(p.pid)
    p.stdin.close()
    os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
    found = t.find()
    p.wait()
    assert len(found) == 1 and found[0].startswith("zombie %d" % p.pid), found


def test_a_number_that_was_given_anew_is_not_the_old_process(folder):
    _, t = traces(folder)
    t.processes[os.getpid()] = ("1", "S", "somebody else")
    assert t.find() == []


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as llama-server does, or badly: the model's name says how."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = {
            "choices": [{"message": {"content": "Hello, %s" % body["messages"][0]["content"]}}],
            "system_fingerprint": "b1",
            "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        }
        if body["model"] == "half":
            del reply["usage"]
        raw = json.dumps(reply).encode()
        self.send_response(503 if body["model"] == "busy" else 200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


def answers(*models):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        return ask.ask_all("you", [(m, server.server_address[1]) for m in models])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_answer_is_read():
    (a,) = answers("good")
    assert (a.error, a.text, a.tokens, a.prompt_tokens) == (None, "Hello, you", 4, 3)
    assert a.fingerprint == "b1" and a.end > a.begin >= 0


def test_a_refusal_and_half_an_answer_are_errors():
    busy, half, good = answers("busy", "half", "good")
    assert "HTTP 503" in busy.error and "usage" in half.error and good.error is None


def test_overlap_is_what_both_share_of_the_shorter():
    a, b = ask.Answer("a", 1), ask.Answer("b", 2)
    a.begin, a.end, b.begin, b.end = 0.0, 1.0, 0.75, 1.25
    seconds, share = ask.overlap([a, b])
    assert abs(seconds - 0.25) < 1e-9 and abs(share - 0.5) < 1e-9
    b.begin, b.end = 2.0, 3.0
    assert ask.overlap([a, b]) == (0.0, 0.0)


tap.main()
