#include "server/config/fields.h"

#include <filesystem>

#include "server/config/scalar.h"
#include "storage/model/duration_text.h"
#include "storage/model/labels.h"

namespace server {

bool Fields::Has(std::string_view key) const {
  const YamlNode* found = node_.Find(key);
  return found != nullptr && !found->is_null();
}

const YamlNode& Fields::At(std::string_view key) const {
  const YamlNode* found = node_.Find(key);
  return found != nullptr ? *found : node_;
}

std::string Fields::String(std::string_view key, std::string_view otherwise) const {
  const YamlNode* found = node_.Find(key);
  return std::string(found != nullptr && found->is_scalar() ? found->text : otherwise);
}

bool Fields::Bool(std::string_view key, bool otherwise) const {
  return Has(key) ? YamlBool(At(key)).value_or(otherwise) : otherwise;
}
int64_t Fields::Int(std::string_view key, int64_t otherwise) const {
  return Has(key) ? YamlInt(At(key)).value_or(otherwise) : otherwise;
}
uint64_t Fields::Uint(std::string_view key, uint64_t otherwise) const {
  return Has(key) ? YamlUint(At(key)).value_or(otherwise) : otherwise;
}
uint64_t Fields::Bytes(std::string_view key, uint64_t otherwise) const {
  return Has(key) ? ParseBytes(At(key).text).value_or(otherwise) : otherwise;
}
double Fields::Float(std::string_view key, double otherwise) const {
  return Has(key) ? YamlFloat(At(key)).value_or(otherwise) : otherwise;
}

int64_t Fields::DurationMs(std::string_view key, int64_t otherwise) const {
  if (!Has(key)) return otherwise;
  const auto parsed = model::ParseDurationMs(At(key).text);
  return parsed.ok() ? *parsed : otherwise;
}

std::vector<std::string> Fields::Strings(std::string_view key) const {
  std::vector<std::string> out;
  for (const YamlNode& item : List(key)) out.push_back(item.text);
  return out;
}

Fields Fields::Section(std::string_view key) const {
  static const YamlNode* const kEmpty = new YamlNode;
  return Fields(Has(key) ? At(key) : *kEmpty);
}

const std::vector<YamlNode>& Fields::List(std::string_view key) const {
  static const auto* const kNone = new std::vector<YamlNode>;
  return Has(key) && At(key).is_sequence() ? At(key).items : *kNone;
}

std::string ResolvePath(std::string_view dir, std::string_view path) {
  if (path.empty() || path.starts_with('/')) return std::string(path);
  return (std::filesystem::path(dir) / path).lexically_normal().string();
}

std::string Quote(std::string_view s) {
  std::string out;
  model::AppendQuoted(&out, s);
  return out;
}

}  // namespace server
