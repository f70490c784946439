#!/usr/bin/env python3
"""Runs the list of benchmark scenarios and writes one file with machine, commit and all rows; `./dev bench` calls it.

A scenario is a model of a real shape with random weights (make_model.cc) and words for `hearth bench`. With --peers, other
programs run the same tests in turn with hearth, round by round, and the medians are compared: on a machine that others use
too, only what ran side by side can be.

The file (default build/bench/result-COMMIT.json) holds {"machine", "commit", "rows", "peers"}; `hearth bench --compare` and
the --compare of this script read it.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# ---- the list

PREFILL = ["-p", "32,128,512", "-n", "0"]
DECODE = ["-p", "0", "-n", "32"]
DEPTHS = ["-p", "0", "-n", "32", "-d", "4096,16384"]
DEEP_PREFILL = ["-p", "512", "-n", "0", "-d", "4096,16384"]
BATCHES = ["-p", "0", "-n", "16", "-b", "2,4,8,16"]
SHORT = ["-p", "512", "-n", "32"]
EVERYTHING = [PREFILL, DECODE, DEPTHS, DEEP_PREFILL, BATCHES]

# (shape, type, tests of the quick list, tests of --all)
SCENARIOS = [
    ("tinyllama-1.1b", "Q4_K_M", [PREFILL, DECODE, DEPTHS, BATCHES], EVERYTHING),
    ("tinyllama-1.1b", "Q8_0", [SHORT], [SHORT, BATCHES]),
    ("tinyllama-1.1b", "Q4_0", [SHORT], [SHORT, BATCHES]),
    ("tinyllama-1.1b", "Q5_K_M", [], [SHORT]),
    ("tinyllama-1.1b", "Q6_K", [], [SHORT]),
    ("tinyllama-1.1b", "IQ4_XS", [], [SHORT]),
    ("tinyllama-1.1b", "BF16", [], [SHORT]),
    ("tinyllama-1.1b", "F16", [], [SHORT]),
    ("llama-3.2-1b", "Q4_K_M", [SHORT, DEPTHS], EVERYTHING),
    ("llama-3.2-1b", "Q8_0", [], [SHORT, BATCHES]),
    ("llama-3.2-3b", "Q4_K_M", [], EVERYTHING),
    ("llama-3.1-8b", "Q4_K_M", [], [SHORT, DEPTHS, BATCHES]),
    ("qwen2.5-1.5b", "Q4_K_M", [], EVERYTHING),
    ("qwen2.5-7b", "Q4_K_M", [], [SHORT]),
    ("mixtral-tiny", "Q4_K_M", [], [SHORT, DEPTHS, BATCHES]),
    ("qwen3-moe-tiny", "Q4_K_M", [], [SHORT, BATCHES]),
    ("glm-4.7-flash-tiny", "Q4_K_M", [], [SHORT, DEPTHS, BATCHES]),
    ("qwen3.5-0.8b", "Q4_K_M", [], [SHORT, DEPTHS, BATCHES]),
]

# ---- rows: one shape for hearth's and for those of others

KEY = ("model", "type", "test", "n_prompt", "n_gen", "depth", "batch")


def key_of(row):
    return tuple(row[name] for name in KEY)


def name_of(row):
    sequences = f" b{row['batch']}" if row["test"] == "tg" and row["batch"] > 1 else ""
    depth = f" @ d{row['depth']}" if row["depth"] else ""
    return f"{row['model']} {row['type']} {row['test']}{row['n_prompt'] + row['n_gen']}{sequences}{depth}"


def merge(rounds):
    """One row from those of several rounds: all samples and their median, and the median of every measure."""
    row = dict(rounds[-1])
    row["samples"] = [sample for one in rounds for sample in one["samples"]]
    for name, value in row.items():
        if isinstance(value, float):
            row[name] = statistics.median(one[name] for one in rounds)
    row["tokens_per_second"] = statistics.median(row["samples"])
    return row


def merge_rounds(rows):
    by_key = {}
    for row in rows:
        by_key.setdefault(key_of(row), []).append(row)
    return [merge(rounds) for rounds in by_key.values()]


# ---- the programs


class Hearth:
    name = "hearth"

    def __init__(self, program, threads):
        self.program = program
        self.more = ["-t", str(threads)] if threads else []
        self.machine = None

    def run(self, model, tests, repeats, *more, quiet=True):
        """The rows of one run."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            words = [self.program, "bench", model, *tests, "-r", str(repeats), *self.more, "--json", path, *more]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL if quiet else None)
            with open(path, encoding="utf-8") as file:
                result = json.load(file)
        machine = result["machine"]
        for name in ("bytes_per_second", "int_macs_per_second", "float_macs_per_second"):
            if self.machine is not None:
                machine[name] = max(machine[name], self.machine[name])
        self.machine = machine
        return result["rows"]


