#include "server/scrape/openmetrics_parser.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace server {
namespace {

constexpr std::string_view kNoEof = "data does not end with # EOF";

// Seconds to milliseconds, cut off; what does not fit becomes the smallest number, as there.
int64_t ToMilliseconds(double seconds) {
  const double ms = seconds * 1000;
  if (!(ms > -9.2e18 && ms < 9.2e18)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(ms);
}

}  // namespace

// ---- The fast path. Each step leaves to Slow() whatever it is not sure of. ----

Entry OpenMetricsParser::NextLine(std::string_view predicted) {
  was_predicted_ = false;
  has_exemplar_ = false;
  if (done_) return failed_ ? Entry::kError : Entry::kEnd;
  entry_start_ = lexer_.pos;
  if (!fast_ || lexer_.state != State::kInit) return Slow();
  const char* const end = lexer_.page.data() + lexer_.page.size();
  const char* const p = lexer_.page.data() + lexer_.pos;
  if (p == end) return Slow();
  if (!predicted.empty() && static_cast<size_t>(end - p) > predicted.size() + 1 &&
      std::memcmp(p, predicted.data(), predicted.size()) == 0 && p[predicted.size()] == ' ') {
    series_ = {p, predicted.size()};
    was_predicted_ = true;
    return FastSample(p + predicted.size(), end);
  }
  if (Is(*p, kNameStart)) return FastSeries(p, end);
  if (*p == '#') return FastMetadata(p, end);
  return Slow();
}

Entry OpenMetricsParser::FastSeries(const char* p, const char* end) {
  const char* const begin = p;
  // The newline stops every loop below, so the end is looked at once.
  if (std::memchr(p, '\n', end - p) == nullptr) return Slow();
  while (Is(*p, kNameByte)) ++p;
  if (*p == '{') {
    ++p;
    while (*p != '}') {
      if (!Is(*p, kLabelStart)) return Slow();
      while (Is(*p, kLabelByte)) ++p;
      if (*p != '=' || p[1] != '"') return Slow();
      p += 2;
      while (Is(*p, kPlainValue)) ++p;
      if (*p != '"') return Slow();
      ++p;
      if (*p == ',') {
        ++p;
      } else if (*p != '}') {
        return Slow();
      }
    }
    ++p;
  }
  if (*p != ' ') return Slow();
  series_ = {begin, static_cast<size_t>(p - begin)};
  return FastSample(p, end);
}

Entry OpenMetricsParser::FastSample(const char* p, const char* end) {
  p = ScanNumber(p + 1, end, &value_);
  if (p == nullptr || p == end) return Slow();
  has_time_ = false;
  if (*p == ' ') {
    double seconds = 0;
    p = ScanNumber(p + 1, end, &seconds);
    if (p == nullptr || p == end) return Slow();
    time_ms_ = ToMilliseconds(seconds);
    has_time_ = true;
  }
  if (*p != '\n') return Slow();
  lexer_.pos = p + 1 - lexer_.page.data();
  return Entry::kSeries;
}

Entry OpenMetricsParser::FastMetadata(const char* p, const char* end) {
  const char* const line_end = static_cast<const char*>(std::memchr(p, '\n', end - p));
  if (line_end == nullptr || line_end - p < 8) return Slow();
  if (line_end + 1 < end && line_end[1] == '\0') return Slow();  // It would belong to the text.
  const bool help = std::memcmp(p, "# HELP ", 7) == 0;
  if (!help && std::memcmp(p, "# TYPE ", 7) != 0) return Slow();
  p += 7;
  const char* const name = p;
  if (!Is(*p, kNameStart)) return Slow();
  while (Is(*p, kNameByte)) ++p;
  if (*p != ' ') return Slow();
  family_ = {name, static_cast<size_t>(p - name)};
  text_ = {p + 1, static_cast<size_t>(line_end - p - 1)};
  if (help ? !model::IsValidUtf8(text_) || text_.find('\0') != std::string_view::npos
           : !SetType(text_)) {
    return Slow();
  }
  lexer_.pos = line_end + 1 - lexer_.page.data();
  return help ? Entry::kHelp : Entry::kType;
}

// ---- The lexer. ----

// To the next byte; '\0' past the end. Zero bytes inside values and texts are passed over.
char OpenMetricsParser::Lexer::Advance() {
  ++pos;
  while (pos < page.size() && page[pos] == '\0' &&
         (state == State::kLabelValue || state == State::kMeta2 || state == State::kComment)) {
    ++pos;
  }
  pos = std::min(pos, page.size());
  return At(pos);
}

Token OpenMetricsParser::Lexer::Word(std::string_view rest, Token token) {
  char c = At(pos);
  for (const char expected : rest) {
    if (c != expected) return Token::kInvalid;
    c = Advance();
  }
  state = State::kMeta1;
  return token;
}

// Behind "# ": the kind of metadata, or the end of the page.
Token OpenMetricsParser::Lexer::Metadata() {
  switch (At(pos)) {
    case 'H':
      return Word("HELP ", Token::kHelp);
    case 'T':
      return Word("TYPE ", Token::kType);
    case 'U':
      return Word("UNIT ", Token::kUnit);
    default:
      break;
  }
  const Token token = Word("EOF", Token::kEofWord);
  if (token != Token::kEofWord) return token;
  if (At(pos) == '\n') Advance();
  state = State::kInit;
  return token;
}

Token OpenMetricsParser::Lexer::Quoted(bool newlines, State then, Token token) {
  char c = Advance();
  while (c != '"') {
    if (c == '\\') {
      c = Advance();
      if (c == '\n') return Token::kInvalid;
    } else if (c == '\n' && !newlines) {
      return Token::kInvalid;
    }
    if (c == '\0') return Token::kInvalid;
    c = Advance();
  }
  Advance();
  state = then;
  return token;
}

// A space and what follows it up to the next space or newline.
Token OpenMetricsParser::Lexer::Field(State then, Token token) {
  char c = Advance();
  if (c == ' ' || c == '\n' || c == '\0') return Token::kInvalid;
  while (c != ' ' && c != '\n' && c != '\0') c = Advance();
  state = then;
  return token;
}

Token OpenMetricsParser::Lexer::TimestampOrExemplar() {
  const size_t begin = pos;
  if (page.substr(pos, 4) == " # {") {
    Advance(), Advance(), Advance(), Advance();
    state = State::kExemplar;
    return Token::kComment;
  }
  if (page.substr(pos, 3) == " # ") {
    pos = std::min(begin + 3, page.size());
    return Token::kInvalid;
  }
  return Field(state, Token::kTimestamp);
}

Token OpenMetricsParser::Lexer::Next() {
  if (pos >= page.size()) return Token::kEof;
  const char c = At(pos);
  start = pos;
  const auto take = [&](State then, Token token) {
    Advance();
    state = then;
    return token;
  };
  const auto take_name = [&](uint8_t cls, State then, Token token) {
    while (Is(Advance(), cls)) {
    }
    state = then;
    return token;
  };
  switch (state) {
    case State::kInit:
      if (c == '{') return take(State::kLabels, Token::kBraceOpen);
      if (Is(c, kNameStart)) return take_name(kNameByte, State::kValue, Token::kMetricName);
      if (c != '#' || Advance() != ' ') return Token::kInvalid;
      Advance();
      state = State::kComment;
      return Metadata();
    case State::kComment:
      return Metadata();
    case State::kMeta1:
      if (c == '"') return Quoted(true, State::kMeta2, Token::kMetricName);
      if (Is(c, kNameStart)) return take_name(kNameByte, State::kMeta2, Token::kMetricName);
      return Token::kInvalid;
    case State::kMeta2: {
      if (c != ' ') return Token::kInvalid;
      char next = Advance();
      while (next != '\n' && next != '\0') next = Advance();
      if (next == '\0') return Token::kInvalid;
      return take(State::kInit, Token::kText);
    }
    case State::kLabels:
      if (c == '"') return Quoted(true, State::kLabels, Token::kQuoted);
      if (c == ',') return take(state, Token::kComma);
      if (c == '=') return take(State::kLabelValue, Token::kEqual);
      if (c == '}') return take(State::kValue, Token::kBraceClose);
      if (Is(c, kLabelStart)) return take_name(kLabelByte, state, Token::kLabelName);
      return Token::kInvalid;
    case State::kLabelValue:
      return c == '"' ? Quoted(false, State::kLabels, Token::kLabelValue) : Token::kInvalid;
    case State::kValue:
      if (c == '{') return take(State::kLabels, Token::kBraceOpen);
      return c == ' ' ? Field(State::kTimestamp, Token::kValue) : Token::kInvalid;
    case State::kTimestamp:
      if (c == '\n') return take(State::kInit, Token::kLinebreak);
      return c == ' ' ? TimestampOrExemplar() : Token::kInvalid;
    case State::kExemplar:
      if (c == '"') return Quoted(false, State::kExemplar, Token::kQuoted);
      if (c == ',') return take(state, Token::kComma);
      if (c == '=') return take(State::kExemplarValue, Token::kEqual);
      if (c == '}') return take(State::kExemplarValue, Token::kBraceClose);
      if (Is(c, kLabelStart)) return take_name(kLabelByte, state, Token::kLabelName);
      return Token::kInvalid;
    case State::kExemplarValue:
      if (c == '"') return Quoted(false, State::kExemplar, Token::kLabelValue);
      return c == ' ' ? Field(State::kExemplarTimestamp, Token::kValue) : Token::kInvalid;
    case State::kExemplarTimestamp:
      if (c == '\n') return take(State::kInit, Token::kLinebreak);
      return c == ' ' ? Field(state, Token::kTimestamp) : Token::kInvalid;
  }
  return Token::kInvalid;
}

// ---- The parser over tokens. ----

std::string OpenMetricsParser::Slice(size_t begin, size_t end) const {
  return std::string(lexer_.page.substr(begin, std::min(end, lexer_.page.size()) - begin));
}

Entry OpenMetricsParser::Fail(std::string message) {
  done_ = failed_ = true;
  error_ = std::move(message);
  return Entry::kError;
}

Entry OpenMetricsParser::Unexpected(std::string_view expected, Token got) {
  return Fail(fmt::format("{}, got {} (\"{}\") while parsing: {}", expected,
                          Quoted(Slice(lexer_.start, lexer_.pos + 1)), ToString(got),
                          Quoted(Slice(entry_start_, lexer_.pos + 1))));
}

int OpenMetricsParser::line() const {
  const std::string_view before = lexer_.page.substr(0, entry_start_);
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

bool OpenMetricsParser::SetType(std::string_view name) {
  using model::MetricType;
  for (const MetricType type :
       {MetricType::kUnknown, MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
        MetricType::kGaugeHistogram, MetricType::kSummary, MetricType::kInfo,
        MetricType::kStateset}) {
    if (name == model::ToString(type)) {
      type_ = type;
      return true;
    }
  }
  return false;
}

bool OpenMetricsParser::TakeExemplar(model::Exemplar* out) {
  if (!has_exemplar_) return false;
  has_exemplar_ = false;
  std::vector<model::Labels::Pair> pairs;
  for (const auto& [name, value] : exemplar_labels_) pairs.emplace_back(name, value);
  out->labels = model::Labels::FromPairs(std::move(pairs));
  out->value = exemplar_value_;
  out->has_time = exemplar_has_time_;
  out->t = exemplar_has_time_ ? exemplar_time_ms_ : 0;
  return true;
}

Entry OpenMetricsParser::Slow() {
  was_predicted_ = false;
  entry_start_ = lexer_.pos;
  Token token = lexer_.Next();
  switch (token) {
    case Token::kEofWord:
      if (lexer_.Next() != Token::kEof) return Fail("unexpected data after # EOF");
      done_ = true;
      return Entry::kEnd;
    case Token::kEof:
      return Fail(std::string(kNoEof));
    case Token::kHelp:
    case Token::kType:
    case Token::kUnit:
      return SlowMetadata(token);
    case Token::kMetricName:
    case Token::kBraceOpen:
      name_set_ = token == Token::kMetricName;
      series_ = lexer_.page.substr(entry_start_, lexer_.pos - entry_start_);
      if (name_set_) token = lexer_.Next();
      if (token == Token::kBraceOpen) {
        if (!SlowLabels(/*exemplar=*/false)) return Entry::kError;
        series_ = lexer_.page.substr(entry_start_, lexer_.pos - entry_start_);
        token = lexer_.Next();
      }
      return SlowSample(token);
    default:
      return Unexpected("expected a valid start token", token);
  }
}

Entry OpenMetricsParser::SlowMetadata(Token kind) {
  Token token = lexer_.Next();
  if (token != Token::kMetricName) {
    return Unexpected(fmt::format("expected metric name after {}", ToString(kind)), token);
  }
  family_ = lexer_.text();
  if (family_.front() == '"') family_ = family_.substr(1, family_.size() - 2);
  token = lexer_.Next();
  if (token != Token::kText) return Fail(fmt::format("expected text in {}", ToString(kind)));
  text_ = lexer_.text();
  text_ = text_.substr(1, text_.size() - 2);  // Without the space before and the newline behind.
  switch (kind) {
    case Token::kType:
      if (!SetType(text_)) return Fail(fmt::format("invalid metric type {}", Quoted(text_)));
      return Entry::kType;
    case Token::kHelp:
      if (!model::IsValidUtf8(text_)) {
        return Fail(fmt::format("help text {} is not a valid utf8 string", Quoted(text_)));
      }
      return Entry::kHelp;
    default:
      if (!text_.empty() && (!family_.ends_with(text_) || family_.size() < text_.size() + 1 ||
                             family_[family_.size() - text_.size() - 1] != '_')) {
        return Fail(fmt::format("unit {} not a suffix of metric {}", Quoted(text_),
                                Quoted(family_)));
      }
      return Entry::kUnit;
  }
}

// From behind the opening brace to the closing one. False: an error is set.
bool OpenMetricsParser::SlowLabels(bool exemplar) {
  Token token = lexer_.Next();
  for (;;) {
    std::string_view name = lexer_.text();
    const bool quoted = token == Token::kQuoted;
    if (token == Token::kBraceClose) return true;
    if (token != Token::kLabelName && !quoted) {
      Unexpected("expected label name", token);
      return false;
    }
    token = lexer_.Next();
    if (quoted && (token == Token::kComma || token == Token::kBraceClose)) {
      // A quoted string alone is the name of the metric.
      if (exemplar) {
        Unexpected("expected label name", token);
        return false;
      }
      if (name_set_) {
        Fail("metric name already set while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
        return false;
      }
      name_set_ = true;
      if (token == Token::kBraceClose) return true;
      token = lexer_.Next();
      continue;
    }
    if (token != Token::kEqual) {
      Unexpected("expected equal", token);
      return false;
    }
    token = lexer_.Next();
    if (token != Token::kLabelValue) {
      Unexpected("expected label value", token);
      return false;
    }
    const std::string_view value = lexer_.text();
    if (!model::IsValidUtf8(value)) {
      Fail("invalid UTF-8 label value: " + Quoted(value));
      return false;
    }
    if (exemplar) {
      if (quoted) name = name.substr(1, name.size() - 2);
      exemplar_labels_.emplace_back(name, value.substr(1, value.size() - 2));
    }
    token = lexer_.Next();
    if (token == Token::kComma) {
      token = lexer_.Next();
    } else if (token != Token::kBraceClose) {
      Unexpected("expected comma or brace close", token);
      return false;
    }
  }
}

bool OpenMetricsParser::ReadValue(Token token, std::string_view after, double* value) {
  if (token != Token::kValue) {
    Unexpected(fmt::format("expected value after {}", after), token);
    return false;
  }
  std::string reason;
  const std::optional<double> v = ParseValue(lexer_.text().substr(1), &reason);
  if (!v) {
    Fail(reason + " while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
    return false;
  }
  *value = *v;
  return true;
}

bool OpenMetricsParser::ReadTime(std::string_view what, int64_t* time_ms) {
  double seconds = 0;
  if (!ReadValue(Token::kValue, what, &seconds)) return false;
  if (!std::isfinite(seconds)) {
    Fail(fmt::format("invalid {} {}", what,
                     std::isnan(seconds) ? "NaN" : seconds > 0 ? "+Inf" : "-Inf"));
    return false;
  }
  *time_ms = ToMilliseconds(seconds);
  return true;
}

Entry OpenMetricsParser::SlowSample(Token token) {
  if (!name_set_) {
    return Fail("metric name not set while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
  }
  if (!ReadValue(token, "metric", &value_)) return Entry::kError;
  has_time_ = false;
  token = lexer_.Next();
  if (token == Token::kEof) return Fail(std::string(kNoEof));
  if (token == Token::kTimestamp) {
    if (!ReadTime("timestamp", &time_ms_)) return Entry::kError;
    has_time_ = true;
    token = lexer_.Next();
    if (token != Token::kLinebreak && token != Token::kComment) {
      return Unexpected("expected next entry after timestamp", token);
    }
  }
  if (token == Token::kComment && !SlowExemplar()) return Entry::kError;
  // Anything else behind the value is left for the next entry to refuse.
  return Entry::kSeries;
}

bool OpenMetricsParser::SlowExemplar() {
  exemplar_labels_.clear();
  if (!SlowLabels(/*exemplar=*/true)) return false;
  if (!ReadValue(lexer_.Next(), "exemplar labels", &exemplar_value_)) return false;
  has_exemplar_ = true;
  exemplar_has_time_ = false;
  Token token = lexer_.Next();
  switch (token) {
    case Token::kEof:
      Fail(std::string(kNoEof));
      return false;
    case Token::kLinebreak:
      return true;
    case Token::kTimestamp:
      if (!ReadTime("exemplar timestamp", &exemplar_time_ms_)) return false;
      exemplar_has_time_ = true;
      token = lexer_.Next();
      if (token == Token::kLinebreak) return true;
      Unexpected("expected next entry after exemplar timestamp", token);
      return false;
    default:
      Unexpected("expected timestamp or comment", token);
      return false;
  }
}

}  // namespace server
