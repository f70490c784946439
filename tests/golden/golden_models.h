// The golden models of a folder that Hearth has an architecture for.
#pragma once

#include "format/model_file.h"
#include "golden.h"
#include "model/spec.h"

namespace hearth::golden {

struct GoldenModel {
  fs::path folder;
  std::string name;
  std::string arch;
  bool is_embedding;
};
inline void PrintTo(const GoldenModel& model, std::ostream* out) { *out << model.name; }

inline std::vector<GoldenModel> models_in(const fs::path& folder) {
  std::vector<GoldenModel> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto file = format::ModelFile::open((entry.path() / "model.gguf").string());
    if (!file || model::find_arch(file->architecture()) == nullptr) continue;
    const bool is_embedding =
        read_json(entry.path() / "ref.json").value("kind", "logits") == "embedding";
    models.push_back({entry.path(), entry.path().filename().string(),
                      std::string(file->architecture()), is_embedding});
  }
  std::sort(models.begin(), models.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return models;
}

}  // namespace hearth::golden
