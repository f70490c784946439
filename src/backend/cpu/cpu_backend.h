// The CPU backend: runs graphs on a thread team with the kernels of one instruction set.
#pragma once

#include <memory>

#include "backend/backend.h"
#include "backend/cpu/kernel_table.h"
#include "base/thread_team.h"

namespace hearth::backend {

// `team` must outlive the backend; execute() uses all of its threads.
std::unique_ptr<Backend> make_cpu_backend(const cpu::KernelTable& kernels, ThreadTeam& team);

}  // namespace hearth::backend
