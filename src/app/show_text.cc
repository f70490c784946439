#include "app/show_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "app/grapheme.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

using format::Value;
using format::ValueType;

constexpr size_t kTextBytesMax = 120;  // of a string in a table
constexpr uint64_t kElementsMax = 8;   // of an array in a table
constexpr int kTemplateLinesMax = 5;

// A value of 1 to 3 digits before a unit, with three digits in all.
std::string three_digits(double n, std::span<const std::string_view> units) {
  size_t unit = 0;
  while (n >= 999.5 && unit + 1 < units.size()) {
    n /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}{}", n, units[0]);
  return fmt::format("{:.{}f}{}", n, n < 9.995 ? 2 : n < 99.95 ? 1 : 0, units[unit]);
}

// Rows of cells, each column as wide as its widest cell. Numbers are aligned to the right.
enum class Align { kLeft, kRight };

class Table {
 public:
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  [[nodiscard]] std::string text() const {
    std::vector<int> widths(columns_.size());
    for (const auto& row : rows_)
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], text_columns(row[i]));
    std::string out;
    for (const auto& row : rows_) {
      std::string line = " ";
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string padding(size_t(widths[i] - text_columns(row[i])), ' ');
        line += columns_[i] == Align::kRight ? " " + padding + row[i] : " " + row[i] + padding;
        line += ' ';
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
    return out;
  }

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string element_text(const Value& value, uint64_t index) {
  if (value.element == ValueType::kString)
    return printable(format::element_as<std::string_view>(value, index).value_or(""),
                     kTextBytesMax);
  if (value.element == ValueType::kBool)
    return *format::element_as<bool>(value, index) ? "true" : "false";
  if (const auto number = format::element_as<int64_t>(value, index))
    return fmt::format("{}", *number);
  if (const auto number = format::element_as<uint64_t>(value, index))
    return fmt::format("{}", *number);
  if (value.element == ValueType::kF32)
    return fmt::format("{}", *format::element_as<float>(value, index));
  return fmt::format("{}", format::element_as<double>(value, index).value_or(0));
}

// A size that may differ from layer to layer: one number if it does not.
std::string per_layer_text(const Value& value) {
  if (!value.is_array() || value.count == 0 || value.element == ValueType::kString)
    return value_text(value);
  const std::string first = element_text(value, 0);
  for (uint64_t i = 1; i < value.count; ++i)
    if (element_text(value, i) != first) return value_text(value);
  return first;
}

std::string shape_text(const format::TensorInfo& tensor) {
  std::string out;
  for (int i = 0; i < std::max(tensor.n_dims, 1); ++i)
    out += fmt::format("{}{}", i > 0 ? " x " : "", tensor.shape[size_t(i)]);
  return out;
}

void add_head(Table& table, const format::ModelFile& file, const ModelSummary& summary) {
  const auto add_text = [&](const char* label, std::string_view text) {
    if (!text.empty()) table.add({label, printable(text, kTextBytesMax)});
  };
  add_text("architecture", summary.architecture);
  add_text("name", summary.name);
  add_text("kind", summary.kind);
  if (file.n_parameters() > 0) table.add({"parameters", count_text(file.n_parameters())});
  std::string size = size_text(file.file_bytes());
  if (summary.bits_per_weight > 0)
    size += fmt::format(" ({:.2f} bits per weight)", summary.bits_per_weight);
  table.add({"size", size});
  add_text("quantization", summary.recipe);
  table.add({"container",
             fmt::format("GGUF version {}, {}{} tensors, {} keys", file.version(),
                         file.n_shards() > 1 ? fmt::format("{} files, ", file.n_shards()) : "",
                         file.tensors().size(), file.metadata().entries().size())});
}

std::string types_text(const format::ModelFile& file, const ModelSummary& summary) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  for (const TypeShare& share : summary.types)
    table.add({std::string(share.type->name), fmt::format("{} tensors", share.n_tensors),
               size_text(share.bytes),
               fmt::format("{:.1f} %", 100.0 * double(share.bytes) / double(file.tensor_bytes()))});
  return table.text();
}

std::string tokenizer_text(const ModelSummary& summary) {
  Table table({Align::kLeft, Align::kLeft});
  if (!summary.tokenizer_model.empty())
    table.add({"model", printable(summary.tokenizer_model, kTextBytesMax)});
  if (!summary.tokenizer_pre.empty())
    table.add({"pre", printable(summary.tokenizer_pre, kTextBytesMax)});
  if (summary.vocabulary_size)
    table.add({"vocabulary", fmt::format("{} tokens", *summary.vocabulary_size)});
  for (const SpecialToken& token : summary.special_tokens)
    table.add({std::string(token.role),
               fmt::format("{}  {}", token.id, printable(token.text, kTextBytesMax))});
  std::string ends;
  for (const SpecialToken& token : summary.ends)
    ends += fmt::format("{}{} {}", ends.empty() ? "" : ", ", token.id, printable(token.text, 40));
  if (!ends.empty()) table.add({"generation ends at", ends});
  for (const NamedValue& flag : summary.token_flags)
    table.add({std::string(flag.label), value_text(*flag.value)});
  return table.text();
}

