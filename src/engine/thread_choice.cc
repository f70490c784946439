#include "engine/thread_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "backend/cpu/cpu_backend.h"
#include "base/arena.h"
#include "base/small_file.h"
#include "base/thread_team.h"

namespace hearth::engine {
namespace {

using Clock = std::chrono::steady_clock;

// The shapes of an 8B model's FFN: the usual case, and far more than a cache holds.
constexpr int64_t kWidth = 4096;
constexpr int64_t kRows = 14336;
constexpr int kMatrices = 8;  // 256 MB
constexpr int64_t kPromptTokens = 64;
constexpr double kSeconds = 1.0;  // on a busy machine it may become two
constexpr size_t kFileBytesMax = 65536;
constexpr size_t kLinesMax = 50;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// n rows through some matrices, one after the other; all of them the same bytes over.
class Step {
 public:
  Step(int64_t n, int n_matrices, std::byte* weights, backend::Backend& backend) : n_(n) {
    hidden_.assign(size_t(n * kWidth), 0.5f);
    weights_.resize(size_t(n_matrices));
    const tensor::View in = graph_.add_tensor(n, kWidth);
    const tensor::View out = graph_.add_tensor(n, kRows);
    graph_.add(tensor::HiddenInputOp{in});
    for (tensor::Weight& w : weights_) {
      w = {.name = "probe",
           .type = quant::find_type("Q4_K"),
           .k = kWidth,
           .rows = kRows,
           .n_matrices = 1,
           .data = weights};
      // Any bytes are a matrix in either layout.
      if (backend.packed_bytes(w) > 0) w.packed = weights;
      weights += w.size_bytes();
      graph_.add(tensor::MatMulOp{in, 1, {&w}, {out}});
    }
    graph_.keep(out);
    graph_.plan();
  }
  [[nodiscard]] size_t memory_bytes(const backend::Backend& backend) const {
    return graph_.activation_bytes() + backend.scratch_bytes(graph_, 1) + 128;
  }
  void run(backend::Backend& backend, std::byte* memory) const {
    tensor::StepInputs in;
    in.n_tokens = int(n_);
    in.hidden = hidden_.data();
    backend.execute(graph_, in, memory, memory + (graph_.activation_bytes() + 63) / 64 * 64);
  }

