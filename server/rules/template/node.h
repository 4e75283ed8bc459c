// The tree of a template.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace server::text_template {

enum class NodeKind : uint8_t {
  kText,
  kAction,
  kBool,
  kBreak,
  kChain,
  kCommand,
  kContinue,
  kDot,
  kElse,
  kEnd,
  kField,
  kIdentifier,
  kIf,
  kList,
  kNil,
  kNumber,
  kPipe,
  kRange,
  kString,
  kTemplate,
  kVariable,
  kWith,
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

// One struct for all kinds; each field says whose it is.
struct Node {
  NodeKind kind;
  int pos = 0;  // Byte offset in the text.

  std::string text;   // kText; kIdentifier, kNumber and kString as written; kTemplate: name
  std::string value;  // kString: unquoted.
  std::vector<std::string> names;  // kField a.b, kVariable $x.a, kChain: fields.
  std::vector<NodePtr> nodes;      // kList; kPipe: commands; kCommand: words; kChain: its operand.

  std::vector<NodePtr> declared;  // kPipe: variables.
  bool assigns = false;           // kPipe: = rather than :=.

  NodePtr pipe;             // kAction, kIf, kRange, kWith; kTemplate: or null.
  NodePtr list, else_list;  // kIf, kRange, kWith; else_list or null.

  bool truth = false;  // kBool
  // kNumber: all the types it may have.
  bool is_int = false, is_float = false;
  int64_t integer = 0;
  double number = 0;

  bool branches() const {
    return kind == NodeKind::kIf || kind == NodeKind::kRange || kind == NodeKind::kWith;
  }
};

NodePtr Make(NodeKind kind, int pos);

// As Go prints nodes in its messages.
std::string ToString(const Node& node);

// Nothing but space.
bool IsEmpty(const Node& node);

// A parsed text: itself and what it defines.
struct Template {
  std::string name;
  std::string text;
  std::map<std::string, NodePtr> roots;  // By name; `name` is there.
};

}  // namespace server::text_template
