"""Real keys in a real terminal (tmux) for the chat of `hearth run`, with a backend that has no model.

Waits for what must appear on the screen, never for a time. Skipped where there is no tmux.
"""

import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

DEMO = os.path.join(os.environ.get("HEARTH_BUILD", "build"), "tests", "run_chat_demo")
LIMIT_S = 60  # far above what anything here takes on a busy machine


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder, columns=70, rows=20, **environment):
        # A socket of its own: a server that is just ending would answer on one that was used before.
        self.socket = os.path.join(tempfile.mkdtemp(prefix="tmux-", dir=folder), "socket")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "XDG_STATE_HOME": os.path.join(folder, "state"),
            "LC_ALL": "C.UTF-8",
            **environment,
        }
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "bash --norc --noprofile -i")
        self.line("PS1='she''ll> '")
        self.wait("shell>")

    def tmux(self, *arguments, text=None):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], input=text, text=True,
                              env=self.environment, capture_output=True, timeout=LIMIT_S)
        if done.returncode != 0:
            raise RuntimeError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, timeout=LIMIT_S)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def cursor(self):
        x, y = self.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
        return int(x), int(y)

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def line(self, text):
        self.type(text)
        self.keys("Enter")

    def paste(self, text):
        self.tmux("load-buffer", "-", text=text)
        self.tmux("paste-buffer", "-p")

    def wait(self, wanted, times=1):
        """Until the screen holds `wanted` (text, or a function of the screen's lines) that often."""
        end = time.monotonic() + LIMIT_S
        while True:
            screen = self.screen()
            if callable(wanted) and wanted(screen.rstrip("\n").split("\n")):
                return screen
            if not callable(wanted) and screen.count(wanted) >= times:
                return screen
            if time.monotonic() > end:
                raise AssertionError(f"never seen: {wanted!r} in\n{screen}")
            time.sleep(0.03)


