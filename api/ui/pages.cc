#include "api/ui/pages.h"

// The assembler puts each file between two symbols. It looks for the path in the include
// directories, where the root of the tree is.
#define EMBED(symbol, path)                                                       \
  __asm__(".section .rodata\n"                                                    \
          ".global " #symbol "_begin\n" #symbol "_begin:\n.incbin \"" path "\"\n" \
          ".global " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n");     \
  extern "C" const char symbol##_begin[], symbol##_end[];

EMBED(tidemark_ui_index, "api/ui/index.html")
EMBED(tidemark_ui_style, "api/ui/style.css")
EMBED(tidemark_ui_text, "api/ui/text.js")
EMBED(tidemark_ui_chart, "api/ui/chart.js")
EMBED(tidemark_ui_complete, "api/ui/complete.js")
EMBED(tidemark_ui_panel, "api/ui/panel.js")
EMBED(tidemark_ui_app, "api/ui/app.js")
EMBED(tidemark_ui_icon, "api/ui/favicon.svg")

namespace api {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

constexpr std::string_view kScript = "text/javascript; charset=utf-8";

}  // namespace

std::string_view IndexPage() { return Between(tidemark_ui_index_begin, tidemark_ui_index_end); }

std::span<const PageFile> AssetFiles() {
  static const PageFile kFiles[] = {
      {"style.css", "text/css; charset=utf-8", Between(tidemark_ui_style_begin, tidemark_ui_style_end)},
      {"text.js", kScript, Between(tidemark_ui_text_begin, tidemark_ui_text_end)},
      {"chart.js", kScript, Between(tidemark_ui_chart_begin, tidemark_ui_chart_end)},
      {"complete.js", kScript, Between(tidemark_ui_complete_begin, tidemark_ui_complete_end)},
      {"panel.js", kScript, Between(tidemark_ui_panel_begin, tidemark_ui_panel_end)},
      {"app.js", kScript, Between(tidemark_ui_app_begin, tidemark_ui_app_end)},
      {"favicon.svg", "image/svg+xml", Between(tidemark_ui_icon_begin, tidemark_ui_icon_end)},
  };
  return kFiles;
}

}  // namespace api
