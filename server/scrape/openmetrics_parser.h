// OpenMetrics text, versions 1.0.0 and 0.0.1: the same shape as TextParser (which see), over a
// stricter format: single spaces, no comments, "# EOF" at the end, times in seconds, exemplars.
// _created lines are series like others, or tell start times. spec 6.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/scrape/created_lines.h"
#include "server/scrape/exposition.h"
#include "storage/model/exemplar.h"
#include "storage/model/metadata.h"

namespace server {

// Not thread-safe. `page` must outlive it; views point into the page.
class OpenMetricsParser {
 public:
  // `starts`: _created lines are passed over, and StartTime tells what they say.
  explicit OpenMetricsParser(std::string_view page, bool fast = true, bool starts = false)
      : lexer_{page}, fast_(fast), starts_(starts), created_(page) {}
  // From the middle of a page, in a family of that type.
  OpenMetricsParser(std::string_view rest, model::MetricType type) : OpenMetricsParser(rest) {
    type_ = type;
  }

  // As TextParser::Next.
  Entry Next(std::string_view predicted = {}) {
    Entry entry = NextLine(predicted);
    while (starts_ && entry == Entry::kSeries && IsCreatedLine(series_, type_)) {
      entry = NextLine(predicted);
    }
    return entry;
  }

  // After kSeries.
  std::string_view series() const { return series_; }
  bool was_predicted() const { return was_predicted_; }
  double value() const { return value_; }
  bool has_time() const { return has_time_; }
  int64_t time_ms() const { return time_ms_; }
  void Labels(ExposedLabels* out) const { ParseSeriesText(series_, type_, out); }
  // When the series began, in ms; 0 when nobody says.
  int64_t StartTime() { return created_.Find(series_, family_.size(), type_, lexer_.pos); }
  size_t position() const { return lexer_.pos; }  // In the page, of what comes next.
  // The exemplar behind the sample, once; its time only when it gave one.
  bool TakeExemplar(model::Exemplar* out);

  model::MetricType type() const { return type_; }
  // After kType, kHelp, kUnit; text() after kHelp and kUnit.
  std::string_view family() const { return family_; }
  std::string_view text() const { return text_; }
  static std::string UnescapeHelp(std::string_view text) { return Unescape(text, true); }

  // After kError.
  const std::string& error() const { return error_; }
  int line() const;

 private:
  enum class State : uint8_t {
    kInit, kComment, kMeta1, kMeta2, kLabels, kLabelValue, kValue, kTimestamp,
    kExemplar, kExemplarValue, kExemplarTimestamp,
  };

  struct Lexer {
    std::string_view page;
    size_t pos = 0, start = 0;  // The token is [start, pos).
    State state = State::kInit;

    char At(size_t i) const { return i < page.size() ? page[i] : '\0'; }
    std::string_view text() const { return page.substr(start, pos - start); }
    char Advance();
    Token Next();
    Token Metadata();
    Token Word(std::string_view rest, Token token);
    Token Quoted(bool newlines, State then, Token token);
    Token Field(State then, Token token);
    Token TimestampOrExemplar();
  };

  Entry NextLine(std::string_view predicted);
  Entry FastSeries(const char* p, const char* end);
  Entry FastSample(const char* p, const char* end);
  Entry FastMetadata(const char* p, const char* end);
  Entry Slow();
  Entry SlowMetadata(Token kind);
  bool SlowLabels(bool exemplar);
  Entry SlowSample(Token token);
  bool SlowExemplar();
  bool ReadValue(Token token, std::string_view after, double* value);
  bool ReadTime(std::string_view what, int64_t* time_ms);
  std::string Slice(size_t begin, size_t end) const;
  Entry Fail(std::string message);
  Entry Unexpected(std::string_view expected, Token got);
  bool SetType(std::string_view name);

  Lexer lexer_;
  const bool fast_, starts_;
  CreatedLines created_;
  bool done_ = false, failed_ = false;
  size_t entry_start_ = 0;
  bool name_set_ = false;
  std::string_view series_, family_, text_;
  model::MetricType type_ = model::MetricType::kUnknown;
  bool was_predicted_ = false, has_time_ = false;
  double value_ = 0;
  int64_t time_ms_ = 0;
  // The exemplar: pairs as they stand in the page.
  bool has_exemplar_ = false, exemplar_has_time_ = false;
  std::vector<std::pair<std::string_view, std::string_view>> exemplar_labels_;
  double exemplar_value_ = 0;
  int64_t exemplar_time_ms_ = 0;
  std::string error_;
};

}  // namespace server
