"""What people really do wrong, as a shell sees it: every mistake gets one clear sentence, a next step and the right exit
code; never a crash, never silence. The files are made here."""

import os
import random
import re
import stat
import struct
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
STRING, ARRAY, I32, U32, F32 = 8, 9, 5, 4, 6
CONTROL, NORMAL, BYTE, UNKNOWN = 3, 1, 6, 2
N_VOCAB = 320
BAD_USE, NOT_FOUND, CORRUPT, UNSUPPORTED, IO, OUT_OF_MEMORY, CONTEXT_FULL = 2, 3, 4, 5, 6, 7, 8


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, kind, payload):
    return string(key) + struct.pack("<I", kind) + payload


def vocabulary():
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    tokens += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    tokens += [("▁", NORMAL)] + [(letter, NORMAL) for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokens += [(f"w{i}", NORMAL) for i in range(N_VOCAB - len(tokens))]
    return [
        entry("tokenizer.ggml.model", STRING, string("llama")),
        entry("tokenizer.ggml.tokens", ARRAY,
              struct.pack("<IQ", STRING, N_VOCAB) + b"".join(string(text) for text, _ in tokens)),
        entry("tokenizer.ggml.scores", ARRAY,
              struct.pack("<IQ", F32, N_VOCAB) + b"".join(struct.pack("<f", -i) for i in range(N_VOCAB))),
        entry("tokenizer.ggml.token_type", ARRAY,
              struct.pack("<IQ", I32, N_VOCAB) + b"".join(struct.pack("<i", kind) for _, kind in tokens)),
        entry("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", 1)),
        entry("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2)),
    ]


def model_head(width=32, n_layers=1, arch="llama", context=64):
    """A random llama: the bytes before the weights, and [(name, size in bytes with padding)]."""
    numbers = {"context_length": context, "embedding_length": width, "block_count": n_layers,
               "feed_forward_length": width, "attention.head_count": 2}
    entries = [entry("general.architecture", STRING, string(arch))]
    entries += [entry(f"{arch}.{key}", U32, struct.pack("<I", value)) for key, value in numbers.items()]
    entries += [entry(f"{arch}.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5))] + vocabulary()
    tensors = [("token_embd", (width, N_VOCAB)), ("output_norm", (width,))]
    for layer in range(n_layers):
        tensors += [(f"blk.{layer}.{name}", (width,)) for name in ("attn_norm", "ffn_norm")]
        tensors += [(f"blk.{layer}.{name}", (width, width)) for name in
                    ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")]
    infos, offset, sizes = b"", 0, []
    for name, shape in tensors:
        infos += string(name + ".weight") + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", size) for size in shape) + struct.pack("<IQ", 0, offset)
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        sizes.append((name, size))
        offset += size  # widths are multiples of 32: nothing to pad
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + infos
    return head + b"\0" * (-len(head) % 32), sizes


def model_file(**options):
    head, sizes = model_head(**options)
    numbers = random.Random(1)
    body = [struct.pack("<f", 1.0 if "norm" in name else numbers.gauss(0, 0.2))
            for name, size in sizes for _ in range(size // 4)]
    return head + b"".join(body)


class HearthCase(unittest.TestCase):
    """A folder of its own with a small language model, and hearth run in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.model = self.make("model.gguf", model_file())

    def make(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def run_hearth(self, *words, given=b"", env=None, **more):
        """-> (exit code, stdout, stderr); a crash or a hang fails the test."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HEARTH_")}
        environment.update(env or {})
        if "stdout" not in more:
            more["stdout"] = subprocess.PIPE
        if "stdin" not in more:
            more["input"] = given
        done = subprocess.run([HEARTH, *words], stderr=subprocess.PIPE, timeout=60, env=environment, **more)
        self.assertGreaterEqual(done.returncode, 0, f"killed by a signal: {words}")
        self.assertNotEqual(done.returncode, 70, f"a bug of ours: {words}: {done.stderr}")
        return done.returncode, done.stdout, done.stderr.decode()

    def refused(self, code, words, *expected, **more):
        """The command ends with `code` and says `expected` in one sentence and a next step."""
        rc, out, err = self.run_hearth(*words, **more)
        self.assertEqual(rc, code, f"{words}: {err}")
        self.assertFalse(out, f"{words}: an answer besides the error: {out!r}")
        lines = [line for line in err.splitlines() if not line.startswith("note: ")]
        self.assertEqual(len(lines), 2, f"{words}: not one sentence and one next step: {err!r}")
        self.assertRegex(lines[0], r"^hearth: [^\n]+[.?]$")
        self.assertRegex(lines[1], r"^  \S")
        for part in expected:
            self.assertIn(part, err)
        return err


class BadInput(HearthCase):
    # ---- files

    def test_the_model_itself_is_fine(self):
        rc, out, err = self.run_hearth("run", self.model, "hello", "-n", "4", "--seed", "1")
        self.assertEqual(rc, 0, err)
        self.assertTrue(out)

    def commands_on(self, path):
        text = self.make("text", b"some words " * 50)
        return (["run", path, "hello"], ["logits", path, "--ids", "1", "--out", os.path.join(self.folder, "out.npy")],
                ["perplexity", path, text], ["show", path], ["tokenize", path, "hello"])

    def test_a_missing_file(self):
        for words in self.commands_on(os.path.join(self.folder, "absent.gguf")):
            self.refused(NOT_FOUND, words, "there is no file", "absent.gguf")

    def test_a_folder(self):
        for words in self.commands_on(self.folder):
            self.refused(BAD_USE, words, "is a directory")

    def test_a_web_page_in_place_of_the_model(self):
        page = self.make("page.gguf", b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n" * 100)
        for words in self.commands_on(page):
            self.refused(UNSUPPORTED, words, "web page", "/resolve/")

    def test_other_files(self):
        for name, content, code in (("empty", b"", CORRUPT), ("text", b"hello, world\n" * 100, UNSUPPORTED),
                                    ("zeros", bytes(10000), CORRUPT), ("short", b"GGUF\3\0", CORRUPT)):
            for words in self.commands_on(self.make(name + ".gguf", content)):
                self.refused(code, words, name + ".gguf")

    def test_a_truncated_file(self):
        whole = model_file()
        # In the metadata, in the list of tensors, in the weights, and one byte short.
        for size in (40, 700, 7000, len(model_head()[0]) + 100, len(whole) - 1):
            cut = self.make("cut.gguf", whole[:size])
            for words in self.commands_on(cut):
                self.refused(CORRUPT, words, "fetch the file again")

    def test_an_unknown_architecture(self):
        path = self.make("unknown.gguf", model_file(arch="qwen9"))
        for words in self.commands_on(path)[:3]:
            self.refused(UNSUPPORTED, words, "'qwen9' is not known", "nearest by name are qwen")
        # What a file holds can be looked at all the same.
        self.assertEqual(self.run_hearth("show", path)[0], 0)

    def test_a_model_larger_than_the_memory(self):
        """A sparse file: its size is real to the program, and takes no room."""
        head, sizes = model_head(width=1 << 16, n_layers=12)
        path = self.make("large.gguf", head)
        try:
            os.truncate(path, len(head) + sum(size for _, size in sizes))  # 1.3 TiB
        except OSError as error:
            self.skipTest(f"no sparse file of this size here: {error}")
        for words in self.commands_on(path)[:3] + (["bench", path],):
            self.refused(OUT_OF_MEMORY, words, "1344.1 GiB", "smaller model")
        rc, out, _ = self.run_hearth("show", "--memory", path)
        self.assertEqual(rc, 0)
        self.assertIn(b"does not fit", out)

    def test_a_context_larger_than_the_memory(self):
        err = self.refused(OUT_OF_MEMORY, ["run", self.model, "hello", "-c", "2147483647"], "2147483647", "--ctx")
        fits = re.search(r"--ctx (\d+)", err).group(1)
        self.assertLess(int(fits), 2147483647)

    # ---- prompts and ids

    def test_a_prompt_longer_than_the_context(self):
        self.refused(CONTEXT_FULL, ["run", self.model, "abcd " * 40], "202 tokens", "holds 64", "--ctx")
        self.refused(CONTEXT_FULL, ["run", self.model], "202 tokens", "holds 64", given=b"abcd " * 40)
        out = os.path.join(self.folder, "out.npy")
        self.refused(CONTEXT_FULL, ["logits", self.model, "--ids", ",".join(["5"] * 65), "--out", out], "65", "64")
        self.refused(CONTEXT_FULL, ["logits", self.model, "--ids", "1,2,3", "-c", "2", "--out", out], "3", "2")
        self.assertFalse(os.path.exists(out))

    def test_ids_beyond_the_vocabulary(self):
        out = os.path.join(self.folder, "out.npy")
        for ids in ("320", "1,2,320", "1,2147483647", "1,4294967296"):
            self.refused(BAD_USE, ["logits", self.model, "--ids", ids, "--out", out], "does not exist", "0 to 319")
        for ids in ("1,x", "-1", "1,,2", "1.5"):
            self.refused(BAD_USE, ["logits", self.model, "--ids", ids, "--out", out], "--ids")
        self.assertFalse(os.path.exists(out))

    # ---- no terminal

    def test_no_terminal_and_no_prompt(self):
        self.refused(BAD_USE, ["run", self.model], "no prompt", "not a terminal")
        closed = "exec 0<&-; exec \"$0\" run \"$1\""
        done = subprocess.run(["sh", "-c", closed, HEARTH, self.model], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, BAD_USE, done.stderr)
        self.assertIn(b"no prompt", done.stderr)

    def test_a_chat_without_a_terminal_ends_with_its_input(self):
        rc, _, err = self.run_hearth("run", self.model, "--interactive", "-n", "2", given=b"hello\n/bye\n")
        self.assertEqual(rc, 0, err)
        rc, _, err = self.run_hearth("run", self.model, "--interactive", given=b"")
        self.assertEqual(rc, 0, err)

    # ---- where output goes

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full") or not stat.S_ISCHR(os.stat("/dev/full").st_mode):
            self.skipTest("no /dev/full here")
        self.refused(IO, ["logits", self.model, "--ids", "1,2", "--out", "/dev/full"], "disk is full", "free some space")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))  # it was written to, not replaced
        for words in (["run", self.model, "hello", "-n", "4"], ["show", self.model], ["version"], ["help"]):
            with open("/dev/full", "wb") as full:
                rc, _, err = self.run_hearth(*words, stdout=full)
            self.assertEqual(rc, IO, words)
            self.assertIn("not everything could be written", err)

    def test_a_limit_on_the_size_of_files(self):
        limited = "ulimit -f 1; exec \"$0\" \"$@\""
        out = os.path.join(self.folder, "out.npy")
        done = subprocess.run(["sh", "-c", limited, HEARTH, "logits", self.model, "--ids", "1,2,3,4", "--out", out],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, IO, done.stderr)
        self.assertIn(b"cannot write", done.stderr)
        self.assertFalse(os.path.exists(out))
        self.assertEqual([name for name in os.listdir(self.folder) if "part" in name], [])

    def test_a_place_that_takes_no_files(self):
        self.refused(NOT_FOUND, ["logits", self.model, "--ids", "1", "--out", os.path.join(self.folder, "no/x.npy")], "no folder")
        self.refused(BAD_USE, ["logits", self.model, "--ids", "1", "--out", self.folder], "not a file name")
        if os.path.isdir("/proc/self"):
            self.refused(IO, ["logits", self.model, "--ids", "1", "--out", "/proc/x.npy"], "takes no new files")

    def test_a_reader_that_goes_away(self):
        done = subprocess.run(["sh", "-c", "\"$0\" show \"$1\" --tensors 2>err | head -c 1 >/dev/null; cat err", HEARTH,
                               self.model], capture_output=True, timeout=60, cwd=self.folder)
        self.assertEqual(done.stdout, b"")

    def test_a_home_that_cannot_be_written(self):
        for home in ("/proc", os.path.join(self.model, "home"), ""):
            rc, out, err = self.run_hearth("run", self.model, "hello", "-n", "3", env={"HOME": home})
            self.assertEqual(rc, 0, err)
            self.assertTrue(out)
            rc, out, err = self.run_hearth("run", self.model, "--interactive", "-n", "3", given=b"hello\n",
                                           env={"HOME": home, "XDG_DATA_HOME": "", "XDG_STATE_HOME": ""})
            self.assertEqual(rc, 0, err)
            self.assertTrue(out)

    # ---- words

    def test_values_that_make_no_sense(self):
        for option, value in (("--ctx", "0"), ("--ctx", "many"), ("--ctx", "-5"), ("--threads", "5000"),
                              ("--threads", "x"), ("--kv", "q4"), ("--temperature", "hot"), ("-n", "1.5")):
            self.refused(BAD_USE, ["run", self.model, "hello", option, value], value)
        self.refused(BAD_USE, ["run", self.model, "hello", "--isa", "mmx"], "mmx", "scalar")
        self.refused(BAD_USE, ["run", self.model, "hello", "--colour", "red"], "--colour")
        self.refused(BAD_USE, ["run"], "MODEL")
        self.refused(BAD_USE, ["runn", self.model], "runn", "did you mean 'run'")
        self.refused(BAD_USE, ["logits", self.model, "--ids", "1"], "--out")
        self.refused(BAD_USE, ["perplexity", self.model, self.make("short", b"hello")], "less than one window")
        for name, value in (("HEARTH_THREADS", "x"), ("HEARTH_ISA", "mmx")):
            self.refused(BAD_USE, ["run", self.model, "hello"], value, env={name: value})


if __name__ == "__main__":
    unittest.main()
