// The Prometheus text format, versions 0.0.4 and 1.0.0: a pull parser over a page that stays where it
// is. spec 6.4; accepts and refuses what Prometheus 3.14 does, to the letter, with its error texts.
//
// Two readers share the work. Lines of the usual shape take a fast path; everything else (quoted
// names, odd spaces, NaN, errors) is read by a lexer with the reference's states, from the start of
// the line. Both give the same answers: tests/server/scrape/text_parser_test.cc compares them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/scrape/exposition.h"
#include "storage/model/exemplar.h"
#include "storage/model/metadata.h"

namespace server {

// Not thread-safe. `page` must outlive it; views point into the page.
class TextParser {
 public:
  // `fast` false: the lexer reads every line; for tests.
  explicit TextParser(std::string_view page, bool fast = true) : lexer_{page}, fast_(fast) {}

  // The next entry. After kEnd or kError it stays there.
  //   predicted   the text of a series that may come next, accepted before from this format (the
  //               series cache knows), or empty. When the line starts with it, its labels are not
  //               read again and was_predicted() is true.
  Entry Next(std::string_view predicted = {});

  int64_t StartTime() const { return 0; }  // The format has none.
  // After kSeries.
  std::string_view series() const { return series_; }  // name{labels}, as it stands in the page.
  bool was_predicted() const { return was_predicted_; }
  double value() const { return value_; }
  bool has_time() const { return has_time_; }
  int64_t time_ms() const { return time_ms_; }
  void Labels(ExposedLabels* out) const { ParseSeriesText(series_, type_, out); }
  bool TakeExemplar(model::Exemplar*) { return false; }  // The format has none.

  // The type last named by a TYPE line, whatever its metric.
  model::MetricType type() const { return type_; }
  // After kType, kHelp: the metric family. After kHelp: the text, escapes as they stand.
  std::string_view family() const { return family_; }
  std::string_view text() const { return text_; }
  static std::string UnescapeHelp(std::string_view text) { return Unescape(text, false); }

  // After kError: what is wrong, and in which line of the page (from 1).
  const std::string& error() const { return error_; }
  int line() const;

 private:
  enum class State : uint8_t { kInit, kComment, kMeta1, kMeta2, kLabels, kLabelValue, kValue, kTimestamp };

  // Tokens by state, over the page with one newline added at its end.
  struct Lexer {
    std::string_view page;
    size_t pos = 0, start = 0;  // The token is [start, pos).
    State state = State::kInit;

    size_t size() const { return page.size() + 1; }
    char At(size_t i) const { return i < page.size() ? page[i] : i == page.size() ? '\n' : '\0'; }
    std::string_view text() const { return page.substr(start, std::min(pos, page.size()) - start); }
    char Advance();
    Token Next();
    Token RestOfComment();
    Token Spaces();
    Token Metadata(std::string_view word, Token token);
    Token Quoted(State then, Token token);
  };

  Entry FastSeries(const char* p, const char* end);
  Entry FastSample(const char* p, const char* end);  // From the space before the value.
  Entry FastMetadata(const char* p, const char* end);
  Entry Slow();
  Entry SlowMetadata(Token kind);
  bool SlowLabels();
  Entry SlowSample(Token token);
  Token NextToken();
  std::string Slice(size_t begin, size_t end) const;  // With the added newline where it belongs.
  Entry Fail(std::string message);
  Entry Unexpected(std::string_view expected, Token got);
  bool SetType(std::string_view name);

  Lexer lexer_;
  const bool fast_;
  bool done_ = false, failed_ = false;
  size_t entry_start_ = 0;
  bool name_set_ = false;
  std::string_view series_, family_, text_;
  model::MetricType type_ = model::MetricType::kUnknown;
  bool was_predicted_ = false, has_time_ = false;
  double value_ = 0;
  int64_t time_ms_ = 0;
  std::string error_;
};

}  // namespace server
