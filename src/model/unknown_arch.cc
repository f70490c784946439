#include "model/unknown_arch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/printable.h"

namespace hearth::model {
namespace {

using Names = std::set<std::string>;

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// All of them, those whose names are most like this one first.
std::vector<const ArchSpec*> nearest_by_name(std::string_view name) {
  std::vector<const ArchSpec*> archs(all_archs().begin(), all_archs().end());
  std::ranges::stable_sort(archs, {},
                           [&](const ArchSpec* a) { return edit_distance(name, a->name); });
  return archs;
}

// "blk.17.attn_q.weight" -> "blk.*.attn_q".
std::string kind_of(std::string_view tensor) {
  for (const std::string_view suffix : {".weight", ".bias", ".scale"})
    if (tensor.ends_with(suffix)) tensor.remove_suffix(suffix.size());
  constexpr std::string_view kBlock = "blk.";
  const size_t end = tensor.starts_with(kBlock) ? tensor.find('.', kBlock.size()) : tensor.npos;
  if (end == tensor.npos) return std::string(tensor);
  return "blk.*" + std::string(tensor.substr(end));
}

struct Likeness {
  const ArchSpec* arch = nullptr;
  double share = 0;  // of the kinds of tensors that either has, those that both have
  std::vector<std::string> lacking;
};

Likeness likeness(const ArchSpec& arch, const Names& file) {
  Names known;
  size_t n_absent = 0;  // required, and not in the file
  for (const TensorSpec& spec : arch.tensors) {
    const std::string kind = kind_of(base_name(spec, 0));
    if (!known.insert(kind).second || spec.presence != Presence::kRequired) continue;
    if (!file.contains(kind)) ++n_absent;
  }
  Likeness like{.arch = &arch, .share = 0, .lacking = {}};
  std::ranges::set_difference(file, known, std::back_inserter(like.lacking));
  like.share = double(file.size() - like.lacking.size()) / double(file.size() + n_absent);
  return like;
}

std::string likeness_text(const Likeness& like) {
  constexpr size_t kNamed = 5;
  const std::string begin =
      fmt::format("; of those that it knows, '{}' ({}) has most in common with this file",
                  like.arch->name, like.arch->title);
  if (like.lacking.empty()) return begin + ", and all of its tensors";
  std::vector<std::string> named;
  for (const std::string& kind : like.lacking)
    if (named.size() < kNamed) named.push_back(printable(kind, 60));
  const size_t rest = like.lacking.size() - named.size();
  return fmt::format("{}, but does not know its tensors {}{}", begin, fmt::join(named, ", "),
                     rest > 0 ? fmt::format(" and {} more", rest) : "");
}

}  // namespace

Error unknown_arch(std::string_view name) {
  const std::vector<const ArchSpec*> near = nearest_by_name(name.substr(0, 64));
  return {ErrorCode::kUnsupported,
          fmt::format("the architecture '{}' is not known to this version of Hearth: it lacks "
                      "the list of its tensors and the order of its operations",
                      printable(name, 64)),
          fmt::format("it runs {} architectures (docs/models.md), the nearest by name are {} ({}), "
                      "{} and {}; use a model of one of these",
                      near.size(), near[0]->name, near[0]->title, near[1]->name, near[2]->name)};
}

Result<const ArchSpec*> arch_of(const format::ModelFile& file) {
  HEARTH_ASSIGN(const std::string_view name, file.metadata().get_string("general.architecture"));
  if (const ArchSpec* arch = find_arch(name)) return arch;
  Error error = unknown_arch(name);
  Names kinds;
  for (const format::TensorInfo& tensor : file.tensors()) kinds.insert(kind_of(tensor.name));
  Likeness best;
  for (const ArchSpec* arch : nearest_by_name(name.substr(0, 64))) {
    if (kinds.empty()) break;
    Likeness like = likeness(*arch, kinds);
    if (like.share > best.share) best = std::move(like);
  }
  if (best.arch != nullptr) error.message += likeness_text(best);
  return std::unexpected(std::move(error));
}

}  // namespace hearth::model
