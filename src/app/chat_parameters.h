// The settings of a chat by name: what the options of `hearth run` and `/set parameter NAME VALUE`
// change, what `/show parameters` shows, and what a model's file may recommend. One table; that of
// how tokens are chosen is sampling_settings.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/chat_session.h"
#include "app/sampling_settings.h"
#include "base/result.h"

namespace hearth::app {

// What a parameter is set in. The load options take effect only when the model is loaded again.
struct ChatParameterTarget {
  ChatSettings& settings;
  ChatLoadOptions& load;
};

struct ChatParameter {
  using Values = std::span<const std::string>;  // at least one; more only for lists

  std::string_view name;
  std::string_view option;  // the option of `hearth run` that sets it
  std::string_view help;
  bool is_list = false;  // several values, separated by spaces in /set parameter
  bool reloads = false;  // the model must be loaded again
  Result<void> (*set)(const ChatParameter& parameter, Values values,
                      const ChatParameterTarget& target) = nullptr;
  std::string (*show)(const ChatParameter& parameter, const ChatSettings& settings,
                      const ChatLoadOptions& load) = nullptr;
  const SamplingSetting* sampling = nullptr;  // null: it is not about choosing tokens
};

std::span<const ChatParameter> chat_parameters();

// By its name, or by that of its option, "-" and "_" being the same. Error: kInvalidArgument with
// the nearest name.
Result<const ChatParameter*> find_chat_parameter(std::string_view name);

// One text as it is typed after /set parameter NAME: the values of a list, or the text itself.
std::vector<std::string> parameter_values(const ChatParameter& parameter, std::string_view text);

// Remembers `source` too, but for load options. Errors: kInvalidArgument; the target is then
// unchanged.
Result<void> set_chat_parameter(const ChatParameter& parameter, ChatParameter::Values values,
                                ValueSource source, const ChatParameterTarget& target);

// Takes what a model's file recommends for all that the person has not set, and forgets what
// another file recommended. Returns what of it cannot be used, a sentence each.
std::vector<std::string> take_recommended(std::span<const RecommendedValue> values,
                                          ChatSettings& settings);

}  // namespace hearth::app
