// docs/models.md: every architecture, the models of another program that it is compared with, the
// chat templates of its models and how those write tool calls. Made from the list of architectures,
// the golden models that are there and the templates themselves; nothing is written by hand.
#include "golden_models.h"
#include "text/named_templates.h"
#include "text/reply/reply_format.h"

namespace hearth::golden {
namespace {

std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t end = std::min(list.find(", "), list.size());
    names.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(list.size(), end + 2));
  }
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all.empty() ? "-" : all;
}

void add_new(std::vector<std::string>& words, const std::string& word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

// A template of ArchSpec::templates.
struct PageTemplate {
  std::string source;
  std::string shown;  // in the page
};

PageTemplate find_template(const std::string& name) {
  // Real ones, whose rendering text/template_test.cc compares with Python's.
  for (const char* folder : {"llama.cpp", "chujiezheng"}) {
    const fs::path path = kData / "chat-templates" / folder / (name + ".jinja");
    if (fs::exists(path)) return {read_file(path), "`" + name + "`"};
  }
  const text::NamedTemplate* own = text::find_named_template(name);
  EXPECT_NE(own, nullptr) << "there is no chat template " << name;
  if (own == nullptr) return {};
  return {std::string(own->source), name + " (ours)"};
}

std::string arch_row(const model::ArchSpec& arch, std::span<const GoldenModel> models) {
  std::vector<std::string> goldens;
  for (const GoldenModel& m : models)
    if (m.arch == arch.name) add_new(goldens, "`" + m.name + "`");
  std::vector<std::string> templates;
  std::vector<std::string> formats;
  for (const std::string& name : names_in(arch.templates)) {
    const PageTemplate found = find_template(name);
    const auto parsed = text::ChatTemplate::parse(text::cure_template(found.source).source);
    EXPECT_TRUE(parsed.has_value()) << name;
    if (!parsed) continue;
    add_new(templates, found.shown);
    add_new(formats, std::string(text::detect_reply_format(*parsed).tool_format_name()));
  }
  std::string row;
  for (const std::string& cell : {"`" + std::string(arch.name) + "`", std::string(arch.title),
                                  std::string(arch.layer != nullptr ? "yes" : ""), joined(goldens),
                                  joined(templates), joined(formats)})
    row += "| " + cell + " ";
  return row + "|\n";
}

std::string models_page() {
  std::string page =
      "# Models that run\n\n"
      "Every architecture here loads. `tests/golden` compares the models named under \"golden "
      "holds\" with another program, on every\n"
      "instruction set, fed at once and token by token. \"Template holds\" names chat templates of "
      "the architecture's models: those in `this` type\n"
      "are real ones, rendered byte for byte as Python's Jinja does (`template_test`), \"ours\" "
      "are "
      "Hearth's for files without one; a dash: its\n"
      "models have none, or none was at hand to compare with. \"Tool format\" is what Hearth finds "
      "in these templates (`docs/templates.md`). A\n"
      "file's own template is used whatever stands here. Made by `HEARTH_WRITE_DOCS=1 "
      "build/release/tests/golden_test --gtest_filter='*Page*'`\n"
      "from `src/model/arch`, the golden models and the templates.\n\n"
      "| `general.architecture` | models | own layer | golden holds | template holds | tool format "
      "|\n| --- | --- | --- | --- | --- | --- |\n";
  std::vector<GoldenModel> models = models_in(kGoldens / "arch");
  for (const GoldenModel& own : models_in(kOwn)) models.push_back(own);
  for (const model::ArchSpec* arch : model::all_archs()) page += arch_row(*arch, models);
  return page;
}

TEST(GoldenSet, ModelsPageIsInStep) {
  if (!fs::exists(kGoldens) || !fs::exists(kData))
    GTEST_SKIP() << "no " << kGoldens << " and " << kData << ": the page names what is there";
  const fs::path path = fs::path(HEARTH_SOURCE_DIR) / "docs/models.md";
  const std::string page = models_page();
  if (std::getenv("HEARTH_WRITE_DOCS") != nullptr) std::ofstream(path) << page;
  EXPECT_EQ(read_file(path), page) << "run this test with HEARTH_WRITE_DOCS=1";
}

}  // namespace
}  // namespace hearth::golden
