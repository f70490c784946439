"""The tools that guard the house: each must accept this repository's habits and refuse what breaks them."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("HEARTH_SOURCE", pathlib.Path(__file__).resolve().parents[2]))

CMAKE = """
hearth_room(base LIBS fmt::fmt)
hearth_room(quant DEPS base)
hearth_room(text DEPS base)   # not quant
hearth_room(app DEPS base quant text SUBDIRS extra)
"""
FILES = {
    "src/CMakeLists.txt": CMAKE,
    "src/base/result.h": "#pragma once\n#include <string>\n",
    "src/base/result_test.cc": '#include "base/result.h"\n#include <gtest/gtest.h>\nint x = getenv("A") != nullptr;\n',
    "src/quant/type.h": '#pragma once\n#include "base/result.h"\n',
    "src/text/bpe.h": '#pragma once\n#include "base/result.h"\n',
    "src/text/bpe.cc": '#include "text/bpe.h"\n#include <nlohmann/json.hpp>\n// #include "quant/type.h"\n',
    "src/app/main.cc": '#include "text/bpe.h"\n#include "quant/type.h"\nint main() { return getenv("A") != nullptr; }\n',
}


class Tree(unittest.TestCase):
    """A small repository in a temporary folder."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hearth-tools-"))
        self.addCleanup(shutil.rmtree, self.root)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def tool(self, name, *arguments):
        """(exit code, output)"""
        done = subprocess.run([str(SOURCE / "tools" / name), *map(str, arguments)], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class CheckLayers(Tree):
    def refused(self, *words):
        code, output = self.tool("check_layers", self.root)
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)

    def test_accepts_a_good_tree(self):
        self.assertEqual(self.tool("check_layers", self.root), (0, ""))

    def test_accepts_this_repository(self):
        self.assertEqual(self.tool("check_layers", SOURCE), (0, ""))

    def test_an_upward_include(self):
        self.write("src/base/arena.cc", '#include "quant/type.h"\n')
        self.refused("src/base/arena.cc: room base may not include room quant")

    def test_an_upward_include_in_a_test(self):
        self.write("src/base/arena_test.cc", '#include "quant/type.h"\n')
        self.refused("src/base/arena_test.cc")

    def test_an_undeclared_include_of_a_room_above(self):
        self.write("src/text/unigram.cc", '  #  include "quant/type.h"\n')
        self.refused("room text may not include room quant")

    def test_a_declared_upward_dependency(self):
        self.write("src/CMakeLists.txt", CMAKE.replace("quant DEPS base", "quant DEPS base text"))
        self.refused("room quant may not use text")

    def test_a_circle_of_headers(self):
        self.write("src/text/a.h", '#include "text/b.h"\n')
        self.write("src/text/b.h", '#include "text/c.h"\n')
        self.write("src/text/c.h", '#include "text/a.h"\n')
        self.refused("text/a.h > text/b.h > text/c.h > text/a.h")

    def test_getenv_outside_of_app(self):
        self.write("src/quant/choose.cc", 'const char* x = std::getenv("HEARTH_ISA");\n')
        self.refused("src/quant/choose.cc: getenv belongs into app/")

    def test_co_await_in_a_condition(self):
        self.write("src/text/fine.cc", "if (const bool yes = co_await f(); yes) g();\nconst bool a = b && co_await f();\n")
        self.write("src/text/if.cc", "if (b && co_await f()) g();\n")
        self.write("src/text/while.cc", "while (co_await in.match(x) == 0) {\n")
        self.write("src/text/choice.cc", "const bool a = b ? co_await f() : c;\n")
        self.refused("src/text/if.cc: co_await", "src/text/while.cc: co_await", "src/text/choice.cc: co_await")

    def test_heavy_libraries_in_headers(self):
        self.write("src/text/heavy.h", "#include <nlohmann/json.hpp>\n")
        self.write("src/app/heavy.h", "#include <CLI/CLI.hpp>\n")
        self.refused("src/text/heavy.h", "src/app/heavy.h")

    def test_a_path_that_does_not_start_at_src(self):
        self.write("src/text/near.cc", '#include "bpe.h"\n')
        self.refused('"bpe.h" is not written from src/')

    def test_a_missing_file(self):
        self.write("src/text/gone.cc", '#include "text/gone.h"\n')
        self.refused('"text/gone.h" does not exist')

    def test_a_folder_that_is_no_room(self):
        self.write("src/attic/old.cc", "\n")
        self.refused("attic is no room")


