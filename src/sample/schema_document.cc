#include "sample/schema_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::sample {
namespace {

constexpr size_t kMaxBytes = size_t{4} << 20;
constexpr int kMaxNesting = 200;

// How deep brackets nest, those in strings aside.
int nesting(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

std::string escaped(std::string_view key) {  // RFC 6901
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out.push_back(char(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// RFC 3986, as far as schemas need it: `ref` seen from `base`; neither has a fragment.
std::string joined(const std::string& base, const std::string& ref) {
  if (ref.empty()) return base;
  const size_t colon = ref.find(':');
  if (colon != std::string::npos && colon < ref.find('/')) return ref;
  if (ref.starts_with("//")) return base.substr(0, base.find(':') + 1) + ref;
  const size_t authority = base.find("//");
  const size_t path =
      authority == std::string::npos ? 0 : std::min(base.find('/', authority + 2), base.size());
  if (ref.starts_with("/")) return base.substr(0, path) + ref;
  const size_t slash = base.rfind('/');
  if (slash == std::string::npos || slash < path) return base.substr(0, path) + "/" + ref;
  return base.substr(0, slash + 1) + ref;
}

const Json* string_at(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? &*it : nullptr;
}

}  // namespace

SchemaDocument::~SchemaDocument() = default;

Result<std::unique_ptr<SchemaDocument>> SchemaDocument::parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the schema is larger than {} MiB", kMaxBytes >> 20));
  if (nesting(text) > kMaxNesting)
    return fail(ErrorCode::kUnsupported, "the schema is nested too deeply");
  std::unique_ptr<SchemaDocument> out(new SchemaDocument());
  try {
    out->root_ = std::make_unique<Json>(Json::parse(text.begin(), text.end()));
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("the schema is not JSON: {}", e.what()));
  }
  const Json& root = *out->root_;
  if (!root.is_object() && !root.is_boolean())
    return fail(ErrorCode::kInvalidArgument, "a schema is an object (or true, or false)");
  if (root.is_object()) {
    if (const Json* schema = string_at(root, "$schema")) {
      const auto& uri = schema->get_ref<const std::string&>();
      for (const char* old : {"draft-03", "draft-04", "draft-06", "draft-07"})
        out->ref_stands_alone_ |= uri.find(old) != std::string::npos;
    }
  }
  out->resources_.push_back({.uri = "", .root = &root, .anchors = {}});
  out->index(root, "#", 0, false);
  return out;
}

// Recursion: as deep as the document nests.
void SchemaDocument::index(const Json& value, const std::string& place, size_t resource,
                           bool made) {
  if (value.is_object() && !made) {
    const Json* id = string_at(value, "$id");
    if (id == nullptr) id = string_at(value, "id");  // draft 4
    const bool counts = id != nullptr && !(ref_stands_alone_ && value.contains("$ref"));
    if (counts) {
      const auto& text = id->get_ref<const std::string&>();
      const size_t hash = std::min(text.find('#'), text.size());
      const std::string uri = joined(resources_[resource].uri, text.substr(0, hash));
      if (hash == 0 && text.size() > 1) {
        resources_[resource].anchors.emplace(text.substr(1), &value);
      } else if (&value == resources_[resource].root) {
        resources_[resource].uri = uri;
      } else if (hash > 0) {
        resources_.push_back({.uri = uri, .root = &value, .anchors = {}});
        resource = resources_.size() - 1;
      }
    }
    for (const char* key : {"$anchor", "$dynamicAnchor"})
      if (const Json* anchor = string_at(value, key))
        resources_[resource].anchors.emplace(anchor->get_ref<const std::string&>(), &value);
  }
  nodes_.emplace(&value, Node{place, resource, made});
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end(); ++it)
      if (it.key() != "enum" && it.key() != "const")
        index(it.value(), place + "/" + escaped(it.key()), resource, made);
  } else if (value.is_array()) {
    size_t i = 0;
    for (const Json& element : value)
      index(element, place + "/" + std::to_string(i++), resource, made);
  }
}

std::string SchemaDocument::place(const Json* node) const {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? "#" : it->second.place;
}

std::string SchemaDocument::place(const Json* node, std::string_view keyword) const {
  return is_made(node) ? place(node) : place(node) + "/" + escaped(keyword);
}

bool SchemaDocument::is_made(const Json* node) const {
  const auto it = nodes_.find(node);
  return it != nodes_.end() && it->second.made;
}

const Json* SchemaDocument::adopt(Json made, const Json* origin) {
  made_.push_back(std::make_unique<Json>(std::move(made)));
  const auto it = nodes_.find(origin);
  const size_t resource = it == nodes_.end() ? 0 : it->second.resource;
  index(*made_.back(), place(origin), resource, true);
  return made_.back().get();
}

Result<const Json*> SchemaDocument::resolve(const Json* from, const std::string& ref) const {
  const auto node = nodes_.find(from);
  const Resource& here = resources_[node == nodes_.end() ? 0 : node->second.resource];
  const size_t hash = std::min(ref.find('#'), ref.size());
  const std::string uri = joined(here.uri, ref.substr(0, hash));
  const std::string fragment =
      hash < ref.size() ? percent_decoded(std::string_view(ref).substr(hash + 1)) : "";
  const auto missing = [&](std::string_view why) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("$ref \"{}\" at {}: {}", ref, place(from, "$ref"), why),
                "put what it names into $defs of this schema");
  };
  const Resource* target = hash == 0 && uri == here.uri ? &here : nullptr;
  for (const Resource& r : resources_)
    if (target == nullptr && r.uri == uri) target = &r;
  if (target == nullptr) return missing("other documents are not read");
  if (fragment.empty()) return target->root;
  if (!fragment.starts_with("/")) {
    const auto anchor = target->anchors.find(fragment);
    if (anchor == target->anchors.end()) return missing("there is no such anchor");
    return anchor->second;
  }
  try {
    const Json* found = &target->root->at(Json::json_pointer(fragment));
    if (!found->is_object() && !found->is_boolean()) return missing("this is no schema");
    return found;
  } catch (const Json::exception&) {
    return missing("there is nothing at this place");
  }
}

}  // namespace hearth::sample
