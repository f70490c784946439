"""./dev on machines that are not this one: fakes of dpkg, apt-get, sudo, cmake and ninja stand first in PATH."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("HEARTH_SOURCE", pathlib.Path(__file__).resolve().parents[2]))

# Each fake writes its call into $LOG.
FAKES = {
    "dpkg-query": 'cat "$STATE"',
    "apt-get": """
echo "apt-get $*" >>"$LOG"
[[ ${NETWORK:-up} == up ]] || { echo "E: no network" >&2; exit 100; }
if [[ $1 == update ]]; then touch "$STATE.updated"; exit 0; fi
[[ ${LISTS:-full} == full || -e $STATE.updated ]] || { echo "E: Unable to locate package" >&2; exit 100; }
for word in "$@"; do [[ $word == -* || $word == install ]] || echo "installed $word" >>"$STATE"; done
""",
    "id": 'echo "${FAKE_UID:-0}"',
    "sudo": 'echo "sudo $*" >>"$LOG"; [[ ${SUDO:-yes} == yes ]] || exit 1; [[ $1 != -n ]] || shift; "$@"',
    "cmake": """
echo "cmake $*" >>"$LOG"
[[ $* == *--preset* ]] || exit 0
root=$2
dir=$root/build/$4
mkdir -p "$dir"
touch "$dir/build.ninja"
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$root" >"$dir/CMakeCache.txt"
for word in "$@"; do case $word in -D*) word=${word#-D}; echo "${word%%=*}:BOOL=${word#*=}" >>"$dir/CMakeCache.txt" ;; esac; done
""",
    "ninja": """
dir=$2
if [[ -x $dir/hearth ]]; then echo "ninja: no work to do."; exit 0; fi
echo "ninja $*" >>"$LOG"
echo "[1/1] Linking hearth"
if [[ ${COMPILES:-yes} != yes ]]; then echo "FAILED: hearth"; echo "main.cc:1: error: nonsense"; exit 1; fi
printf '#!/bin/bash\\necho "hearth in $PWD:"; printf "<%%s>" "$@"; echo\\n' >"$dir/hearth"
chmod +x "$dir/hearth"
""",
    "ctest": 'echo "ctest $*" >>"$LOG"; echo "100% tests passed, 0 tests failed out of 1"',
}


class Dev(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hearth-dev-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.root = self.top / "checkout"
        (self.root / "tools").mkdir(parents=True)
        shutil.copy(SOURCE / "dev", self.root / "dev")
        shutil.copy(SOURCE / "tools/packages.txt", self.root / "tools/packages.txt")
        fakes = self.top / "fakes"
        fakes.mkdir()
        for name, script in FAKES.items():
            (fakes / name).write_text("#!/bin/bash\n" + script + "\n")
            (fakes / name).chmod(0o755)
        self.log = self.top / "log"
        (self.top / "state").write_text("installed cmake\nnot-installed ninja-build\n")
        self.env = {"PATH": f"{fakes}:{os.environ['PATH']}", "LOG": str(self.log), "STATE": str(self.top / "state"),
                    "HOME": str(self.top)}

    def dev(self, *words, cwd=None, **env):
        """(exit code, stdout, stderr, calls of the fakes)"""
        self.log.write_text("")
        done = subprocess.run([str(self.root / "dev"), *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              cwd=cwd or self.root, env={**self.env, **env})
        return done.returncode, done.stdout, done.stderr, self.log.read_text().splitlines()

    def test_the_first_run_installs_says_why_builds_and_starts(self):
        code, out, err, calls = self.dev("run", "m.gguf", "Once upon", "--seed", "1", cwd=self.top)
        self.assertEqual(code, 0, err)
        self.assertIn("ninja-build", err)
        self.assertIn("runs the build on all cores", err)
        self.assertNotIn("cmake ", err.split("to be installed")[1])  # is there already
        self.assertNotIn("libgtest-dev", err)  # only building is asked for
        self.assertEqual(out, f"hearth in {self.top}:\n<run><m.gguf><Once upon><--seed><1>\n")
        self.assertEqual([c for c in calls if c.startswith("apt-get update")], [])
        self.assertEqual(sum(c.startswith("ninja") for c in calls), 1)

    def test_the_second_run_installs_and_builds_nothing(self):
        self.dev("run", "m.gguf")
        code, out, err, calls = self.dev("run", "m.gguf")
        self.assertEqual((code, calls, err), (0, [], ""))
        self.assertIn("<run><m.gguf>", out)

    def test_without_a_model_three_lines(self):
        code, out, err, calls = self.dev("run")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(out.splitlines()), 3)
        self.assertIn("./dev run MODEL.gguf", out)

    def test_empty_package_lists_are_fetched(self):
        code, _, err, calls = self.dev("run", "m.gguf", LISTS="empty")
        self.assertEqual(code, 0, err)
        self.assertEqual(sum(c.startswith("apt-get update") for c in calls), 1)

    def test_no_network(self):
        code, _, err, _ = self.dev("run", "m.gguf", NETWORK="down")
        self.assertEqual(code, 1)
        self.assertIn("apt-get could not install", err)
        self.assertIn("Is there a network", err)

    def test_sudo_is_used_by_those_who_are_not_root(self):
        code, _, err, calls = self.dev("run", "m.gguf", FAKE_UID="1000")
        self.assertEqual(code, 0, err)
        self.assertTrue(any(c.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get install") for c in calls), calls)

    def test_neither_root_nor_sudo(self):
        code, _, err, calls = self.dev("run", "m.gguf", FAKE_UID="1000", SUDO="no")
        self.assertEqual(code, 1)
        self.assertIn("Ask for: apt-get install g++", err)
        self.assertFalse(any(c.startswith("apt-get") for c in calls), calls)

    def test_a_failed_build_shows_the_errors(self):
        code, _, err, _ = self.dev("run", "m.gguf", COMPILES="no")
        self.assertEqual(code, 1)
        self.assertIn("main.cc:1: error: nonsense", err)
        self.assertIn("the build of 'release' failed", err)
        self.assertNotIn("Linking", err)

    def test_test_adds_what_tests_need(self):
        code, out, err, calls = self.dev("test", "-R", "Gguf")
        self.assertEqual(code, 0, err)
        self.assertIn("libgtest-dev", err)
        self.assertTrue(any("--preset release -DHEARTH_TESTS=ON" in c for c in calls), calls)
        ctest = [c for c in calls if c.startswith("ctest")]
        self.assertEqual(len(ctest), 1)
        self.assertIn("-LE slow -R Gguf", ctest[0])
        self.assertTrue(out.splitlines()[-1].startswith("100% tests passed"))

    def test_a_run_after_a_test_keeps_its_build(self):
        self.dev("test")
        _, _, _, calls = self.dev("run", "m.gguf")
        self.assertEqual(calls, [])

    def test_rooms_and_sanitizers(self):
        for room in ("base", "format"):
            (self.root / "src" / room).mkdir(parents=True)
            (self.root / "src" / room / "some_test.cc").touch()
        code, _, err, calls = self.dev("test", "--asan", "--rooms", "base,format")
        self.assertEqual(code, 0, err)
        self.assertTrue(any("--preset asan" in c for c in calls), calls)
        self.assertTrue(any(c.endswith("base_test format_test") for c in calls), calls)
        self.assertTrue(any("-L ^(base|format)$" in c for c in calls), calls)

    def test_an_unknown_command(self):
        code, _, err, _ = self.dev("tset")
        self.assertEqual(code, 2)
        self.assertIn("there is no command 'tset'", err)

    def test_every_package_has_a_reason(self):
        for line in (SOURCE / "tools/packages.txt").read_text().splitlines():
            if line and not line.startswith("#"):
                self.assertGreaterEqual(len(line.split()), 4, line)


if __name__ == "__main__":
    unittest.main()