class CheckSizes(Tree):
    def function_of(self, n_lines, head="int f(int x)"):
        return f"{head} {{\n" + "  g();\n" * (n_lines - 2) + "}\n"

    def test_accepts_a_good_tree(self):
        self.write("src/base/long.cc", self.function_of(70))
        self.assertEqual(self.tool("check_sizes", self.root), (0, ""))

    def test_accepts_this_repository(self):
        code, output = self.tool("check_sizes", SOURCE)
        self.assertEqual(code, 0, output)

    def test_a_long_function(self):
        self.write("src/base/long.cc", "namespace x {\n" + self.function_of(71) + "}\n")
        code, output = self.tool("check_sizes", self.root)
        self.assertEqual(code, 1)
        self.assertIn("src/base/long.cc:2: f has 71 lines", output)

    def test_long_functions_of_every_form(self):
        heads = ["Result<int> Reader::read(\n    span<int> a,\n    int b) const noexcept", "Reader::Reader(int a) : a_(a), b_(2)",
                 "Reader::Reader(int a) : a_{a}, b_{std::vector<int>{2}}", "bool operator==(const A& a, const A& b)",
                 "template <class T>\nauto f(T t) -> decltype(t)", "TEST_CASE(x)"]
        for i, head in enumerate(heads):
            self.write(f"src/base/long{i}.cc", "namespace x {\n" + self.function_of(90, head) + "}\n")
        code, output = self.tool("check_sizes", self.root)
        self.assertEqual(code, 1)
        for i in range(len(heads)):
            self.assertIn(f"src/base/long{i}.cc", output)

    def test_braces_in_texts_do_not_count(self):
        lines = 'const char* a = "{{{";\nchar b = \'{\';  // {{{\n/* { */ auto r = R"({{)";\n'
        self.write("src/base/text.cc", "int f() {\n" + lines + "}\n" + "int a;\n" * 80)
        self.assertEqual(self.tool("check_sizes", self.root), (0, ""))

    def test_kernels_and_tests_may_be_long(self):
        self.write("src/backend/cpu/kernels/gemm-inl.h", self.function_of(200))
        self.write("src/base/long_test.cc", self.function_of(200))
        self.assertEqual(self.tool("check_sizes", self.root), (0, ""))

    def test_a_long_file(self):
        self.write("src/base/big.cc", "int x;\n" * 1501)
        code, output = self.tool("check_sizes", self.root)
        self.assertEqual(code, 1)
        self.assertIn("src/base/big.cc: 1501 lines", output)

    def test_a_longish_file_is_said_only(self):
        self.write("src/base/big.cc", "int x;\n" * 700)
        code, output = self.tool("check_sizes", self.root)
        self.assertEqual(code, 0)
        self.assertIn("note: src/base/big.cc: 700 lines", output)

    def test_a_generated_table_is_left_out(self):
        self.write("src/base/table.cc", "// generated-table: tools/make_tables\n" + "int x;\n" * 5000)
        self.assertEqual(self.tool("check_sizes", self.root), (0, ""))


class CheckIsaSymbols(Tree):
    def compiled(self, text):
        compiler = shutil.which("c++") or shutil.which("g++")
        if compiler is None or shutil.which("nm") is None:
            self.skipTest("no compiler or no nm here")
        self.write("unit.cc", text)
        built = self.root / "unit.o"
        subprocess.run([compiler, "-O0", "-c", str(self.root / "unit.cc"), "-o", str(built)], check=True)
        return self.tool("check_isa_symbols", "--object", built, "avx2")

    def test_its_own_namespace_is_fine(self):
        self.assertEqual(self.compiled("""
            namespace shared { inline constexpr float kTable[2] = {1, 2}; }
            namespace hearth::backend::cpu::avx2 {
            template <class T> T twice(T x) { return x + x; }
            namespace { int hidden(int x) { return x; } }
            int fill(int i) { return twice(3) + hidden(i) + int(shared::kTable[i]); }
            }"""), (0, ""))

    def test_an_inline_function_from_elsewhere(self):
        code, output = self.compiled("""
            namespace shared { inline int helper(int x) { return x + 1; } }
            namespace hearth::backend::cpu::avx2 { int fill(int x) { return shared::helper(x); } }""")
        self.assertEqual(code, 1)
        self.assertIn("shared::helper", output)

    def test_a_template_of_the_standard_library(self):
        code, output = self.compiled("""
            #include <algorithm>
            namespace hearth::backend::cpu::avx2 { int fill(int x) { return std::max(x, 3); } }""")
        self.assertEqual(code, 1)
        self.assertIn("std::max", output)

    def test_the_namespace_of_another_isa(self):
        code, output = self.compiled("namespace hearth::backend::cpu::avx512 { int fill(int x) { return x; } }")
        self.assertEqual(code, 1)
        self.assertIn("avx512::fill", output)

    def test_nothing_built_is_no_success(self):
        self.assertEqual(self.tool("check_isa_symbols", self.root)[0], 1)

    def test_this_build(self):
        build = os.environ.get("HEARTH_BUILD")
        if not build or not list(pathlib.Path(build).glob("**/backend/cpu/isa/*.cc.o")):
            self.skipTest("no build folder is named")
        self.assertEqual(self.tool("check_isa_symbols", build), (0, ""))


if __name__ == "__main__":
    unittest.main()
