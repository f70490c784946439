// `hearth show --json`: everything that is known of a model file as one JSON object, for programs.
#pragma once

#include <string>

#include "app/show_summary.h"
#include "engine/engine.h"
#include "format/model_file.h"

namespace hearth::app {

enum class LongArrays {
  kBrief,  // {"type", "count", "first"} in place of more than 64 elements: a vocabulary has 100,000
           // and more
  kWhole,
};

struct ShownFile {
  const format::ModelFile& file;
  const ModelSummary& summary;
  const std::string& path;
  const engine::MemoryPlan* memory = nullptr;  // null: not asked for
};

// Two spaces of indentation, newline at the end. Bytes that are not UTF-8 become U+FFFD; NaN and
// infinity become null.
std::string summary_json(const ShownFile& shown, LongArrays long_arrays);

}  // namespace hearth::app
