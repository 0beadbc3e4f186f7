#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts one question to several model servers at the same time, and says who answered what, when.

    demo/ask.py "Hello!" chat@8000 coder@8001

Speaks what OpenAI's clients speak: POST /v1/chat/completions on 127.0.0.1. Standard library only.
"""
import http.client
import json
import sys
import threading
import time

TIMEOUT_S = 60


class Answer:
    """One server's answer; `error` is None when there is one. Times are seconds from the start."""

    def __init__(self, model, port):
        self.model, self.port = model, port
        self.text = self.fingerprint = ""
        self.prompt_tokens = self.tokens = 0
        self.begin = self.end = 0.0
        self.error = None

    def fetch(self, question, max_tokens, seed):
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": max_tokens,
        }
        if seed is not None:
            body["seed"] = seed
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            conn.request(
                "POST",
                "/v1/chat/completions",
                json.dumps(body),
                {"Content-Type": "application/json"},
            )
            reply = conn.getresponse()
            raw = reply.read()
        finally:
            conn.close()
        if reply.status != 200:
            raise OSError("HTTP %d: %s" % (reply.status, raw[:200].decode(errors="replace")))
        return json.loads(raw)

    def ask(self, question, max_tokens, seed, gate, zero):
        try:
            gate.wait()
            self.begin = time.perf_counter() - zero[0]
            reply = self.fetch(question, max_tokens, seed)
            self.end = time.perf_counter() - zero[0]
            self.text = reply["choices"][0]["message"]["content"].strip()
            self.fingerprint = reply.get("system_fingerprint", "")
            self.prompt_tokens = reply["usage"]["prompt_tokens"]
            self.tokens = reply["usage"]["completion_tokens"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as e:
            self.error = "%s: %s" % (type(e).__name__, e)

    @property
    def seconds(self):
        return self.end - self.begin


def ask_all(question, servers, max_tokens=200, seed=None):
    """servers: (model, port) pairs. Every question is sent at the same moment."""
    answers = [Answer(model, port) for model, port in servers]
    zero = [0.0]

    def start():
        zero[0] = time.perf_counter()

    gate = threading.Barrier(len(answers), action=start)
    threads = [
        threading.Thread(target=a.ask, args=(question, max_tokens, seed, gate, zero))
        for a in answers
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def overlap(answers):
    """How long all were being answered at once, in seconds, and as a share of the shortest."""
    both = min(a.end for a in answers) - max(a.begin for a in answers)
    return max(both, 0.0), max(both, 0.0) / max(min(a.seconds for a in answers), 1e-9)


def timeline(answers, width=48):
    total = max(max(a.end for a in answers), 1e-9)
    for a in answers:
        left = int(a.begin / total * width)
        length = max(int(a.seconds / total * width), 1)
        yield "%-8s |%s| %.3f s to %.3f s" % (
            a.model,
            (" " * left + "=" * length).ljust(width)[:width],
            a.begin,
            a.end,
        )


def show(answers, out=print):
    for a in answers:
        if a.error:
            out("%-8s port %d: %s" % (a.model, a.port, a.error))
            continue
        out(
            "%-8s port %d: %d tokens for %d in %.2f s (%s)"
            % (a.model, a.port, a.tokens, a.prompt_tokens, a.seconds, a.fingerprint)
        )
        out('         "%s"' % a.text)
    if not any(a.error for a in answers):
        for line in timeline(answers):
            out(line)


def main():
    if len(sys.argv) < 3 or not all("@" in s for s in sys.argv[2:]):
        sys.exit(__doc__)
    servers = [(m, int(p)) for m, _, p in (s.partition("@") for s in sys.argv[2:])]
    answers = ask_all(sys.argv[1], servers)
    show(answers)
    sys.exit(1 if any(a.error for a in answers) else 0)


if __name__ == "__main__":
    main()
