// SchemaDocument: a parsed JSON Schema with the place of every part and its references resolved.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hearth::sample {

using Json = nlohmann::ordered_json;

class SchemaDocument {
 public:
  static Result<std::unique_ptr<SchemaDocument>> parse(std::string_view text);
  ~SchemaDocument();

  [[nodiscard]] const Json& root() const { return *root_; }
  // "#/properties/a"
  [[nodiscard]] std::string place(const Json* node) const;
  // Where a keyword of the node stands.
  [[nodiscard]] std::string place(const Json* node, std::string_view keyword) const;
  // What `$ref` of the node `from` names. kUnsupported for another document.
  [[nodiscard]] Result<const Json*> resolve(const Json* from, const std::string& ref) const;
  // Takes a schema that was made from `origin`, whose place and references it shares.
  const Json* adopt(Json made, const Json* origin);
  [[nodiscard]] bool is_made(const Json* node) const;
  // Drafts up to 7: next to $ref nothing counts.
  [[nodiscard]] bool ref_stands_alone() const { return ref_stands_alone_; }

 private:
  struct Node {
    std::string place;
    size_t resource;
    bool made;
  };
  struct Resource {
    std::string uri;
    const Json* root;
    std::map<std::string, const Json*> anchors;
  };

  SchemaDocument() = default;
  void index(const Json& value, const std::string& place, size_t resource, bool made);

  std::unique_ptr<Json> root_;
  std::vector<std::unique_ptr<Json>> made_;
  std::unordered_map<const Json*, Node> nodes_;
  std::vector<Resource> resources_;
  bool ref_stands_alone_ = false;
};

}  // namespace hearth::sample
