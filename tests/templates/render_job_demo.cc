// Does what oracle.mjs does, with Hearth's engine: a job {now, templates, conversations} as JSON on
// standard input, {template: {conversation: {text} or {error}}} on standard output.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "text/template.h"

int main() {
  using hearth::text::ChatTemplate;
  using Json = nlohmann::ordered_json;
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const Json job = Json::parse(input);
  hearth::text::CivilTime now;
  if (std::sscanf(job["now"].get<std::string>().c_str(), "%d-%d-%dT%d:%d:%d", &now.year, &now.month,
                  &now.day, &now.hour, &now.minute, &now.second) != 6)
    return 2;
  Json renders = Json::object();
  for (const auto& [name, source] : job["templates"].items()) {
    const auto parsed = ChatTemplate::parse(source.get<std::string>());
    for (const auto& [conversation, variables] : job["conversations"].items()) {
      Json& out = renders[name][conversation];
      if (!parsed) {
        out["error"] = parsed.error().message;
        continue;
      }
      const auto context = hearth::text::template_value_from_json(variables.dump());
      const auto chat = parsed->render(context->as_dict(), {}, now);
      if (chat)
        out["text"] = chat->text;
      else
        out["error"] = chat.error().message;
    }
  }
  std::cout << renders.dump() << "\n";
  return 0;
}