std::string first_lines(std::string_view text) {
  std::string out;
  for (int i = 0; i < kTemplateLinesMax && !text.empty(); ++i) {
    const size_t end = text.find('\n');
    out += "    " + printable(text.substr(0, end), kTextBytesMax) + '\n';
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return text.empty() ? out : out + "    ...\n";
}

std::string templates_text(const ModelSummary& summary) {
  if (summary.chat_templates.empty()) return "  none\n";
  std::string out;
  for (const ChatTemplate& chat : summary.chat_templates) {
    const std::string name = chat.name.empty() ? "default" : printable(chat.name, 40);
    out += fmt::format("  {}: {} bytes (all of it: --template)\n", name, chat.text.size());
    out += first_lines(chat.text);
  }
  return out;
}

}  // namespace

std::string count_text(uint64_t n) {
  constexpr std::array<std::string_view, 5> kUnits = {"", " K", " M", " B", " T"};
  return three_digits(double(n), kUnits);
}

std::string size_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {" bytes", " kB", " MB", " GB", " TB"};
  return three_digits(double(bytes), kUnits);
}

std::string value_text(const Value& value) {
  if (!value.is_array()) {
    std::string text = element_text(value, 0);
    if (value.type == ValueType::kString && value.bytes.size() > kTextBytesMax)
      text += fmt::format(" ({} bytes)", value.bytes.size());
    return text;
  }
  std::string out = "[";
  const uint64_t n = std::min(value.count, kElementsMax);
  for (uint64_t i = 0; i < n; ++i) out += (i > 0 ? ", " : "") + element_text(value, i);
  if (value.count <= n) return out + "]";
  return out + fmt::format(", ...] ({} of type {})", value.count, format::name_of(value.element));
}

std::string summary_text(const format::ModelFile& file, const ModelSummary& summary,
                         const std::string& path) {
  std::string out = printable(path) + '\n';
  Table head({Align::kLeft, Align::kLeft});
  add_head(head, file, summary);
  out += head.text();
  if (!summary.sizes.empty() || !summary.pooling.empty()) {
    Table sizes({Align::kLeft, Align::kLeft});
    for (const NamedValue& size : summary.sizes)
      sizes.add({std::string(size.label), per_layer_text(*size.value)});
    if (!summary.pooling.empty()) sizes.add({"pooling", std::string(summary.pooling)});
    out += "\nModel\n" + sizes.text();
  }
  if (!summary.types.empty()) out += "\nWeights\n" + types_text(file, summary);
  if (const std::string tokenizer = tokenizer_text(summary); !tokenizer.empty()) {
    out += "\nTokenizer\n" + tokenizer;
    out += "\nChat template\n" + templates_text(summary);
  }
  if (!summary.origin.empty()) {
    Table origin({Align::kLeft, Align::kLeft});
    for (const format::Entry& entry : summary.origin)
      origin.add({printable(entry.key, 80), value_text(entry.value)});
    out += "\nOrigin and license\n" + origin.text();
  }
  return out;
}

std::string tensors_text(const format::ModelFile& file) {
  Table table(
      {Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  table.add({"name", "type", "shape", "bytes", "offset", file.n_shards() > 1 ? "file" : ""});
  for (const format::TensorInfo& tensor : file.tensors())
    table.add({printable(tensor.name), std::string(tensor.type->name), shape_text(tensor),
               fmt::format("{}", tensor.data.size()), fmt::format("{}", tensor.file_offset),
               file.n_shards() > 1 ? fmt::format("{}", tensor.shard + 1) : ""});
  return table.text();
}

std::string metadata_text(const format::ModelFile& file) {
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  for (const format::Entry& entry : file.metadata().entries()) {
    const Value& value = entry.value;
    const std::string type =
        value.is_array() ? fmt::format("{}[{}]", format::name_of(value.element), value.count)
                         : std::string(format::name_of(value.type));
    table.add({printable(entry.key), type, value_text(value)});
  }
  return table.text();
}

std::string memory_text(const engine::MemoryPlan& plan) {
  Table table({Align::kLeft, Align::kRight});
  for (const Arena::Row& row : plan.rows()) table.add({row.what, size_text(row.size_bytes)});
  table.add({"in all", size_text(plan.total_bytes())});
  std::string out = "Memory\n" + table.text();
  out += fmt::format("\nContext: {} tokens ({}).\n", plan.context.n_ctx, plan.context.reason);
  if (!plan.weights_reason.empty()) out += fmt::format("Weights: {}.\n", plan.weights_reason);
  out += fmt::format("Threads: {} to generate, {} to read ({}).\n", plan.threads.generate,
                     plan.threads.prompt, plan.threads.reason);
  const MemoryInfo& machine = plan.machine;
  if (machine.available_bytes > 0)
    out += fmt::format("This machine has {} of memory, {} of it free.\n",
                       size_text(machine.total_bytes), size_text(machine.available_bytes));
  if (!plan.warning.empty()) out += fmt::format("It does not fit, but runs: {}.\n", plan.warning);
  if (plan.problem)
    out += fmt::format("It does not fit: {}.\n  {}\n", plan.problem->message, plan.problem->hint);
  return out;
}

}  // namespace hearth::app