class LlamaBench:
    """A program with the options and the JSON of llama-bench."""

    def __init__(self, name, program, threads):
        self.name = name
        self.program = program
        self.more = ["-t", str(threads)] if threads else []
        done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        text = done.stdout + done.stderr
        self.has_depth = "--n-depth" in text
        self.has_gp = "-gp <" in text
        if "--flash-attn" in text:
            self.more += ["-fa", "1"]
        if "--run-time-repack" in text:
            self.more += ["-rtr", "1"]

    def words_for(self, row):
        """The options that ask for this row of hearth's; None where the program has no such test."""
        prompt, gen, depth = row["n_prompt"], row["n_gen"], row["depth"]
        if row["test"] == "tg" and row["batch"] > 1:
            return None
        if depth == 0:
            return ["-p", str(prompt), "-n", str(gen)]
        if self.has_depth:
            return ["-p", str(prompt), "-n", str(gen), "-d", str(depth)]
        if self.has_gp and gen > 0:
            return ["-p", "0", "-n", "0", "-gp", f"{depth},{gen}"]
        return None

    def run(self, model, row, repeats):
        """The same row, measured by this program; None where it cannot."""
        words = self.words_for(row)
        if words is None:
            return None
        done = subprocess.run([self.program, "-m", model, *words, "-r", str(repeats), *self.more, "-o", "json"],
                              capture_output=True, text=True, check=False)
        try:
            samples = json.loads(done.stdout)[-1]["samples_ts"]
        except (ValueError, LookupError, TypeError):
            print(f"{self.name}: no result for {name_of(row)} (exit code {done.returncode})", file=sys.stderr)
            return None
        return {**{name: row[name] for name in KEY}, "samples": samples, "tokens_per_second": statistics.median(samples)}


def find_peers(folder, threads):
    programs = sorted(pathlib.Path(folder).glob("*/build/bin/llama-bench"))
    if not programs:
        sys.exit(f"there is no */build/bin/llama-bench in {folder}")
    return [LlamaBench(program.parents[2].name, str(program), threads) for program in programs]


# ---- the run


def git_commit():
    def git(*words):
        return subprocess.run(["git", "-C", str(SOURCE), *words], capture_output=True, text=True, check=False).stdout.strip()
    commit = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return commit + ("-changed" if git("status", "--porcelain", "--untracked-files=no") else "")


def chosen(options):
    """(shape, type, tests) of every scenario that the options ask for."""
    for shape, kind, quick, every in SCENARIOS:
        tests = every if options.all else quick
        if tests and all(word.lower() in f"{shape} {kind}".lower() for word in options.only):
            yield shape, kind, tests


def make_model(options, shape, kind):
    path = options.folder / f"{shape}-{kind}.gguf"
    # Older than its maker: may be made differently now.
    if not path.exists() or path.stat().st_mtime < options.make_model.stat().st_mtime:
        part = path.with_suffix(".part")
        subprocess.run([options.make_model, part, shape, kind], check=True)
        part.replace(path)
    return str(path)


