"""The built program as a shell sees it: exit codes, pipes, full disks, installation."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HEARTH = os.environ["HEARTH"]
BUILD = os.environ["HEARTH_BUILD"]
SOURCE = pathlib.Path(os.environ["HEARTH_SOURCE"])


def hearth(*words, **more):
    return subprocess.run([HEARTH, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


class Frame(unittest.TestCase):
    def test_alone_it_tells_what_it_can_do(self):
        done = hearth()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for command in ("run", "show", "help"):
            self.assertRegex(done.stdout, rf"(?m)^  {command} ")

    def test_every_command_has_help(self):
        reference = hearth("help", "--markdown").stdout
        names = [line.split("`hearth ")[1].split("`")[0] for line in reference.splitlines() if line.startswith("| [`hearth ")]
        self.assertGreater(len(names), 4)
        for name in names:
            done = hearth(name, "--help")
            self.assertEqual(done.returncode, 0, name)
            self.assertIn(f"Usage: hearth {name}", done.stdout)
            self.assertEqual(done.stdout, hearth("help", name).stdout)

    def test_the_reference_is_in_step(self):
        self.assertEqual((SOURCE / "docs/cli.md").read_text(), hearth("help", "--markdown").stdout,
                         "./dev fmt writes docs/cli.md anew")

    def test_an_unknown_command(self):
        done = hearth("shwo")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("there is no command 'shwo'; did you mean 'show'?", done.stderr)

    def test_an_unknown_option(self):
        done = hearth("version", "--jsn")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("did you mean '--json'?", done.stderr)

    def test_version(self):
        self.assertRegex(hearth("--version").stdout, r"^hearth \d+\.\d+\.\d+ \(.+\)\n$")
        facts = json.loads(hearth("version", "--json").stdout)
        self.assertEqual(sorted(facts), ["build_type", "compiler", "git_commit", "version"])

    def test_a_missing_file_says_so_and_what_to_do(self):
        done = hearth("show", "/no/such/model.gguf")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        message, hint = done.stderr.splitlines()
        self.assertTrue(message.startswith("hearth: ") and message.endswith("."), message)
        self.assertIn("/no/such/model.gguf", message)
        self.assertTrue(hint.startswith("  ") and hint.strip(), hint)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([HEARTH, "help", "--markdown"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 6)
        self.assertIn("could be written", done.stderr)

    def test_a_closed_pipe_is_not_worth_a_word(self):
        done = subprocess.run(["sh", "-c", 'for i in $(seq 40); do "$0" help --markdown; done | head -1', HEARTH],
                              capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_bash_completion_answers(self):
        bash = shutil.which("bash")
        if bash is None:
            self.skipTest("no bash here")
        script = """
            source <("$1" completion bash)
            COMP_WORDS=(hearth completion "") COMP_CWORD=2; _hearth; echo "${COMPREPLY[@]}"
            COMP_WORDS=(hearth sho) COMP_CWORD=1; _hearth; echo "${COMPREPLY[@]}"
            COMP_WORDS=(hearth version --j) COMP_CWORD=2; _hearth; echo "${COMPREPLY[@]}"
        """
        done = subprocess.run([bash, "--norc", "-c", script, "bash", HEARTH], capture_output=True, text=True)
        self.assertEqual(done.stdout.splitlines(), ["bash zsh fish", "show", "--json"], done.stderr)

    def test_completions_and_man_page_are_well_formed(self):
        for shell, check in (("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])):
            if shutil.which(shell) is None:
                continue
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
                file.write(hearth("completion", shell).stdout)
                file.flush()
                done = subprocess.run([*check, file.name], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), shell)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=hearth("help", "--man").stdout,
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_installation(self):
        with tempfile.TemporaryDirectory(prefix="hearth-install-") as prefix:
            done = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = {str(path.relative_to(prefix)) for path in pathlib.Path(prefix).rglob("*") if path.is_file()}
            self.assertEqual(found, {
                "bin/hearth",
                "share/man/man1/hearth.1",
                "share/bash-completion/completions/hearth",
                "share/zsh/vendor-completions/_hearth",
                "share/fish/vendor_completions.d/hearth.fish",
            })
            installed = subprocess.run([f"{prefix}/bin/hearth", "--version"], capture_output=True, text=True)
            self.assertEqual(installed.stdout, hearth("--version").stdout)


if __name__ == "__main__":
    unittest.main()
