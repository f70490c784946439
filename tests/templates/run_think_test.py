"""`hearth run` with a real model that is made to think: the template opens the reasoning, the budget ends it."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
STORIES = pathlib.Path(os.environ["HEARTH_SOURCE"]).parent / "shared" / "data" / "models" / "stories260K.gguf"
TEMPLATE = ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}assistant: {{ '<think></think>' if enable_thinking is false else '<think>' }}"
            "{% endif %}")


class RunThink(unittest.TestCase):
    def run_hearth(self, *words):
        if not STORIES.exists():
            self.skipTest("no shared test data (../shared/data/models)")
        with tempfile.TemporaryDirectory() as folder:
            template = pathlib.Path(folder) / "think.jinja"
            template.write_text(TEMPLATE)
            done = subprocess.run([HEARTH, "run", str(STORIES), "Once upon a time", "--template", str(template),
                                   "--temp", "0", "-n", "40", *words], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def report(self, *words):
        return json.loads(self.run_hearth("--json", *words).stdout)

    def test_the_budget_ends_the_reasoning(self):
        endless = self.report("--think", "on")
        self.assertTrue(endless["reasoning"])
        self.assertEqual(endless["text"], "")
        bounded = self.report("--think", "6")
        self.assertTrue(bounded["reasoning"])
        self.assertTrue(endless["reasoning"].startswith(bounded["reasoning"]), bounded)
        self.assertLess(len(bounded["reasoning"]), len(endless["reasoning"]) / 2)
        self.assertTrue(bounded["text"])
        self.assertNotIn("think>", bounded["text"] + bounded["reasoning"])

    def test_off_answers_at_once(self):
        answer = self.report("--think", "off")
        self.assertEqual(answer["reasoning"], "")
        self.assertTrue(answer["text"])

    def test_reasoning_and_answer_go_different_ways(self):
        done = self.run_hearth("--think", "6")
        self.assertTrue(done.stdout.strip())
        self.assertTrue(done.stderr.strip())
        self.assertEqual(self.run_hearth("--think", "6", "--hide-thinking").stderr, "")


if __name__ == "__main__":
    unittest.main()
