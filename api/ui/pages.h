// The built-in pages: files of this folder, embedded as they are.
#pragma once

#include <span>
#include <string_view>

namespace api {

struct PageFile {
  std::string_view name;          // "app.js"
  std::string_view content_type;
  std::string_view bytes;
};

std::string_view IndexPage();                // With PAGE_TITLE where the title goes.
std::span<const PageFile> AssetFiles();

}  // namespace api
