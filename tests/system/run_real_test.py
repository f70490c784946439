"""`hearth run` with the real engine and small trained models, as a shell sees it.

Needs the models of the shared folder beside the checkout; skipped where they are absent. What the models lack (a chat
template, special tokens, recommended values) is written into a copy of them here.
"""

import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
MODELS = os.path.join(os.environ["HEARTH_SOURCE"], "..", "shared", "data", "models")
STORIES = os.path.join(MODELS, "stories260K.gguf")
LIMIT_S = 120  # far above what anything here takes on a busy machine

U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, U32: 4, I32: 4, F32: 4, 7: 1, 10: 8, 11: 8, 12: 8}
CONTROL = 3

CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def text_bytes(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


class Gguf:
    """The keys of a GGUF file, to be changed; the tensors stay as they are."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 4
        _version, n_tensors, n_keys = self.take("<IQQ")
        self.keys = {}
        for _ in range(n_keys):
            name = self.take_text()
            (kind,) = self.take("<I")
            begin = self.at
            self.skip(kind)
            self.keys[name] = (kind, self.data[begin:self.at])
        self.n_tensors = n_tensors
        begin = self.at
        for _ in range(n_tensors):
            self.take_text()
            (n_dims,) = self.take("<I")
            self.at += 8 * n_dims + 4 + 8
        self.infos = self.data[begin:self.at]
        self.tensors = self.data[-(-self.at // 32) * 32:]

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def take_text(self):
        (size,) = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def skip(self, kind):
        if kind == STRING:
            self.take_text()
        elif kind == ARRAY:
            element, n = self.take("<IQ")
            for _ in range(n):
                self.skip(element)
        else:
            self.at += SIZES[kind]

    def set(self, key, kind, value):
        form = {U32: "<I", I32: "<i", F32: "<f"}.get(kind)
        self.keys[key] = (kind, struct.pack(form, value) if form else text_bytes(value))

    def texts(self, key):
        self.data, self.at = self.keys[key][1], 4
        (n,) = self.take("<Q")
        return [self.take_text() for _ in range(n)]

    def set_texts(self, key, texts):
        self.keys[key] = (ARRAY, struct.pack("<IQ", STRING, len(texts)) + b"".join(map(text_bytes, texts)))

    def rename_token(self, token, text):
        """Makes it a special token."""
        tokens = self.texts("tokenizer.ggml.tokens")
        tokens[token] = text
        self.set_texts("tokenizer.ggml.tokens", tokens)
        kind, raw = self.keys["tokenizer.ggml.token_type"]
        at = 12 + 4 * token
        self.keys["tokenizer.ggml.token_type"] = (kind, raw[:at] + struct.pack("<i", CONTROL) + raw[at + 4:])

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", 3, self.n_tensors, len(self.keys))
        for name, (kind, raw) in self.keys.items():
            head += text_bytes(name) + struct.pack("<I", kind) + raw
        head += self.infos
        with open(path, "wb") as file:
            file.write(head + b"\0" * (-len(head) % 32) + self.tensors)
        return path


def chat_model():
    """stories260K with ChatML: two tokens that stories do not need become its marks."""
    model = Gguf(STORIES)
    model.rename_token(510, "<|im_start|>")
    model.rename_token(511, "<|im_end|>")
    model.set("tokenizer.ggml.eot_token_id", U32, 511)
    model.set("tokenizer.chat_template", STRING, CHATML)
    return model


def expected(model):
    """The cases of a model: prompt, greedy_text."""
    with open(os.path.join(MODELS, model, "expected.json"), encoding="utf-8") as file:
        return json.load(file)["cases"]


def counts(err):
    """(tokens read, tokens from the cache) of every answer with --verbose."""
    return [tuple(map(int, found))
            for found in re.findall(r"prompt eval count: +(\d+) tokens \(and (\d+) from the cache\)", err)]


@unittest.skipUnless(os.path.exists(STORIES), "shared/data/models is not there")
class RunReal(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder.name}

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_hearth(self, *words, given=""):
        return subprocess.run([HEARTH, "run", *words], input=given.encode(), capture_output=True,
                              env=self.environment, timeout=LIMIT_S)

    def answer(self, model, *words, given=""):
        """The answer of a run that must succeed, without the line break at its end."""
        done = self.run_hearth(model, *words, given=given)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()[:-1]

    def report(self, model, *words, given=""):
        text = self.answer(model, *words, "--json", given=given)
        self.assertNotIn("\n", text)
        return json.loads(text)

    def chat(self, *lines, model, options=()):
        """A chat whose entries are `lines`. Returns standard output and standard error."""
        done = self.run_hearth(model, "--interactive", *options, given="".join(line + "\n" for line in lines))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode(), done.stderr.decode()

    def isas(self):
        return subprocess.run([HEARTH, "isas"], capture_output=True, text=True, timeout=LIMIT_S).stdout.split()

    # ---- one answer

    def test_greedy_text_is_that_of_an_independent_implementation(self):
        for model, file in (("stories260K", STORIES),
                            ("TinyStories-656K", os.path.join(MODELS, "TinyStories-656K/TinyStories-656K-F32.gguf"))):
            for case in expected(model):
                with self.subTest(model=model, prompt=case["prompt"]):
                    ids = case["greedy"] + [2]  # the reference goes on behind the end of the text
                    n = ids.index(2)
                    text = self.answer(file, case["prompt"], "--temp", "0", "-n", str(n), "--kv", "f32").rstrip("\n")
                    if n == len(case["greedy"]):
                        self.assertEqual(text, case["greedy_text"].rstrip("\n"))
                    else:
                        self.assertTrue(text and case["greedy_text"].startswith(text), text)

    def test_threads_and_instruction_sets_change_nothing(self):
        case = expected("stories260K")[0]
        self.assertIn("scalar", self.isas())
        for isa in self.isas():
            for threads in ("1", "2", "3"):
                with self.subTest(isa=isa, threads=threads):
                    text = self.answer(STORIES, case["prompt"], "--temp", "0", "-n", str(len(case["greedy"])),
                                       "--isa", isa, "--threads", threads)
                    self.assertEqual(text.rstrip("\n"), case["greedy_text"].rstrip("\n"))

    def test_a_seed_is_an_answer(self):
        def once(seed):
            return self.answer(STORIES, "Once upon a time", "-n", "40", "--temp", "1.2", "--seed", seed)

        answers = [once(str(seed)) for seed in range(4)]
        self.assertEqual(answers[0], once("0"))
        self.assertGreater(len(set(answers)), 2)
        report = self.report(STORIES, "Once upon a time", "-n", "40", "--temp", "1.2")
        self.assertEqual(report["text"], once(str(report["seed"])))

    def test_standard_input_is_part_of_the_prompt(self):
        whole = self.report(STORIES, "Tom had\n\na big ball.", "--temp", "0", "-n", "16")
        parts = self.report(STORIES, "Tom", "had", "--temp", "0", "-n", "16", given="a big ball.\n")
        alone = self.report(STORIES, "--temp", "0", "-n", "16", given="Tom had\n\na big ball.")
        for other in (parts, alone):
            self.assertEqual((other["text"], other["tokens"]), (whole["text"], whole["tokens"]))

    def test_json_is_one_object_that_adds_up(self):
        report = self.report(STORIES, "Once upon a time", "--temp", "0", "-n", "7", "--ctx", "64")
        self.assertEqual(report["tokens"], {"prompt": 5, "cached": 0, "generated": 7})
        self.assertEqual((report["stop_reason"], report["mode"]), ("length", "continue"))
        self.assertEqual((report["context"]["used"], report["context"]["limit"]), (12, 64))
        self.assertEqual(report["settings"]["temperature"], {"value": "0", "from": "you"})

    def test_standard_output_holds_the_answer_alone(self):
        done = self.run_hearth(STORIES, "Once upon a time", "--temp", "0", "-n", "12", "--verbose")
        self.assertEqual(done.stdout, b", there was a little girl named Lily. She\n")
        self.assertIn(b"eval rate", done.stderr)
        self.assertNotIn(b"\r", done.stderr)
        self.assertNotIn(b"\x1b", done.stderr)
        quiet = self.run_hearth(chat_model().write(self.path("chat.gguf")), "Hi", "-n", "3")
        self.assertEqual((quiet.returncode, quiet.stderr), (0, b""))

    def test_stop_texts_end_the_answer_and_are_not_shown(self):
        words = (STORIES, "Once upon a time", "--temp", "0", "-n", "60")
        whole = self.answer(*words)
        self.assertIn("She loved", whole)
        report = self.report(*words, "--stop", "no such text", "--stop", "She loved")
        self.assertEqual(report["text"], whole[:whole.index("She loved")])
        self.assertEqual(report["stop_reason"], "stop_text")
        self.assertEqual(self.report(*words, "--stop", "\\n")["text"], whole.split("\n")[0])

    def test_settings_do_what_they_say(self):
        words = (STORIES, "Once upon a time", "--temp", "0", "-n", "60")
        whole = self.answer(*words)
        comma = json.loads(subprocess.run([HEARTH, "tokenize", STORIES, "a,", "--no-special"], capture_output=True,
                                          timeout=LIMIT_S).stdout)[-1]
        self.assertIn(",", whole)
        self.assertNotIn(",", self.answer(*words, "--logit-bias", f"{comma}-inf"))
        # A phrase of four words comes twice in the greedy text; with DRY it does not.
        def repeats(text):
            words_of = text.split()
            fours = [tuple(words_of[i:i + 4]) for i in range(len(words_of) - 3)]
            return len(fours) - len(set(fours))

        long = (STORIES, "Tom had a big red ball. He", "--temp", "0", "-n", "120")
        self.assertGreater(repeats(self.answer(*long)), 0)
        self.assertEqual(repeats(self.answer(*long, "--dry-multiplier", "4", "--dry-sequence-breaker", "none")), 0)
        self.assertNotEqual(self.answer(*words, "--repeat-penalty", "1.8"), whole)
        # One candidate is no choice.
        self.assertEqual(self.answer(STORIES, "Once upon a time", "-n", "60", "--top-k", "1", "--temp", "2"), whole)
        self.assertEqual(
            self.answer(STORIES, "Once upon a time", "-n", "60", "--samplers", "top_k", "--top-k", "1"), whole)

    # ---- a conversation

    def test_the_second_turn_reads_its_own_tokens_only(self):
        model = chat_model().write(self.path("chat.gguf"))
        out, err = self.chat("Tell me of Lily", "And then?", model=model,
                             options=("--temp", "0", "-n", "20", "--verbose"))
        (read_1, cached_1), (read_2, cached_2) = counts(err)
        self.assertEqual(cached_1, 0)
        self.assertEqual(cached_2, read_1 + 20)
        rest = "<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\n"
        tokens = json.loads(subprocess.run([HEARTH, "tokenize", model, "<s>" + rest], capture_output=True,
                                           timeout=LIMIT_S).stdout)
        self.assertEqual(read_2, len([token for token in tokens if token != 1]))
        # The same conversation, read at once: the answer does not depend on the cache.
        answers = [line for line in out.split("\n") if line and not line.startswith("(stopped")]
        first, second = out.split("(stopped after 20 tokens, as num_predict says)\n")[:2]
        whole = ("<|im_start|>user\nTell me of Lily<|im_end|>\n<|im_start|>assistant\n" + first[:-1] + rest)
        report = self.report(model, whole, "--raw", "--temp", "0", "-n", "20")
        self.assertEqual(report["text"], second.strip("\n"), answers)
        self.assertEqual(report["tokens"]["prompt"], read_2 + cached_2)

    def test_an_answer_stopped_with_ctrl_c_stays_read(self):
        model = chat_model().write(self.path("chat.gguf"))
        # No end of the text, so that the answer still runs when the signal comes.
        chat = subprocess.Popen(
            [HEARTH, "run", model, "--interactive", "--verbose", "--temp", "0", "--ctx", "16384", "--logit-bias", "2-inf",
             "--logit-bias", "511-inf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment)
        self.addCleanup(chat.kill)
        chat.stdin.write(b"Tell me of Lily\n")
        chat.stdin.flush()
        self.assertNotEqual(chat.stdout.read(20), b"")
        chat.send_signal(signal.SIGINT)
        out, err = chat.communicate(b"/set parameter num_predict 3\nAnd then?\n", timeout=LIMIT_S)
        self.assertEqual(chat.returncode, 0)
        self.assertIn(b"(stopped)\n", out)
        (read_1, cached_1), (read_2, cached_2) = counts(err.decode())
        n_generated = int(re.search(r"eval count: +(\d+) tokens\n", err.decode()[err.decode().index("eval rate"):]).group(1))
        self.assertEqual(cached_1, 0)
        self.assertEqual(cached_2, read_1 + n_generated)
        self.assertLess(read_2, read_1 + 10)

    def test_ctrl_c_ends_one_answer_with_its_code(self):
        run = subprocess.Popen([HEARTH, "run", STORIES, "Once", "--ctx", "16384", "--logit-bias", "2-inf"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=self.environment)
        self.addCleanup(run.kill)
        run.stdout.read(10)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT_S)
        self.assertEqual(run.returncode, 130)

    def test_clear_forgets_the_conversation(self):
        model = chat_model().write(self.path("chat.gguf"))
        options = ("--temp", "0", "-n", "12", "--verbose")
        out, err = self.chat("Tell me of Lily", "/clear", "Who is Tom?", model=model, options=options)
        fresh_out, fresh_err = self.chat("Who is Tom?", model=model, options=options)
        cleared = out.split("settings stay.\n")[1]
        self.assertEqual(cleared, fresh_out)
        self.assertEqual(sum(counts(err)[1]), sum(counts(fresh_err)[0]))

    def test_a_full_context_is_said_with_both_counts(self):
        done = self.run_hearth(STORIES, "Once upon a time " * 30, "--ctx", "64")
        self.assertEqual((done.returncode, done.stdout), (8, b""))
        self.assertRegex(done.stderr.decode(), r"the prompt has \d+ tokens, but the context holds 64")
        cut = self.run_hearth(STORIES, "Once upon a time", "--ctx", "32", "--temp", "0")
        self.assertEqual(cut.returncode, 0)
        self.assertIn(b"the context is full (32 of 32 tokens): the answer is cut off here", cut.stderr)
        model = chat_model().write(self.path("chat.gguf"))
        _, err = self.chat("Hello " * 60, "Hi", model=model, options=("--ctx", "64", "-n", "4", "--temp", "0", "--verbose"))
        self.assertIn("/clear", err)
        self.assertEqual(len(counts(err)), 1)  # the chat goes on

    # ---- the file

    def test_a_template_may_be_chosen(self):
        chat = chat_model().write(self.path("chat.gguf"))
        bare = chat_model()
        del bare.keys["tokenizer.chat_template"]
        bare = bare.write(self.path("bare.gguf"))
        words = ("Tell me of Lily", "--temp", "0", "-n", "20")
        with_own = self.report(chat, *words)
        self.assertEqual(with_own["mode"], "chat")
        chosen = self.report(bare, *words, "--template", "chatml")
        self.assertEqual((chosen["text"], chosen["tokens"]), (with_own["text"], with_own["tokens"]))
        self.assertEqual(self.report(bare, *words)["text"], self.report(chat, *words, "--raw")["text"])
        done = self.run_hearth(bare, *words, "--template", "nonsense")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"chatml", done.stderr)

    def test_special_tokens_count_with_raw_alone(self):
        model = chat_model().write(self.path("chat.gguf"))
        words = ("<|im_start|>", "--temp", "0", "-n", "1")
        self.assertEqual(self.report(model, *words, "--raw")["tokens"]["prompt"], 2)
        typed = self.report(model, *words)["tokens"]["prompt"]
        other = self.report(model, "<|im_strat|>", *words[1:])["tokens"]["prompt"]
        self.assertEqual(typed, other)  # letters, as any other text that a person types

    def test_what_the_file_recommends_is_taken_and_said(self):
        model = Gguf(STORIES)
        model.set("general.sampling.temp", F32, 0.0)
        model.set("general.sampling.top_k", I32, 7)
        model.set("general.sampling.min_p", F32, 3.0)
        model.set("general.sampling.sequence", STRING, "top_k;temperature")
        path = model.write(self.path("recommends.gguf"))
        done = self.run_hearth(path, "Once upon a time", "-n", "20", "--json")
        report = json.loads(done.stdout)
        self.assertEqual(report["text"], self.answer(STORIES, "Once upon a time", "-n", "20", "--temp", "0"))
        self.assertEqual(report["settings"]["top_k"], {"value": "7", "from": "model"})
        self.assertNotIn("min_p", report["settings"])
        self.assertEqual(done.stderr.count(b"the min_p that the file recommends is not used"), 1)
        own = self.report(path, "Once upon a time", "-n", "20", "--temp", "0.5", "--top-k", "0")
        self.assertEqual(own["settings"]["temperature"], {"value": "0.5", "from": "you"})

    def test_an_unknown_pre_tokenizer_is_a_warning_said_once(self):
        model = Gguf(STORIES)
        model.set("tokenizer.ggml.model", STRING, "gpt2")
        model.set("tokenizer.ggml.pre", STRING, "brand-new")
        model.set_texts("tokenizer.ggml.merges", ["a b"])
        done = self.run_hearth(model.write(self.path("new.gguf")), "ab", "-n", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        json.loads(done.stdout)
        self.assertEqual(done.stderr.count(b"brand-new"), 1, done.stderr)
        self.assertIn(b"warning: ", done.stderr)

    def test_a_file_without_a_tokenizer_is_refused_in_words(self):
        for change in ("none", "unknown"):
            model = Gguf(STORIES)
            if change == "none":
                model.keys = {key: value for key, value in model.keys.items() if not key.startswith("tokenizer.")}
                model.set("llama.vocab_size", U32, 512)
            else:
                model.set("tokenizer.ggml.model", STRING, "abacus")
            done = self.run_hearth(model.write(self.path("dumb.gguf")), "Hi")
            self.assertEqual((done.returncode, done.stdout), (5, b""), done.stderr)
            self.assertIn(b"tokenizer", done.stderr)

    def test_exit_codes(self):
        page = self.path("page.gguf")
        with open(page, "w", encoding="utf-8") as file:
            file.write("<!DOCTYPE html><html><body>Not found</body></html>")
        for words, code in (((self.path("absent.gguf"), "Hi"), 3),
                            ((self.folder, "Hi"), (2, 3, 4, 6)),
                            ((page, "Hi"), 5),
                            ((STORIES, "Hi", "--temp", "hot"), 2),
                            ((STORIES, "Hi", "--isa", "z80"), (2, 3, 5)),
                            ((STORIES, "Hi", "--ctx", "2000000000"), 7),
                            ((STORIES,), 2)):
            done = self.run_hearth(*words)
            self.assertIn(done.returncode, code if isinstance(code, tuple) else (code,), (words, done.stderr))
            self.assertEqual(done.stdout, b"")
            self.assertTrue(done.stderr.startswith(b"hearth: "), done.stderr)

    def test_the_memory_plan_adds_up(self):
        def plan(*words):
            done = subprocess.run([HEARTH, "show", STORIES, "--memory", "--json", *words], capture_output=True,
                                  env=self.environment, timeout=LIMIT_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)["memory"]

        memory = plan("--ctx", "256")
        self.assertEqual(memory["total_bytes"], sum(row["bytes"] for row in memory["rows"]))
        self.assertEqual((memory["ctx"], memory["reason"], memory["fits"]), (256, "as asked", True))
        self.assertEqual(plan()["ctx"], 2048)
        self.assertFalse(plan("--ctx", "2000000000")["fits"])
        report = self.report(STORIES, "Hi", "-n", "1", "--ctx", "256")
        self.assertEqual(report["memory_bytes"]["planned"], memory["total_bytes"])


if __name__ == "__main__":
    unittest.main()