@unittest.skipIf(shutil.which("tmux") is None or shutil.which("bash") is None, "needs tmux and bash")
class RunKeysTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(os.path.exists(DEMO), f"{DEMO} is not built")
        self.folder = tempfile.mkdtemp(prefix="hearth-keys-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def open(self, *options, **environment):
        terminal = Terminal(self.folder, **environment)
        self.addCleanup(terminal.close)
        self.start(terminal, *options)
        return terminal

    def start(self, terminal, *options):
        terminal.line(shlex.join(["clear;", DEMO, "run", "model.gguf", *options]).replace("'clear;'", "clear;"))
        terminal.wait("Send a message (/? for help)")

    def history(self):
        with open(os.path.join(self.folder, "state", "hearth", "history"), encoding="utf-8") as file:
            return file.read()

    def test_answers_and_leaves_the_terminal_as_it_was(self):
        t = self.open()
        self.assertIn("Context: 1000 tokens", t.screen())
        t.line("hello you")
        t.wait("Echo: hello you")
        t.wait("Send a message")
        t.keys("C-d")
        t.wait("shell>")
        t.line("stty -a")
        screen = t.wait("icanon")
        self.assertNotIn("-icanon", screen)
        self.assertNotIn("-echo ", screen)

    def test_edits(self):
        t = self.open()
        t.type("helo wrld")
        t.keys("Left", "Left", "Left")
        t.type("o")
        t.keys("Home", "Right", "Right")
        t.type("l")
        t.wait(">>> hello world")
        self.assertEqual(t.cursor()[0], 4 + 3)
        t.keys("M-f", "C-k", "C-a")
        t.type("say ")
        t.keys("C-e")
        t.type(" é漢👍")
        t.keys("Left", "BSpace", "Enter")
        t.wait("Echo: say hello é👍")

    def test_a_long_entry_wraps_and_survives_a_resize(self):
        t = self.open()
        words = " ".join(f"word{i}" for i in range(20))
        t.type(words)
        t.wait(lambda lines: lines[-1].endswith("word19"))
        t.tmux("resize-window", "-x", "40", "-y", "20")
        t.keys("Home")
        t.type("x ")
        t.wait(">>> x word0")
        t.keys("End")
        t.type(" end")
        t.keys("Enter")
        flat = lambda lines: f"Echo: x {words} end" in "".join(line.ljust(40) for line in lines)
        t.wait(flat)

    def test_a_paste_does_not_submit(self):
        t = self.open()
        t.type("see ")
        t.paste("one\ntwo\n")
        t.wait(lambda lines: lines[-3:] == [">>> see one", "... two", "..."])
        self.assertNotIn("Echo", t.screen())
        t.type("three")
        t.keys("Enter")
        t.wait("Echo: see one two three")

    def test_block_quotes(self):
        t = self.open()
        t.line('"""first')
        t.wait(lambda lines: lines[-1] == "...")
        t.line("/bye")
        t.line('last"""')
        t.wait("Echo: first /bye last")
        self.assertIn('"""first\\n/bye\\nlast"""\n', self.history())

    def test_ctrl_c_stops_the_answer_not_the_program(self):
        t = self.open()
        t.line("count please")
        t.wait("1 2 3 4 5 6 7 8")
        t.keys("C-c")
        t.wait("(stopped)")
        t.wait("Send a message")
        t.line("and now")
        t.wait("Echo: and now")
        t.type("half an entry")
        t.wait(">>> half an entry")
        t.keys("C-c")
        t.wait(lambda lines: "half an entry" not in "".join(lines))
        t.keys("C-c")
        t.wait("type /bye")
        t.line("/bye")
        t.wait("shell>")

    def test_history_goes_on_in_the_next_run(self):
        t = self.open()
        t.line("tell a story of bears")
        t.wait("Echo: tell a story")
        t.line("something else")
        t.wait("Echo: something else")
        t.line("/bye")
        t.wait("shell>")
        path = os.path.join(self.folder, "state", "hearth", "history")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.start(t)
        t.keys("Up", "Up")
        t.wait(">>> something else")
        t.keys("Down")
        t.wait(">>> /bye")
        t.keys("C-r")
        t.type("bear")
        t.wait("(search) bear: tell a story of bears")
        t.keys("Enter")
        t.wait("Echo: tell a story of bears")
        t.line("/set nohistory")
        t.wait("not remembered")
        t.line("secret words")
        t.wait("Echo: secret words")
        self.assertNotIn("secret", self.history())

    def test_no_history_leaves_no_file(self):
        t = self.open("--no-history")
        t.line("hello")
        t.wait("Echo: hello")
        t.line("/bye")
        t.wait("shell>")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "state")))

    def test_a_home_that_cannot_be_written_is_one_warning(self):
        t = self.open(XDG_STATE_HOME="/dev/null")
        t.line("one")
        t.wait("Echo: one")
        t.line("two")
        screen = t.wait("Echo: two")
        self.assertEqual(screen.count("not kept for the next time"), 1)
        t.keys("Up", "Up")
        t.wait(lambda lines: lines[-1] == ">>> one")

    def test_suspend_and_continue(self):
        t = self.open()
        t.type("half")
        t.wait(">>> half")
        t.keys("C-z")
        t.wait("Stopped")
        t.line("fg")
        t.wait(">>> half", times=2)
        t.line(" done")
        t.wait("Echo: half done")

    def test_an_entry_higher_than_the_window(self):
        t = self.open()
        t.paste("".join(f"line {i}\n" for i in range(100)))
        t.type("end")
        screen = t.wait(lambda lines: lines[-1] == "... end")
        self.assertIn("... line 99", screen)
        t.keys(*["Up"] * 60)
        t.wait("... line 40")
        t.keys("Home")
        t.type("here")
        t.wait("hereline 40")
        t.keys("Enter")
        t.wait("line 99 end")
        t.line("next")
        t.wait("Echo: next")

    def test_a_large_paste_is_quick_enough(self):
        t = self.open("--no-history", "--ctx", "1000000")
        t.paste("word " * 100_000)
        t.type("end")
        t.wait(lambda lines: lines[-1].endswith("word end"))
        t.keys("BSpace", "BSpace", "BSpace")
        t.wait(lambda lines: lines[-1].endswith("word"))
        t.keys("C-u")
        t.line("next")
        t.wait("Echo: next")

    def test_a_killed_program_restores_the_terminal(self):
        for number, word in ((signal.SIGTERM, "Terminated"), (signal.SIGABRT, "Aborted")):
            with self.subTest(word):
                self.kill_and_look(number, word)

    def kill_and_look(self, number, word):
        t = self.open()
        pids = subprocess.run(["pgrep", "-P", t.tmux("display-message", "-p", "#{pane_pid}").strip()],
                              capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(pids[0]), number)
        t.wait(word)
        t.line("stty -a")
        self.assertNotIn("-icanon", t.wait("icanon"))
        t.close()

    def test_control_characters_of_a_model_do_not_reach_the_terminal(self):
        t = self.open()
        t.line("hostile")
        t.wait("]0;owned")
        self.assertNotIn("owned", t.tmux("display-message", "-p", "#{pane_title}"))

    def test_completion_and_commands(self):
        t = self.open()
        t.type("/sh")
        t.keys("Tab")
        t.type("inf")
        t.keys("Tab", "Enter")
        t.wait("1.1 billion")
        t.line("/shwo")
        t.wait("did you mean /show?")

    def test_progress_of_a_slow_load_disappears(self):
        t = Terminal(self.folder)
        self.addCleanup(t.close)
        t.line(f"clear; {shlex.quote(DEMO)} run slow.gguf")
        t.wait(" %")
        screen = t.wait("Send a message")
        self.assertNotIn("loading slow", screen)

    def test_a_dumb_terminal_gets_plain_lines(self):
        t = Terminal(self.folder)
        self.addCleanup(t.close)
        t.line(f"clear; TERM=dumb {shlex.quote(DEMO)} run model.gguf")
        t.wait(lambda lines: lines[-1] == ">>>")
        t.line("hello")
        t.wait("Echo: hello")
        t.keys("C-c")
        t.wait("type /bye")
        t.line('"""a')
        t.wait("...")
        t.line('b"""')
        t.wait("Echo: a b")
        t.keys("C-d")
        t.wait("shell>")


