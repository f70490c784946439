// `hearth show` for people: tables of plain text. Whatever comes from the file is escaped
// (base/printable.h).
#pragma once

#include <cstdint>
#include <string>

#include "app/show_summary.h"
#include "engine/engine.h"
#include "format/model_file.h"

namespace hearth::app {

// "1.10 B", "260 K": three digits, as the field counts parameters.
std::string count_text(uint64_t n);
// "668.8 MB": powers of 1000, as file listings and download pages count.
std::string size_text(uint64_t bytes);
// One line. Arrays show their first elements and their length, long strings their beginning.
std::string value_text(const format::Value& value);

// Each ends with a newline.
std::string summary_text(const format::ModelFile& file, const ModelSummary& summary,
                         const std::string& path);
std::string tensors_text(const format::ModelFile& file);
std::string metadata_text(const format::ModelFile& file);
std::string memory_text(const engine::MemoryPlan& plan);

}  // namespace hearth::app
