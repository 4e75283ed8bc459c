#include "tests/torture/disk_image.h"

#include <filesystem>
#include <fstream>

#include "storage/base/check.h"

namespace torture {

namespace fs = std::filesystem;

int DiskImage::Find(const std::string& path) const {
  int node = 0;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const auto& names = nodes_.at(node).now;
    const auto it = names.find(path.substr(at, end - at));
    if (it == names.end()) return -1;
    node = it->second;
    at = end + 1;
  }
  return node;
}

void DiskImage::Set(const std::string& path, int node) {
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const int dir = slash == std::string::npos ? 0 : Find(path.substr(0, slash));
  CHECK(dir != -1);
  if (node == -1) {
    nodes_[dir].now.erase(name);
  } else {
    nodes_[dir].now[name] = node;
  }
  pending_.push_back({ops_, dir, name, node});
}

void DiskImage::MakeDurable(int dir) {
  std::erase_if(pending_, [&](const Change& change) {
    if (dir != -1 && change.dir != dir) return false;
    auto& names = nodes_[change.dir].durable;
    if (change.node == -1) {
      names.erase(change.name);
    } else {
      names[change.name] = change.node;
    }
    return true;
  });
}

void DiskImage::Patch(std::string* bytes, const FileOp& op, size_t part) {
  if (op.kind == FileOp::kTruncate) {
    bytes->resize(op.offset);
    return;
  }
  const size_t size = std::min(part, op.data.size());
  if (bytes->size() < op.offset + size) bytes->resize(op.offset + size);
  bytes->replace(op.offset, size, op.data, 0, size);
}

void DiskImage::Apply(const FileOp& op) {
  ++ops_;
  switch (op.kind) {
    case FileOp::kCreate:
      nodes_[op.file].is_log = op.path.find("/wal/") != std::string::npos;
      Set(op.path, op.file);
      break;
    case FileOp::kWrite:
    case FileOp::kTruncate: {
      Node& file = nodes_[op.file];
      Patch(&file.bytes, op, op.data.size());
      file.unsynced.push_back(&op);
      break;
    }
    case FileOp::kSyncFile: {
      Node& file = nodes_[op.file];
      file.durable_bytes = file.bytes;
      file.unsynced.clear();
      if (journaled_) MakeDurable(-1);
      break;
    }
    case FileOp::kSyncDir: MakeDurable(journaled_ ? -1 : Find(op.path)); break;
    case FileOp::kRename: {
      const int node = Find(op.path);
      Set(op.data, node);
      Set(op.path, -1);
      break;
    }
    case FileOp::kLink: Set(op.data, Find(op.path)); break;
    case FileOp::kUnlink:
    case FileOp::kRmdir: Set(op.path, -1); break;
    case FileOp::kMkdir:
      nodes_[--last_dir_].is_dir = true;
      Set(op.path, last_dir_);
      break;
    case FileOp::kSettled:
      for (auto& [id, node] : nodes_) {
        node.durable_bytes = node.bytes;
        node.unsynced.clear();
      }
      MakeDurable(-1);
      break;
  }
}

void DiskImage::Write(const std::string& dir, int node, const std::map<int, Node>& nodes,
                      bool durable) const {
  fs::create_directories(dir);
  const Node& folder = nodes.at(node);
  for (const auto& [name, id] : durable ? folder.durable : folder.now) {
    const Node& child = nodes.at(id);
    const std::string path = dir + "/" + name;
    if (child.is_dir) {
      Write(path, id, nodes, durable);
    } else {
      const std::string& bytes = durable ? child.durable_bytes : child.bytes;
      std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<long>(bytes.size()));
    }
  }
}

void DiskImage::WriteTo(const std::string& dir) const { Write(dir, 0, nodes_, false); }

void DiskImage::WriteAfterPowerCut(const std::string& dir, std::mt19937_64& random) const {
  std::map<int, Node> nodes = nodes_;
  if (!pending_.empty() && random() % 2 == 0) {
    const uint64_t until = pending_[random() % pending_.size()].op;
    for (const Change& change : pending_) {
      if (change.op > until) break;
      auto& names = nodes[change.dir].durable;
      if (change.node == -1) {
        names.erase(change.name);
      } else {
        names[change.name] = change.node;
      }
    }
  }
  for (auto& [id, node] : nodes) {
    const uint64_t chance = random() % 20;
    if (node.unsynced.empty() || chance < 10) continue;
    const size_t whole = random() % (node.unsynced.size() + 1);
    for (size_t i = 0; i < whole; ++i) {
      Patch(&node.durable_bytes, *node.unsynced[i], node.unsynced[i]->data.size());
    }
    if (whole == node.unsynced.size()) continue;
    const FileOp& torn = *node.unsynced[whole];
    if (torn.kind != FileOp::kWrite || torn.data.empty()) continue;
    const size_t part = random() % torn.data.size();
    Patch(&node.durable_bytes, torn, part);
    if (node.is_log && chance < 13 && node.durable_bytes.size() < torn.offset + torn.data.size()) {
      node.durable_bytes.resize(torn.offset + torn.data.size());  // Zeros.
    }
  }
  Write(dir, 0, nodes, true);
}

}  // namespace torture
