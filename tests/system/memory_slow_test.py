"""The memory plan against the memory that `hearth run` really takes, on a file of 640 MB with the shapes of a real model."""

import json
import os
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
MAKE_MODEL = os.path.join(os.environ.get("HEARTH_BUILD", "build"), "tests", "make_model")
SHARE = 0.10  # the most that plan and use may differ


@unittest.skipUnless(os.path.exists(MAKE_MODEL), "make_model is not built")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.model = os.path.join(cls.folder.name, "large.gguf")
        subprocess.run([MAKE_MODEL, cls.model, "tinyllama-1.1b", "Q4_K_M"], check=True, capture_output=True)

    def hearth(self, *words):
        done = subprocess.run([HEARTH, *words], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_the_plan_is_what_a_run_takes(self):
        for options in (("--ctx", "2048"), ("--ctx", "512", "--threads", "1"), ("--ctx", "2048", "--kv", "f32")):
            with self.subTest(options=options):
                plan = self.hearth("show", self.model, "--memory", "--json", *options)["memory"]
                used = self.hearth("run", self.model, "Once upon a time", "-n", "8", "--json", *options)["memory_bytes"]
                self.assertEqual(used["planned"], plan["total_bytes"])
                self.assertLess(abs(used["resident_max"] - plan["total_bytes"]), SHARE * plan["total_bytes"])


if __name__ == "__main__":
    unittest.main()
