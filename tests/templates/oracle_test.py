"""Every chat template of the shared test data over every conversation of conversations.py: Hearth's engine gives what
Hugging Face's own JavaScript engine (@huggingface/jinja, from npm) gives, but for the listed differences, in which Python's
Jinja, for which templates are written, is right."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from conversations import all_conversations

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATES = pathlib.Path(os.environ["HEARTH_SOURCE"]).parent / "shared" / "data" / "chat-templates"
BUILD = pathlib.Path(os.environ["HEARTH_BUILD"])
NOW = "2026-07-26T12:00:00"

# What the oracle cannot do and Python can: (its error, why).
ORACLE_CANNOT = [
    (r"^Unknown ArrayValue filter: (trim|min)", "Python's trim takes any value, its min any list"),
    (r"^Unknown ObjectValue filter: string", "Python prints any value"),
    (r"^Object keys must be strings", "Python's dictionaries have keys of any kind"),
    (r"^Expected iterable or object type in for loop: got Undefined", "an undefined value is empty in Python's loops"),
    (r'^Cannot apply filter "selectattr" to type: NullValue', "it filters before it looks at the condition"),
    (r'^Cannot apply filter "length" to type: Undefined', "an undefined value has length 0"),
    (r"^Cannot unpack non-iterable type: TupleValue", "Python unpacks tuples"),
    (r'^Unknown operator "\*" between StringValue', "Python repeats strings"),
    (r"^Cannot call something that is not a function", "it lacks a method of Python's strings or dictionaries"),
]
# What Python refuses and the oracle lets pass: (Hearth's error, why).
PYTHON_REFUSES = [
    (r'can only concatenate str \(not "list"\) to str', "text + list is an error in Python"),
    (r"Object of type generator is not JSON serializable", "so is a generator as JSON"),
]
# Where both write something: (template, conversation) as expressions, why Hearth is right.
OTHER_TEXT = [
    (r"command-r7b|Nemotron-3-Nano|DeepSeek-V4", r"image|parts", "a list in a text is written as Python writes it"),
    (r"SmolLM3|QwQ", r"system_turns", "lstrip_blocks takes spaces of the template only, never of a message"),
    (r"functionary-medium-v3\.1", r"call|tools", "a safe text + another escapes the other in Python's Jinja"),
]


def known(theirs, ours, template, conversation):
    if "error" in theirs and "text" in ours:
        return any(re.search(pattern, theirs["error"]) for pattern, _ in ORACLE_CANNOT)
    if "text" in theirs and "error" in ours:
        return any(re.search(pattern, ours["error"]) for pattern, _ in PYTHON_REFUSES)
    return any(re.search(t, template) and re.search(c, conversation) for t, c, _ in OTHER_TEXT)


def run(command, job, folder):
    done = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, cwd=folder, timeout=250)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace")[-2000:])
    return json.loads(done.stdout)


class OracleTest(unittest.TestCase):
    def install(self):
        """A folder with the oracle; skips where npm or its registry cannot be reached."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            self.skipTest("no node and npm on this machine (Debian packages nodejs and npm)")
        folder = BUILD / "template-oracle"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "oracle.mjs"):
            shutil.copy(HERE / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                              capture_output=True, text=True, timeout=250)
        if done.returncode != 0:
            self.skipTest("npm ci failed, is the registry in reach? " + done.stderr[-300:])
        return folder

    def test_every_template_renders_as_the_oracle_does(self):
        if not TEMPLATES.is_dir():
            self.skipTest("no shared test data (../shared/data/chat-templates)")
        folder = self.install()
        files = sorted([*TEMPLATES.glob("llama.cpp/*.jinja"), *TEMPLATES.glob("chujiezheng/*.jinja")])
        job = {"now": NOW, "templates": {f.stem: f.read_text() for f in files}, "conversations": all_conversations()}
        theirs = run(["node", "oracle.mjs"], job, folder)
        ours = run([str(BUILD / "tests" / "render_job_demo")], job, folder)
        self.assertEqual(len(ours), 86)
        n_same = n_known = 0
        for template, renders in theirs.items():
            for conversation, their in renders.items():
                our = ours[template][conversation]
                if their.get("text") == our.get("text"):
                    n_same += 1
                    continue
                n_known += 1
                self.assertTrue(known(their, our, template, conversation),
                                f"{template}, {conversation}:\n oracle {their}\n hearth {our}")
        print(f"{n_same} renderings are the same, {n_known} differ as is known")
        self.assertGreater(n_same, 2300)


if __name__ == "__main__":
    unittest.main()
