// StepRates: how long steps take, learned from those that ran. For estimates and for the length of
// the chunks that Scheduler reads beside generating sequences.
#pragma once

#include <cstdint>

namespace hearth::engine {

class StepRates {
 public:
  // What is assumed until something was measured.
  StepRates(double read_s, double generate_s) : read_s_(read_s), generate_s_(generate_s) {}

  // A step that read n_read tokens of prompts and generated for n_generating sequences.
  void add(int64_t n_read, int64_t n_generating, double seconds);

  // Seconds for one token of a prompt, and for one step of all generating sequences.
  [[nodiscard]] double read_s() const { return read_s_; }
  [[nodiscard]] double generate_s() const { return generate_s_; }
  [[nodiscard]] bool measured() const { return n_read_ > 0 && n_generate_ > 0; }

 private:
  double read_s_;
  double generate_s_;
  int64_t n_read_ = 0;  // measurements
  int64_t n_generate_ = 0;
};

}  // namespace hearth::engine
