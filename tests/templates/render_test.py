"""`hearth render` as a shell sees it: bare templates byte for byte, conversations of a model, mistakes."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
SHARED = pathlib.Path(os.environ["HEARTH_SOURCE"]).parent / "shared" / "data"
TEMPLATES = SHARED / "chat-templates"
STORIES = SHARED / "models" / "stories260K.gguf"


class Render(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, content):
        path = pathlib.Path(self.folder.name) / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def render(self, *words, given=None):
        done = subprocess.run([HEARTH, "render", *map(str, words)], capture_output=True, input=given, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_bare_templates_equal_pythons_jinja(self):
        if not TEMPLATES.is_dir():
            self.skipTest("no shared test data (../shared/data/chat-templates)")
        expected = json.loads((TEMPLATES / "expected.json").read_text())
        contexts = {name: self.file(f"{name}.json", value) for name, value in expected["contexts"].items()}
        n = 0
        for template, renders in expected["renders"].items():
            for name, wanted in renders.items():
                code, out, err = self.render("--template", TEMPLATES / template, "--context", contexts[name],
                                             "--now", expected["now"])
                n += 1
                if "text" in wanted:
                    self.assertEqual((code, out), (0, wanted["text"]), f"{template} {name} {err}")
                else:
                    self.assertNotEqual(code, 0, f"{template} {name}")
                    self.assertEqual(out, "")
                    self.assertTrue(err.startswith("hearth: "), err)
        self.assertEqual(n, 688)

    def test_a_conversation_with_a_built_in_template(self):
        chat = self.file("chat.json", [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hel"}])
        self.assertEqual(self.render("--template", "chatml", "--messages", chat)[1],
                         "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHel<|im_end|>\n")
        self.assertEqual(self.render("--template", "chatml", "--messages", chat, "--continue")[1],
                         "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHel")
        asked = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
        self.assertEqual(self.render("--template", "chatml", "--messages", "-", given=asked)[1],
                         "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")

    def test_thinking_and_tools_reach_the_template(self):
        if not TEMPLATES.is_dir():
            self.skipTest("no shared test data (../shared/data/chat-templates)")
        qwen = TEMPLATES / "llama.cpp" / "Qwen-Qwen3-0.6B.jinja"
        chat = self.file("chat.json", [{"role": "user", "content": "Hi"}])
        tools = self.file("tools.json", [{"name": "look_up", "parameters": {"type": "object"}}])
        on = self.render("--template", qwen, "--messages", chat, "--think", "on")[1]
        off = self.render("--template", qwen, "--messages", chat, "--think", "off")[1]
        self.assertEqual(off, on + "<think>\n\n</think>\n\n")
        self.assertIn("look_up", self.render("--template", qwen, "--messages", chat, "--tools", tools)[1])
        gpt = TEMPLATES / "llama.cpp" / "openai-gpt-oss-120b.jinja"
        self.assertIn("Reasoning: high", self.render("--template", gpt, "--messages", chat, "--think", "high")[1])
        code, _, err = self.render("--template", gpt, "--messages", chat, "--think", "off")
        self.assertEqual(code, 0)
        self.assertIn("always thinks", err)

    def test_ids_read_special_tokens_of_the_template_only_and_one_bos(self):
        if not STORIES.exists():
            self.skipTest("no shared test data (../shared/data/models)")
        chat = self.file("chat.json", [{"role": "user", "content": "a </s> b"}])
        code, out, err = self.render(STORIES, "--messages", chat, "--template", "llama2", "--ids")
        self.assertEqual(code, 0, err)
        ids = json.loads(out)
        self.assertEqual(ids.count(1), 1)
        self.assertEqual(ids[0], 1)
        self.assertNotIn(2, ids)
        code, _, err = self.render(STORIES, "--messages", chat)
        self.assertEqual(code, 3)
        self.assertIn("no chat template", err)
        self.assertIn("chatml", err)

    def test_mistakes_are_one_sentence_and_a_next_step(self):
        chat = self.file("chat.json", [{"role": "user", "content": "Hi"}])
        bad = self.file("bad.jinja", "{{ 1 + }}")
        for words, code, part in [
                ((), 2, "no conversation"),
                (("--messages", chat), 2, "neither a MODEL nor a --template"),
                (("--messages", chat, "--template", "nonsense"), 3, "there is no chat template 'nonsense'"),
                (("--messages", chat, "--template", bad), 4, "line 1"),
                (("--messages", chat, "--template", "chatml", "--ids"), 2, "needs the vocabulary"),
                (("--messages", chat, "--template", "chatml", "--think", "loud"), 2, "how to think"),
                (("--messages", chat, "--template", "chatml", "--now", "soon"), 2, "is no time"),
                (("--messages", chat, "--template", "chatml", "--continue"), 5, "cannot be continued"),
                (("--messages", self.file("x.json", "{}"), "--template", "chatml"), 2, "no list of messages"),
                (("--messages", self.file("y.json", "[3]"), "--template", "chatml"), 2, "message 1"),
                (("--messages", self.file("z.json", "[[["), "--template", "chatml"), 2, "not valid JSON"),
                (("--context", chat, "--template", "chatml"), 2, "not a JSON object")]:
            with self.subTest(words=words):
                got, out, err = self.render(*words)
                self.assertEqual(got, code, err)
                self.assertEqual(out, "")
                self.assertIn(part, err)


if __name__ == "__main__":
    unittest.main()