class RunPipeTest(unittest.TestCase):
    def test_interactive_lines_from_a_pipe(self):
        done = subprocess.run([DEMO, "run", "model.gguf", "--interactive", "--no-history"],
                              input='hello\n/set parameter seed 3\n"""two\r\nlines"""\n/bye\nnot read\n',
                              text=True, capture_output=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "Echo: hello\n\nseed = 3\nEcho: two lines\n\n")

    def test_ctrl_c_ends_one_answer_with_130(self):
        process = subprocess.Popen([DEMO, "run", "model.gguf", "count"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, bufsize=0)
        self.assertEqual(process.stdout.read(1), b"1")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 130)
        # It stopped between two words, and the line was ended.
        self.assertRegex(rest, rb"^( \d+)*\n$")

    def test_a_standard_input_that_never_ends_is_said(self):
        process = subprocess.Popen([DEMO, "run", "model.gguf", "hello"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.assertIn(b"waiting for standard input", process.stderr.readline())
        out, _ = process.communicate(b"and more\n", timeout=LIMIT_S)
        self.assertEqual(out, b"Echo: hello and more\n")

    def test_no_standard_input_at_all_is_an_empty_one(self):
        done = subprocess.run(f"{shlex.quote(DEMO)} run model.gguf hello <&-", shell=True, capture_output=True,
                              text=True, timeout=LIMIT_S, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Echo: hello\n", ""))

    def test_a_closed_pipe_ends_the_answer(self):
        done = subprocess.run(f"{shlex.quote(DEMO)} run model.gguf count </dev/null | head -c 20", shell=True,
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.stdout, "1 2 3 4 5 6 7 8 9 10")


if __name__ == "__main__":
    unittest.main()
