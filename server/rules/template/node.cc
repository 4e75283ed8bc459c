#include "server/rules/template/node.h"

#include <string_view>

#include "promql/text.h"

namespace server::text_template {
namespace {

void Write(const Node& node, std::string* out);

void WriteInBrackets(const Node& node, std::string* out) {
  const bool pipe = node.kind == NodeKind::kPipe;
  if (pipe) *out += '(';
  Write(node, out);
  if (pipe) *out += ')';
}

void WriteNames(const Node& node, std::string_view before, std::string* out) {
  for (size_t i = 0; i < node.names.size(); ++i) {
    *out += i == 0 ? before : ".";
    *out += node.names[i];
  }
}

void WritePipe(const Node& pipe, std::string* out) {
  for (size_t i = 0; i < pipe.declared.size(); ++i) {
    if (i > 0) *out += ", ";
    Write(*pipe.declared[i], out);
  }
  if (!pipe.declared.empty()) *out += pipe.assigns ? " = " : " := ";
  for (size_t i = 0; i < pipe.nodes.size(); ++i) {
    if (i > 0) *out += " | ";
    Write(*pipe.nodes[i], out);
  }
}

void WriteBranch(const Node& node, std::string_view word, std::string* out) {
  *out += "{{";
  *out += word;
  *out += ' ';
  Write(*node.pipe, out);
  *out += "}}";
  Write(*node.list, out);
  if (node.else_list != nullptr) {
    *out += "{{else}}";
    Write(*node.else_list, out);
  }
  *out += "{{end}}";
}

void Write(const Node& node, std::string* out) {
  switch (node.kind) {
    case NodeKind::kText:
    case NodeKind::kIdentifier:
    case NodeKind::kNumber:
    case NodeKind::kString: *out += node.text; return;
    case NodeKind::kAction:
      *out += "{{";
      Write(*node.pipe, out);
      *out += "}}";
      return;
    case NodeKind::kBool: *out += node.truth ? "true" : "false"; return;
    case NodeKind::kBreak: *out += "{{break}}"; return;
    case NodeKind::kContinue: *out += "{{continue}}"; return;
    case NodeKind::kElse: *out += "{{else}}"; return;
    case NodeKind::kEnd: *out += "{{end}}"; return;
    case NodeKind::kDot: *out += '.'; return;
    case NodeKind::kNil: *out += "nil"; return;
    case NodeKind::kChain: WriteInBrackets(*node.nodes[0], out); return WriteNames(node, ".", out);
    case NodeKind::kField: return WriteNames(node, ".", out);
    case NodeKind::kVariable: return WriteNames(node, "", out);
    case NodeKind::kCommand:
      for (size_t i = 0; i < node.nodes.size(); ++i) {
        if (i > 0) *out += ' ';
        WriteInBrackets(*node.nodes[i], out);
      }
      return;
    case NodeKind::kList:
      for (const NodePtr& child : node.nodes) Write(*child, out);
      return;
    case NodeKind::kPipe: return WritePipe(node, out);
    case NodeKind::kIf: return WriteBranch(node, "if", out);
    case NodeKind::kRange: return WriteBranch(node, "range", out);
    case NodeKind::kWith: return WriteBranch(node, "with", out);
    case NodeKind::kTemplate:
      *out += "{{template " + promql::Quote(node.text);
      if (node.pipe != nullptr) {
        *out += ' ';
        Write(*node.pipe, out);
      }
      *out += "}}";
  }
}

}  // namespace

NodePtr Make(NodeKind kind, int pos) {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->pos = pos;
  return node;
}

std::string ToString(const Node& node) {
  std::string out;
  Write(node, &out);
  return out;
}

bool IsEmpty(const Node& node) {
  if (node.kind == NodeKind::kText) {
    return node.text.find_first_not_of(" \t\n\v\f\r") == std::string::npos;
  }
  if (node.kind != NodeKind::kList) return false;
  for (const NodePtr& child : node.nodes) {
    if (!IsEmpty(*child)) return false;
  }
  return true;
}

}  // namespace server::text_template
