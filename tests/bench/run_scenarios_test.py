"""The list of benchmark scenarios, run with programs that only pretend: what is asked of them, and what is made of it."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import stat
import tempfile
import textwrap
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent / "run_scenarios.py"
spec = importlib.util.spec_from_file_location("run_scenarios", SCRIPT)
scenarios = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scenarios)

# Every program writes down how it was called. Rates: hearth 10, 30, 20, ...; peers twice that of the call before.
HEARTH = """
    import json, os, sys
    log = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "log")
    n = sum(" bench " in line for line in open(log)) if os.path.exists(log) else 0
    open(log, "a").write("hearth " + " ".join(sys.argv[1:]) + "\\n")
    def value(name, default):
        return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default
    rate = [10.0, 30.0, 20.0][n % 3]
    rows = []
    for test, names in (("pp", value("-p", "512")), ("tg", value("-n", "64"))):
        for length in map(int, names.split(",")):
            for depth in map(int, value("-d", "0").split(",")):
                for batch in map(int, value("-b", "1").split(",")) if test == "tg" else [length]:
                    if length:
                        rows.append({"model": "m", "type": "T", "test": test, "n_prompt": length * (test == "pp"),
                                     "n_gen": length * (test == "tg"), "depth": depth, "batch": batch,
                                     "samples": [rate], "tokens_per_second": rate, "percent_of_peak": rate / 2})
    machine = {"cpu": "c", "bytes_per_second": rate, "int_macs_per_second": 1.0, "float_macs_per_second": 1.0}
    json.dump({"machine": machine, "rows": rows}, open(value("--json", None), "w"))
    print("a table")
"""
PEER = """
    import json, os, sys
    if "--help" in sys.argv:
        print("-fa, --flash-attn <0|1>  HELP")
        sys.exit(0)
    log = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "../../../../build/log")
    open(log, "a").write("NAME " + " ".join(sys.argv[1:]) + "\\n")
    print(json.dumps([{"samples_ts": [5.0]}]))
"""


class Scenarios(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="hearth-scenarios-")
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        self.program("build/hearth", HEARTH)
        self.program("build/tests/make_model", "import sys\nopen(sys.argv[1], 'w').write(' '.join(sys.argv[2:]))")
        self.out = self.root / "result.json"

    def program(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/usr/bin/env python3\n" + textwrap.dedent(text))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def add_peers(self):
        self.program("peers/one/build/bin/llama-bench", PEER.replace("NAME", "one").replace("HELP", "-d, --n-depth <n>"))
        self.program("peers/two/build/bin/llama-bench",
                     PEER.replace("NAME", "two").replace("HELP", "-gp <pp,tg> -rtr, --run-time-repack <0|1>"))

    def run_main(self, *words):
        """(what was printed, the result)"""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            scenarios.main([*words, "--build", str(self.root / "build"), "--folder", str(self.root / "bench"),
                            "--out", str(self.out)])
        return printed.getvalue(), json.loads(self.out.read_text()) if self.out.exists() else None

    def calls(self):
        log = self.root / "build" / "log"
        return log.read_text().splitlines() if log.exists() else []

    def test_one_file_with_machine_commit_and_all_rows(self):
        _, result = self.run_main("--only", "llama-3.2-1b", "-t", "3")
        self.assertEqual(sorted(result), ["commit", "machine", "peers", "rows"])
        self.assertEqual(result["machine"]["cpu"], "c")
        self.assertEqual(result["machine"]["bytes_per_second"], 30.0)  # the best of two calls
        self.assertTrue(result["commit"])
        names = [scenarios.name_of(row) for row in result["rows"]]
        self.assertEqual(names, ["m T pp512", "m T tg32", "m T tg32 @ d4096", "m T tg32 @ d16384"])
        self.assertIn(" -r 3 -t 3 ", self.calls()[0])
        self.assertEqual((self.root / "bench" / "llama-3.2-1b-Q4_K_M.gguf").read_text(), "llama-3.2-1b Q4_K_M")

    def test_every_wish_of_the_list_is_a_test(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            scenarios.main(["--list", "--all"])
        text = printed.getvalue()
        for shape in ("tinyllama-1.1b", "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5", "mixtral"):
            self.assertIn(shape, text)
        for words in ("-p 32,128,512", "-d 4096,16384", "-b 2,4,8,16"):
            self.assertIn(words, text)
        self.assertEqual(self.calls(), [])

    def test_peers_take_turns_and_medians_are_compared(self):
        self.add_peers()
        printed, result = self.run_main("--only", "tinyllama", "--only", "q8_0", "--peers", str(self.root / "peers"))
        who = [call.split()[0] for call in self.calls()]
        self.assertEqual(who, ["hearth", "one", "two", "one", "two"] * 3)
        row = result["rows"][0]
        self.assertEqual(row["samples"], [10.0, 30.0, 20.0])
        self.assertEqual(row["tokens_per_second"], 20.0)
        self.assertEqual(row["percent_of_peak"], 10.0)
        self.assertEqual(result["peers"]["two"][1]["samples"], [5.0, 5.0, 5.0])
        self.assertIn("one      5.00 (4.00 x) | two      5.00 (4.00 x)", printed)
        two = [call for call in self.calls() if call.startswith("two")]
        self.assertIn("-p 512 -n 0 -r 1 -fa 1 -rtr 1 -o json", two[0])

    def test_peers_get_only_what_they_can(self):
        self.add_peers()
        one, two = scenarios.find_peers(self.root / "peers", 2)
        deep = {"test": "tg", "n_prompt": 0, "n_gen": 32, "depth": 4096, "batch": 1}
        self.assertEqual(one.words_for(deep), ["-p", "0", "-n", "32", "-d", "4096"])
        self.assertEqual(two.words_for(deep), ["-p", "0", "-n", "0", "-gp", "4096,32"])
        self.assertIsNone(one.words_for({**deep, "batch": 4}))
        self.assertIsNone(two.words_for({**deep, "test": "pp", "n_prompt": 512, "n_gen": 0, "batch": 512}))
        self.run_main("--only", "3.2-1b", "--peers", str(self.root / "peers"))
        self.assertFalse([call for call in self.calls() if "4096" in call and not call.startswith("hearth")])

    def test_a_program_that_fails_ends_the_run(self):
        self.program("build/hearth", "import sys\nsys.exit(7)")
        with self.assertRaises(scenarios.subprocess.CalledProcessError):
            self.run_main("--only", "q8_0")
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            self.run_main("--only", "no such shape")
        with self.assertRaises(SystemExit):
            self.run_main("--peers", str(self.root / "nothing"))


if __name__ == "__main__":
    os.environ.pop("HEARTH_THREADS", None)
    unittest.main()
