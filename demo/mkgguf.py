#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small language model out of a text: a GGUF file that llama.cpp serves as it does any other.

    demo/mkgguf.py demo/voices/chat.txt build/demo/chat.gguf

The file has the Qwen3 architecture, a byte-level BPE tokenizer trained on the text, and a ChatML
template. What it says is legible: the token after a token is drawn from what followed it in the
text. That table of pairs is the output matrix; embeddings are one-hot (so the width is the
vocabulary's size), and the layers between add noise too small to change it, but all their work.

Standard library only. The same text gives the same bytes.
"""
import argparse
import collections
import math
import os
import random
import re
import struct
import sys

VOCAB = 512  # and the width of the model
LAYERS = 8  # 30 MB, about 500 tokens/s on one core: an answer takes a time that can be seen
FFN = 1024
HEADS, KV_HEADS, HEAD_DIM = 4, 2, 32
CONTEXT = 4096
NOISE = 0.002  # of a layer's output, beside a one-hot of 1
END_ONE_IN = 8  # an answer ends after one sentence in so many
NEVER = -20.0  # log-probability of a pair that the text does not hold

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# The engine's "qwen2" pre-tokenizer, near enough for plain prose.
WORDS = re.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


# --- Tokenizer -----------------------------------------------------------------------------------


def byte_letters():
    """GPT-2's letter for each byte: itself where it is printable, else one from 256 up."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


LETTERS = byte_letters()


def spell(word):
    return tuple(LETTERS[b] for b in word.encode())


def merge(symbols, pair):
    out = []
    for s in symbols:
        if out and (out[-1], s) == pair:
            out[-1] += s
        else:
            out.append(s)
    return tuple(out)


def train(text, n_merges):
    """Byte-pair encoding: the merges, most frequent pair first (ties by spelling)."""
    words = collections.Counter(spell(w) for w in WORDS.findall(text))
    merges = []
    while len(merges) < n_merges:
        pairs = collections.Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        merged = collections.Counter()
        for word, n in words.items():
            merged[merge(word, best)] += n
        words = merged
    return merges


def encode(text, merges, index):
    ids = []
    for word in WORDS.findall(text):
        symbols = spell(word)
        for pair in merges:
            symbols = merge(symbols, pair)
        ids += [index[s] for s in symbols]
    return ids


def vocabulary(merges):
    """Tokens and their types (1 normal, 3 control, 5 unused), VOCAB of each."""
    tokens = list(dict.fromkeys(LETTERS + [a + b for a, b in merges]))
    types = [1] * len(tokens)
    for i in range(len(tokens), VOCAB - len(SPECIAL)):
        tokens.append("[PAD%d]" % i)
        types.append(5)
    return tokens + SPECIAL, types + [3] * len(SPECIAL)


# --- The table of pairs --------------------------------------------------------------------------


def follows(ids, tokens):
    """For each token a Counter of what comes after it, answers' beginning and end included."""
    index = {t: i for i, t in enumerate(tokens)}
    table = collections.defaultdict(collections.Counter)
    for a, b in zip(ids, ids[1:]):
        table[a][b] += END_ONE_IN - 1
    # Every full stop, the text's last one too, may be an answer's; what follows it in the text is
    # how a sentence begins.
    for i, a in enumerate(ids):
        if tokens[a] in ".?":
            table[a][index["<|im_end|>"]] += 1
    table[index[LETTERS[ord("\n")]]][ids[0]] = 1  # behind "assistant\n": the text's first word
    return table


def output_matrix(table):
    """Row: next token, column: this one. The norm before it turns a one-hot into sqrt(VOCAB)."""
    root = math.sqrt(VOCAB)
    out = [NEVER / root] * (VOCAB * VOCAB)
    for a, nexts in table.items():
        total = sum(nexts.values())
        for b, n in nexts.items():
            out[b * VOCAB + a] = math.log(n / total) / root
    return out


# --- GGUF, version 3: header, key/values, tensor infos, data; all little-endian ------------------

ALIGN = 32
F32, F16 = 0, 1  # tensor types
U32_T, I32_T, F32_T, BOOL_T, STRING_T, ARRAY_T = 4, 5, 6, 7, 8, 9


def string(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def scalar(kind, v):
    form = {U32_T: "<I", I32_T: "<i", F32_T: "<f", BOOL_T: "<?"}
    return string(v) if kind == STRING_T else struct.pack(form[kind], v)


class Gguf:
    def __init__(self):
        self.values, self.tensors = [], []

    def value(self, key, kind, v):
        if isinstance(v, list):
            raw = struct.pack("<IIQ", ARRAY_T, kind, len(v)) + b"".join(scalar(kind, x) for x in v)
        else:
            raw = struct.pack("<I", kind) + scalar(kind, v)
        self.values.append(string(key) + raw)

    def tensor(self, name, dims, kind, data):
        self.tensors.append((name, dims, kind, data))

    def write(self, path):
        infos, offset = b"", 0
        for name, dims, kind, data in self.tensors:
            infos += string(name) + struct.pack("<I%dQ" % len(dims), len(dims), *dims)
            infos += struct.pack("<IQ", kind, offset)
            offset += -(-len(data) // ALIGN) * ALIGN
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.values))
        head += b"".join(self.values) + infos
        part = "%s.%d.part" % (path, os.getpid())  # two runs at once: the last whole file stays
        with open(part, "wb") as f:
            for block in [head] + [data for _, _, _, data in self.tensors]:
                f.write(block + b"\0" * (-len(block) % ALIGN))
        os.replace(part, path)


def metadata(g, name, tokens, types, merges):
    index = {t: i for i, t in enumerate(tokens)}
    g.value("general.architecture", STRING_T, "qwen3")
    g.value("general.name", STRING_T, name)
    g.value("general.file_type", U32_T, 1)  # mostly f16
    for key, kind, v in [
        ("block_count", U32_T, LAYERS),
        ("context_length", U32_T, CONTEXT),
        ("embedding_length", U32_T, VOCAB),
        ("feed_forward_length", U32_T, FFN),
        ("attention.head_count", U32_T, HEADS),
        ("attention.head_count_kv", U32_T, KV_HEADS),
        ("attention.key_length", U32_T, HEAD_DIM),
        ("attention.value_length", U32_T, HEAD_DIM),
        ("attention.layer_norm_rms_epsilon", F32_T, 1e-6),
        ("rope.freq_base", F32_T, 1e6),
    ]:
        g.value("qwen3." + key, kind, v)
    g.value("tokenizer.ggml.model", STRING_T, "gpt2")
    g.value("tokenizer.ggml.pre", STRING_T, "qwen2")
    g.value("tokenizer.ggml.tokens", STRING_T, tokens)
    g.value("tokenizer.ggml.token_type", I32_T, types)
    g.value("tokenizer.ggml.merges", STRING_T, [a + " " + b for a, b in merges])
    g.value("tokenizer.ggml.eos_token_id", U32_T, index["<|im_end|>"])
    g.value("tokenizer.ggml.padding_token_id", U32_T, index["<|endoftext|>"])
    g.value("tokenizer.ggml.bos_token_id", U32_T, index["<|endoftext|>"])
    g.value("tokenizer.ggml.add_bos_token", BOOL_T, False)
    g.value("tokenizer.chat_template", STRING_T, TEMPLATE)


def tensors(g, table):
    rnd = random.Random(1)
    pool = [rnd.gauss(0, 1) for _ in range(65536)]  # drawn once: gauss() is what takes the time

    def half(numbers):
        return struct.pack("<%de" % len(numbers), *numbers)

    def noise(name, columns, rows, scale):
        block = half([x * scale for x in pool])
        need, start = 2 * columns * rows, 2 * rnd.randrange(len(pool))
        data = (block[start:] + block * (need // len(block) + 1))[:need]
        g.tensor(name, (columns, rows), F16, data)

    def ones(name, n):
        g.tensor(name, (n,), F32, struct.pack("<%df" % n, *[1.0] * n))

    one_hot = [0.0] * (VOCAB * VOCAB)
    one_hot[:: VOCAB + 1] = [1.0] * VOCAB
    g.tensor("token_embd.weight", (VOCAB, VOCAB), F16, half(one_hot))
    g.tensor("output.weight", (VOCAB, VOCAB), F16, half(output_matrix(table)))
    ones("output_norm.weight", VOCAB)
    q, kv, unit = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM, 1 / math.sqrt(VOCAB)
    for layer in range(LAYERS):
        b = "blk.%d." % layer
        ones(b + "attn_norm.weight", VOCAB)
        ones(b + "ffn_norm.weight", VOCAB)
        ones(b + "attn_q_norm.weight", HEAD_DIM)
        ones(b + "attn_k_norm.weight", HEAD_DIM)
        noise(b + "attn_q.weight", VOCAB, q, unit)
        noise(b + "attn_k.weight", VOCAB, kv, unit)
        noise(b + "attn_v.weight", VOCAB, kv, unit)
        noise(b + "attn_output.weight", q, VOCAB, NOISE / math.sqrt(q))
        noise(b + "ffn_gate.weight", VOCAB, FFN, unit)
        noise(b + "ffn_up.weight", VOCAB, FFN, unit)
        noise(b + "ffn_down.weight", FFN, VOCAB, NOISE / math.sqrt(FFN))


def main():
    ap = argparse.ArgumentParser(description="Makes a small language model out of a text.")
    ap.add_argument("text", help="what the model has read: plain prose, about 100 different words")
    ap.add_argument("out", help="the GGUF file to write")
    ap.add_argument("--name", help="what the model is called (default: the output's name)")
    args = ap.parse_args()

    with open(args.text, encoding="utf-8") as f:
        text = " ".join(f.read().split())
    if not text:
        sys.exit("mkgguf: '%s' holds no text" % args.text)
    name = args.name or os.path.splitext(os.path.basename(args.out))[0]
    merges = train(text, VOCAB - len(LETTERS) - len(SPECIAL))
    tokens, types = vocabulary(merges)
    ids = encode(text, merges, {t: i for i, t in enumerate(tokens)})
    g = Gguf()
    metadata(g, name, tokens, types, merges)
    tensors(g, follows(ids, tokens))
    g.write(args.out)
    n_words = len(WORDS.findall(text))
    print(
        "%s: %d bytes, %d layers, from %d words (%d in pieces)"
        % (args.out, os.path.getsize(args.out), LAYERS, n_words, len(ids) - n_words)
    )


if __name__ == "__main__":
    main()
