// The CPU backend: runs graphs on a thread team with the kernels of one instruction set.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "backend/cpu/kernel_table.h"
#include "base/thread_team.h"

namespace hearth::backend {

// Threads of the team that compute a step; 0: all. A step of a few tokens is bound by memory, which
// fewer threads may fill. The result is the same bits.
struct CpuThreads {
  static constexpr int kFewTokens = 16;
  int few_tokens = 0;   // of a step of up to kFewTokens tokens
  int many_tokens = 0;  // of a larger one
};

// `team` must outlive the backend.
std::unique_ptr<Backend> make_cpu_backend(const cpu::KernelTable& kernels, ThreadTeam& team,
                                          const CpuThreads& threads = {});

}  // namespace hearth::backend
