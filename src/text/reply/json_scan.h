// JsonScan: one JSON value, byte by byte, checked while it comes. What a model writes is often
// almost JSON: line breaks within strings, \' and Python's True, False and None are mended on the
// way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::text::reply {

class JsonScan {
 public:
  enum class Step {
    kTaken,   // the byte belongs to the value, which goes on
    kEnded,   // the byte was the last one of the value
    kBefore,  // the value ended before this byte (numbers, words): it is not taken
    kWrong,   // this is not JSON
  };

  // Appends what the byte adds to the mended value. Not to be called after the end.
  Step push(char c, std::string& out);
  // The input ends: whether the value may end here.
  bool finish(std::string& out);

 private:
  enum class State {
    kValue,
    kFirstKey,
    kKey,
    kColon,
    kAfter,
    kString,
    kEscape,
    kHex,
    kNumber,
    kWord
  };

  Step value(char c, std::string& out);
  Step after(char c, std::string& out);
  Step in_string(char c, std::string& out);
  Step escape(char c, std::string& out);
  Step end_scalar(char c, std::string& out);
  bool end_number_or_word(std::string& out);
  Step ended_value();

  std::vector<char> open_;  // '{' and '['
  State state_ = State::kValue;
  bool is_key_ = false;
  bool empty_ok_ = false;  // ']' may come in place of a value
  int hex_digits_ = 0;
  std::string scalar_;
};

// The whole of `text` (spaces around it allowed) as mended JSON; false: it is none.
bool read_json(std::string_view text, std::string& out);

// `text` between quotes: what JSON asks to be escaped is.
void append_json_escaped(std::string_view text, std::string& out);
std::string json_string(std::string_view text);

}  // namespace hearth::text::reply
