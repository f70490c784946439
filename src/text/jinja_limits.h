// What one rendering of a template may use, and the clock it sees. Part of ChatTemplate's
// interface.
#pragma once

#include <cstddef>

namespace hearth::text {

// A template is a program from an unknown author. Every limit ends the rendering with an error that
// names it.
struct TemplateLimits {
  // A node evaluated, 4 items copied or 16 bytes of text made are a step each. A chat needs some
  // 200 for each message, and templates that look through all messages at each one that squared
  // / 4.
  size_t max_steps = 50'000'000;
  // Nested tags, expressions, macro calls. This many fit 1 MiB of stack (measured with g++ -O2).
  int max_depth = 600;
  // Of the result, and of any string on the way.
  size_t max_output_bytes = 64u << 20;
};

// Local time, as strftime_now prints it. The caller reads the clock (the year 2026, month 1 to 12,
// day 1 to 31).
struct CivilTime {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

}  // namespace hearth::text
