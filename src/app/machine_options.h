// Options about the machine that every command which computes takes, and how they become
// EngineOptions.
#pragma once

#include <array>

#include "app/command.h"
#include "engine/engine.h"

namespace hearth::app {

inline constexpr auto kKvTypes = [] {
  std::array<std::string_view, tensor::kNumKvTypes> names;
  for (const tensor::KvTypeInfo& row : tensor::kKvTypes) names[size_t(row.type)] = row.name;
  return names;
}();

inline constexpr Option kMachineOptions[] = {
    {.name = "--ctx",
     .short_name = "-c",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "tokens of context",
     .default_note = "what the model allows and memory holds",
     .min = 1,
     .max = 2147483647},
    {.name = "--threads",
     .short_name = "-t",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "threads that generate",
     .default_note = "the best, measured once for each machine",
     .env = "HEARTH_THREADS",
     .max = 1024},
    {.name = "--threads-batch",
     .kind = OptionKind::kUint,
     .value_name = "N",
     .help = "threads that read prompts, and compute more than 16 tokens at once",
     .default_note = "as --threads; without it, the best",
     .env = "HEARTH_THREADS_BATCH",
     .max = 1024},
    {.name = "--kv",
     .kind = OptionKind::kEnum,
     .value_name = "TYPE",
     .help = "type of the numbers in the KV cache",
     .default_value = "f16",
     .choices = kKvTypes},
    {.name = "--isa",
     .kind = OptionKind::kString,
     .value_name = "NAME",
     .help = "instruction set to compute with",
     .default_note = "the best of this CPU",
     .env = "HEARTH_ISA"},
    {.name = "--no-repack",
     .help = "use the weights as they lie in the file: the model starts sooner and runs slower"},
    {.name = "--no-cache",
     .help = "neither use nor write the caches of repacked weights and of measured threads",
     .env = "HEARTH_NO_CACHE"},
    {.name = "--cache-limit",
     .kind = OptionKind::kUint,
     .value_name = "GB",
     .help = "the most that the cache of repacked weights may take of the disk",
     .default_note = "a fifth of what is free, 50 at most",
     .env = "HEARTH_CACHE_LIMIT",
     .min = 1,
     .max = 1000000},
};

inline constexpr OptionGroup kMachineGroup = {.title = "Machine", .options = kMachineOptions};

// REQUIRES: the command's table holds kMachineGroup.
engine::EngineOptions engine_options(const ParsedArgs& args, const AppContext& context);

// That part of them which says how many threads compute. What was measured is kept in the folder
// above weight_options()'s.
engine::ThreadRequest thread_request(const ParsedArgs& args, const AppContext& context);

// That part of them which says where the weights come from. The cache is in
// $XDG_CACHE_HOME/hearth/packed, or ~/.cache/hearth/packed; there is none where neither is set.
engine::WeightOptions weight_options(const ParsedArgs& args, const AppContext& context);

}  // namespace hearth::app
