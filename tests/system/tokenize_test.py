"""`hearth tokenize` and `hearth detokenize` on a vocabulary made here, as a shell sees them."""

import json
import os
import struct
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
STRING, ARRAY, I32, U32, F32 = 8, 9, 5, 4, 6
CONTROL, NORMAL, BYTE, UNKNOWN = 3, 1, 6, 2


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, kind, payload):
    return string(key) + struct.pack("<I", kind) + payload


def vocabulary_file():
    tokens = [("<unk>", UNKNOWN, 0.0), ("<s>", CONTROL, 0.0), ("</s>", CONTROL, 0.0)]
    tokens += [(f"<0x{byte:02X}>", BYTE, 0.0) for byte in range(256)]
    tokens += [("▁", NORMAL, -1.0), ("he", NORMAL, -2.0), ("llo", NORMAL, -3.0), ("▁hello", NORMAL, -4.0)]
    tokens += [(letter, NORMAL, -9.0) for letter in "helo"] + [("lo", NORMAL, -5.0), ("hello", NORMAL, -6.0)]
    entries = [
        entry("general.architecture", STRING, string("llama")),
        entry("tokenizer.ggml.model", STRING, string("llama")),
        entry("tokenizer.ggml.tokens", ARRAY,
              struct.pack("<IQ", STRING, len(tokens)) + b"".join(string(text) for text, _, _ in tokens)),
        entry("tokenizer.ggml.scores", ARRAY,
              struct.pack("<IQ", F32, len(tokens)) + b"".join(struct.pack("<f", score) for _, _, score in tokens)),
        entry("tokenizer.ggml.token_type", ARRAY,
              struct.pack("<IQ", I32, len(tokens)) + b"".join(struct.pack("<i", kind) for _, kind, _ in tokens)),
        entry("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", 1)),
        entry("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2)),
    ]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


class Tokenize(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.model = os.path.join(self.folder.name, "vocabulary.gguf")
        with open(self.model, "wb") as file:
            file.write(vocabulary_file())

    def hearth(self, command, *words, given=b""):
        return subprocess.run([HEARTH, command, self.model, *words], capture_output=True, input=given)

    def ids(self, *words, given=b""):
        done = self.hearth("tokenize", *words, given=given)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout.count(b"\n"), 1)
        return json.loads(done.stdout)

    def test_one_json_array_on_one_line(self):
        hello = 262
        self.assertEqual(self.ids("hello"), [1, hello])
        self.assertEqual(self.ids("hello", "--json"), [1, hello])
        self.assertEqual(self.ids("hello", "--no-special"), [hello])
        self.assertEqual(self.ids(given=b"hello"), [1, hello])
        self.assertEqual(self.ids("-", given=b"hello"), [1, hello])
        self.assertEqual(self.ids("hello</s>"), [1, hello, 2])
        self.assertNotIn(2, self.ids("hello</s>", "--no-special"))
        self.assertEqual(self.ids("", "--no-special"), [])

    def test_a_file_byte_for_byte_and_back(self):
        path = os.path.join(self.folder.name, "text")
        text = "hello wörld 😀\n\0".encode() + b"\xff\xc3"
        with open(path, "wb") as file:
            file.write(text)
        ids = self.ids("--file", path)
        self.assertEqual(self.hearth("detokenize", given=json.dumps(ids).encode()).stdout, text)
        self.assertEqual(self.hearth("detokenize", *map(str, ids)).stdout, text)
        self.assertEqual(self.hearth("detokenize", json.dumps(ids)).stdout, text)

    def test_special_tokens_in_the_output(self):
        self.assertEqual(self.hearth("detokenize", "1", "262", "2").stdout, b"hello</s>")
        self.assertEqual(self.hearth("detokenize", "1", "262", "2", "--no-special").stdout, b"hello")

    def test_what_is_wrong_is_said(self):
        for words in (["99999"], ["-1"], ["1x"], ["99999999999999"]):
            done = self.hearth("detokenize", "--", *words)
            self.assertEqual((done.returncode, done.stdout), (2, b""), words)
            self.assertIn(b"no token", done.stderr)
        done = self.hearth("tokenize", "x", "--file", "y")
        self.assertEqual(done.returncode, 2)
        done = self.hearth("tokenize", "--file", os.path.join(self.folder.name, "absent"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"cannot be opened", done.stderr)


if __name__ == "__main__":
    unittest.main()