def alternate(hearth, peers, model, tests, options):
    """(rows of hearth, {peer: rows}) of --repeats rounds, in each of which everybody runs once."""
    ours, theirs = [], {peer.name: [] for peer in peers}
    for _ in range(options.repeats):
        rows = hearth.run(model, tests, 1)
        ours += rows
        for row in rows:
            for peer in peers:
                if row["depth"] <= options.peer_depth:
                    measured = peer.run(model, row, 1)
                    if measured is not None:
                        theirs[peer.name].append(measured)
    return merge_rounds(ours), {name: merge_rounds(rows) for name, rows in theirs.items()}


def ratios(ours, theirs):
    """Lines with hearth's rate, and of each peer that has the row its rate and how many times faster hearth is."""
    lines = []
    for row in ours:
        line = f"{name_of(row):<46} hearth {row['tokens_per_second']:>9.2f}"
        for name, rows in theirs.items():
            for other in rows:
                if key_of(other) == key_of(row):
                    rate = other["tokens_per_second"]
                    line += f" | {name} {rate:>9.2f} ({row['tokens_per_second'] / rate:.2f} x)"
        lines.append(line)
    return lines


def main(words=None):
    parser = argparse.ArgumentParser(prog="./dev bench", description="Run the benchmark scenarios, and write one file with all rows.")
    parser.add_argument("--all", action="store_true", help="every scenario, not only the quick ones (under 10 minutes)")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT",
                        help="only scenarios whose shape and type contain TEXT; may be given several times")
    parser.add_argument("--list", action="store_true", help="print the scenarios and do nothing")
    parser.add_argument("--peers", metavar="DIR", help="compare with every DIR/*/build/bin/llama-bench, in turn")
    parser.add_argument("--peer-depth", type=int, default=0, metavar="N",
                        help="peers run tests up to this depth; they compute the context first (default: 0)")
    parser.add_argument("-r", "--repeats", type=int, default=3, metavar="N", help="measurements of each row (default: 3)")
    parser.add_argument("-t", "--threads", type=int, default=0, metavar="N", help="threads of every program (default: their own)")
    parser.add_argument("--compare", metavar="FILE", help="show the rows beside those of an earlier result")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="the result (default: build/bench/result-COMMIT.json)")
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build" / "release", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, default=SOURCE / "build" / "bench", help=argparse.SUPPRESS)
    options = parser.parse_args(words)

    scenarios = list(chosen(options))
    if not scenarios:
        parser.error("no scenario has this shape and type; --list shows them (with --all, all)")
    if options.list:
        for shape, kind, tests in scenarios:
            print(f"{shape:<16} {kind:<8} " + "; ".join(" ".join(test) for test in tests))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    options.make_model = options.build / "tests" / "make_model"
    hearth = Hearth(str(options.build / "hearth"), options.threads)
    peers = find_peers(options.peers, options.threads) if options.peers else []
    commit = git_commit()
    result = {"machine": None, "commit": commit, "rows": [], "peers": {peer.name: [] for peer in peers}}
    out = options.out or options.folder / f"result-{commit}.json"
    for shape, kind, tests in scenarios:
        model = make_model(options, shape, kind)
        for test in tests:
            if peers:
                rows, others = alternate(hearth, peers, model, test, options)
                print("\n".join(ratios(rows, others)), flush=True)
                for name, measured in others.items():
                    result["peers"][name] += measured
            else:
                compare = ["--compare", options.compare] if options.compare else []
                rows = hearth.run(model, test, options.repeats, *compare, quiet=False)
                print(flush=True)
            result["rows"] += rows
            result["machine"] = hearth.machine
            # After every step: a run that is stopped has its rows so far.
            out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"all rows: {out}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{os.path.basename(str(error.cmd[0]))} ended with code {error.returncode}")
    except KeyboardInterrupt:
        sys.exit(130)