 private:
  int64_t n_;
  std::vector<float> hidden_;
  std::vector<tensor::Weight> weights_;
  tensor::Graph graph_;
};

// The best of what fits the time: on a shared machine most runs are disturbed.
double rate(const Step& step, backend::Backend& backend, std::byte* memory, double seconds) {
  const Clock::time_point begin = Clock::now();
  double best = 0;
  do {
    const Clock::time_point step_begin = Clock::now();
    step.run(backend, memory);
    best = std::max(best, 1 / seconds_since(step_begin));
  } while (seconds_since(begin) < seconds);
  return best;
}

}  // namespace

std::vector<int> thread_candidates(int n_cpus, int n_cores) {
  const int cores = std::clamp(n_cores, 1, n_cpus);
  std::vector<int> counts;
  for (const int n : {n_cpus, cores, cores * 3 / 4, cores / 2, cores / 4})
    if (n >= 1 && (counts.empty() || n < counts.back())) counts.push_back(n);
  return counts;
}

int best_count(std::span<const ThreadRate> rates) {
  double best = 0;
  for (const ThreadRate& r : rates) best = std::max(best, r.steps_per_second);
  int count = 0;
  for (const ThreadRate& r : rates)
    if (r.steps_per_second >= 0.98 * best && (count == 0 || r.n_threads < count))
      count = r.n_threads;
  return count;
}

std::string machine_key(std::string_view isa) {
  std::string cpus;
  const CpuSet set = usable_cpu_set();
  for (size_t i = 0, end = 0; i < set.cpus.size(); i = end) {
    for (end = i + 1; end < set.cpus.size() && set.cpus[end] == set.cpus[end - 1] + 1;) ++end;
    cpus += fmt::format("{}{}-{}", cpus.empty() ? "" : ",", set.cpus[i], set.cpus[end - 1]);
  }
  return fmt::format("{} | {} | {:.2f} | {}", cpu_name(), cpus, cgroup_cpus(), isa);
}

std::optional<ThreadChoice> find_choice(std::string_view text, std::string_view key, int n_cpus) {
  while (!text.empty()) {
    const std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ThreadChoice choice;
    int used = 0;
    if (std::sscanf(line.c_str(), "%4d %4d %n", &choice.generate, &choice.prompt, &used) != 2 ||
        std::string_view(line).substr(size_t(used)) != key)
      continue;
    const auto possible = [&](int n) { return n >= 1 && n <= n_cpus; };
    if (possible(choice.generate) && possible(choice.prompt)) return choice;
  }
  return std::nullopt;
}

std::string add_choice(std::string_view text, std::string_view key, const ThreadChoice& choice) {
  std::string out = fmt::format("{} {} {}\n", choice.generate, choice.prompt, key);
  for (size_t n = 1; n < kLinesMax && !text.empty(); ++n) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.ends_with(key)) out += fmt::format("{}\n", line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return out;
}

ThreadRates measure_threads(const backend::cpu::KernelTable& kernels,
                            std::span<const int> candidates, double seconds) {
  const Clock::time_point begin = Clock::now();
  ThreadTeam team({.n_threads = candidates.front()});
  const auto all = backend::make_cpu_backend(kernels, team);
  const tensor::Weight shape{
      .name = "probe", .type = quant::find_type("Q4_K"), .k = kWidth, .rows = kRows};
  const size_t weight_bytes = shape.size_bytes();
  Arena arena(Arena::Mode::kReal);
  const auto weights = arena.take("weights", kMatrices * weight_bytes, Arena::Touch::kLater);
  if (!weights) return {};
  // Written, not only mapped: pages that nobody wrote to are all the same page. The byte makes
  // small, normal scales.
  auto fill = [&](int thread) {
    const size_t each = kMatrices * weight_bytes / size_t(team.size());
    std::memset(*weights + size_t(thread) * each, 0x11, each);
  };
  team.run(fill);
  const Step steps[] = {{1, kMatrices, *weights, *all}, {kPromptTokens, 1, *weights, *all}};
  const auto memory =
      arena.take("memory", std::max(steps[0].memory_bytes(*all), steps[1].memory_bytes(*all)));
  if (!memory) return {};
  ThreadRates rates;
  // Two rounds, so that a short disturbance does not hit all runs of one count.
  const double left = std::max(0.0, seconds - seconds_since(begin));
  const double each = left / double(4 * candidates.size());
  for (int round = 0; round < 2; ++round)
    for (size_t i = 0; i < candidates.size(); ++i) {
      const int n = candidates[i];
      const auto backend =
          backend::make_cpu_backend(kernels, team, {.few_tokens = n, .many_tokens = n});
      for (auto* of : {&rates.generate, &rates.prompt}) {
        const Step& step = steps[of == &rates.prompt];
        if (round == 0) of->push_back({n, 0});
        (*of)[i].steps_per_second =
            std::max((*of)[i].steps_per_second, rate(step, *backend, *memory, each));
      }
    }
  return rates;
}

Result<ThreadChoice> choose_threads(const ThreadRequest& request,
                                    const backend::cpu::KernelTable& kernels) {
  for (const int n : {request.generate, request.prompt})
    if (n < 0 || n > 1024)
      return fail(ErrorCode::kInvalidArgument, fmt::format("{} is not a number of threads", n),
                  "use 1 to the number of cores, or 0 for what is best");
  const int n_cpus = n_usable_cpus();
  if (request.generate > 0)
    return ThreadChoice{request.generate, request.prompt > 0 ? request.prompt : request.generate,
                        "as asked"};
  const CpuSet set = usable_cpu_set();
  ThreadChoice choice;
  choice.generate = choice.prompt = std::clamp(set.n_cores, 1, n_cpus);
  choice.reason = n_cpus < int(set.cpus.size()) ? "what the limit on this process's CPU time allows"
                                                : "one for each core";
  const std::vector<int> candidates = thread_candidates(n_cpus, set.n_cores);
  if (!request.file.empty() && n_cpus > 1) {
    const std::string key = machine_key(kernels.name);
    const std::string text = read_small_file(request.file, kFileBytesMax).value_or("");
    if (const auto found = find_choice(text, key, n_cpus)) {
      choice = *found;
      choice.reason = "the best, as measured on this machine before";
    } else if (replace_small_file(request.file, text)) {
      // Measured only where it can be kept: else every start would wait for it.
      const ThreadRates rates = measure_threads(kernels, candidates, kSeconds);
      if (!rates.generate.empty()) {
        choice.generate = best_count(rates.generate);
        choice.prompt = best_count(rates.prompt);
        choice.reason = "the best, as measured now";
        (void)replace_small_file(request.file, add_choice(text, key, choice));  // could before
      }
    }
  }
  if (request.prompt > 0) choice.prompt = request.prompt;
  return choice;
}

}  // namespace hearth::engine
