// How many threads compute: as asked, or measured once for this machine and kept. Memory-bound
// steps (generating) and others (reading a prompt) are measured apart. Called by Engine; the counts
// change no result.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/kernel_table.h"
#include "base/cpu_info.h"
#include "base/result.h"

namespace hearth::engine {

struct ThreadChoice {
  int generate = 1;  // steps of a few tokens
  int prompt = 1;    // larger ones
  std::string reason;
};

struct ThreadRequest {
  int generate = 0;  // 0: chosen
  int prompt = 0;    // 0: as generate, if that is given; else chosen
  // Where the measured counts are kept, of every machine that shares the folder; "", or a place
  // that cannot be written to: nothing is measured, and each core gets a thread.
  std::string file = {};
};

// Takes up to two seconds the first time, to measure. Errors: kInvalidArgument for a number of
// threads that cannot be.
Result<ThreadChoice> choose_threads(const ThreadRequest& request,
                                    const backend::cpu::KernelTable& kernels);

// --- parts of it ---

// Counts worth trying on so many CPUs and cores: all, one a core, and parts of the cores. Largest
// first.
std::vector<int> thread_candidates(int n_cpus, int n_cores);

struct ThreadRate {
  int n_threads;
  double steps_per_second;
};
// The smallest count that is as good as the best, but for 2 %: less is noise, and idle cores save
// power.
int best_count(std::span<const ThreadRate> rates);

// One line a machine: "generate prompt key". The key of this machine: CPU, CPUs that may be used,
// quota, ISA.
std::string machine_key(std::string_view isa);
// Nothing if the text has no such line, or one that makes no sense for n_cpus.
std::optional<ThreadChoice> find_choice(std::string_view text, std::string_view key, int n_cpus);
std::string add_choice(std::string_view text, std::string_view key, const ThreadChoice& choice);

// Rates of a step of one token through 256 MB of Q4_K matrices, and of 64 tokens through one; in at
// most `seconds`.
struct ThreadRates {
  std::vector<ThreadRate> generate;
  std::vector<ThreadRate> prompt;
};
ThreadRates measure_threads(const backend::cpu::KernelTable& kernels,
                            std::span<const int> candidates, double seconds);

}  // namespace hearth::engine
