#include "server/scrape/text_parser.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace server {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// ---- The fast path. Each step leaves to Slow() whatever it is not sure of. ----

Entry TextParser::Next(std::string_view predicted) {
  was_predicted_ = false;
  if (done_) return failed_ ? Entry::kError : Entry::kEnd;
  if (!fast_) return Slow();
  const char* const end = lexer_.page.data() + lexer_.page.size();
  if (lexer_.pos >= lexer_.page.size()) return Slow();  // Also past the newline that was added.
  const char* p = lexer_.page.data() + lexer_.pos;
  while (p < end && *p == '\n') ++p;
  lexer_.pos = p - lexer_.page.data();
  entry_start_ = lexer_.pos;
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

Entry TextParser::FastSeries(const char* p, const char* end) {
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
      const char* const value = p;
      bool ascii = true;
      for (;;) {
        while (Is(*p, kPlainValue)) ++p;
        if (*p == '"') break;
        if (static_cast<uint8_t>(*p) >= 0x80) {
          ascii = false;
          ++p;
        } else if (*p == '\\' && p[1] != '\n' && p[1] != '\0') {
          ascii = ascii && static_cast<uint8_t>(p[1]) < 0x80;
          p += 2;
        } else {
          return Slow();
        }
      }
      if (!ascii && !model::IsValidUtf8({value, static_cast<size_t>(p - value)})) return Slow();
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

Entry TextParser::FastSample(const char* p, const char* end) {
  ++p;
  p = ScanNumber(p, end, &value_);
  if (p == nullptr || p == end) return Slow();
  has_time_ = false;
  if (*p == ' ') {
    const auto [rest, error] = std::from_chars(p + 1, end, time_ms_);
    if (error != std::errc() || rest == end || p[1] == '-') return Slow();
    has_time_ = true;
    p = rest;
  }
  if (*p != '\n') return Slow();
  lexer_.pos = p + 1 - lexer_.page.data();
  return Entry::kSeries;
}

Entry TextParser::FastMetadata(const char* p, const char* end) {
  const char* const line_end = static_cast<const char*>(std::memchr(p, '\n', end - p));
  if (line_end == nullptr || line_end - p < 8) return Slow();
  const bool help = std::memcmp(p, "# HELP ", 7) == 0;
  if (!help && std::memcmp(p, "# TYPE ", 7) != 0) return Slow();
  p += 7;
  const char* const name = p;
  if (!Is(*p, kNameStart)) return Slow();
  while (Is(*p, kNameByte)) ++p;
  if (*p != ' ' || p + 1 == line_end || IsSpace(p[1])) return Slow();
  family_ = {name, static_cast<size_t>(p - name)};
  text_ = {p + 1, static_cast<size_t>(line_end - p - 1)};
  if (help ? !model::IsValidUtf8(text_) || text_.find('\0') != std::string_view::npos
           : !SetType(text_)) {
    return Slow();
  }
  lexer_.pos = line_end + 1 - lexer_.page.data();
  return help ? Entry::kHelp : Entry::kType;
}

// ---- The lexer. One function per kind of token; states as the reference has them. ----

// To the next byte; '\0' past the end. Zero bytes inside values, texts and comments are passed over.
char TextParser::Lexer::Advance() {
  ++pos;
  if (pos >= size()) return '\0';
  while (At(pos) == '\0' && (state == State::kLabelValue || state == State::kMeta2 ||
                             state == State::kComment)) {
    ++pos;
  }
  return At(pos);
}

Token TextParser::Lexer::Spaces() {
  while (IsSpace(Advance())) {
  }
  return Token::kWhitespace;
}

Token TextParser::Lexer::RestOfComment() {
  for (char c = At(pos);; c = Advance()) {
    if (c == '\0') return Token::kEof;
    if (c == '\n') {
      state = State::kInit;
      return Token::kComment;
    }
  }
}

// "HELP" or "TYPE" with spaces behind; another word makes it a comment.
Token TextParser::Lexer::Metadata(std::string_view word, Token token) {
  char c = At(pos);
  for (const char expected : word) {
    if (c != expected) return RestOfComment();
    c = Advance();
  }
  if (!IsSpace(c)) return RestOfComment();
  Spaces();
  state = State::kMeta1;
  return token;
}

Token TextParser::Lexer::Quoted(State then, Token token) {
  char c = Advance();
  while (c != '"') {
    if (c == '\\') {
      c = Advance();
      if (c == '\n') return Token::kInvalid;
    }
    if (c == '\0') return Token::kInvalid;
    c = Advance();
  }
  Advance();
  state = then;
  return token;
}

Token TextParser::Lexer::Next() {
  if (pos >= size()) return Token::kEof;
  char c = At(pos);
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
  if (IsSpace(c) && state != State::kMeta2) return Spaces();
  switch (state) {
    case State::kInit:
      if (c == '\n') return take(State::kInit, Token::kLinebreak);
      if (c == '\0') return take(State::kInit, Token::kEof);
      if (c == '{') return take(State::kLabels, Token::kBraceOpen);
      if (Is(c, kNameStart)) return take_name(kNameByte, State::kValue, Token::kMetricName);
      if (c != '#') return Token::kInvalid;
      if (!IsSpace(Advance())) return RestOfComment();
      Spaces();
      state = State::kComment;
      [[fallthrough]];
    case State::kComment:
      c = At(pos);
      if (c == 'H') return Metadata("HELP", Token::kHelp);
      if (c == 'T') return Metadata("TYPE", Token::kType);
      return RestOfComment();
    case State::kMeta1:
      if (c == '"') return Quoted(State::kMeta2, Token::kMetricName);
      if (Is(c, kNameStart)) return take_name(kNameByte, State::kMeta2, Token::kMetricName);
      return Token::kInvalid;
    case State::kMeta2:
      if (IsSpace(c)) {
        while (IsSpace(c)) c = Advance();
        if (c == '\0' || c == '\n') return Token::kWhitespace;
      }
      while (c != '\0' && c != '\n') c = Advance();
      state = State::kInit;
      return Token::kText;
    case State::kLabels:
      if (c == '"') return Quoted(State::kLabels, Token::kQuoted);
      if (c == ',') return take(State::kLabels, Token::kComma);
      if (c == '=') return take(State::kLabelValue, Token::kEqual);
      if (c == '}') return take(State::kValue, Token::kBraceClose);
      if (Is(c, kLabelStart)) return take_name(kLabelByte, State::kLabels, Token::kLabelName);
      return Token::kInvalid;
    case State::kLabelValue:
      if (c == '"') return Quoted(State::kLabels, Token::kLabelValue);
      return Token::kInvalid;
    case State::kValue:
      if (c == '{') return take(State::kLabels, Token::kBraceOpen);
      if (c == '\n' || c == '\0') return Token::kInvalid;
      while (c != '\n' && c != '\0' && c != '{' && !IsSpace(c)) c = Advance();
      state = State::kTimestamp;
      return Token::kValue;
    case State::kTimestamp:
      if (c == '\n') return take(State::kInit, Token::kLinebreak);
      if (!IsDigit(c)) return Token::kInvalid;
      while (IsDigit(c)) c = Advance();
      return Token::kTimestamp;
  }
  return Token::kInvalid;
}

// ---- The parser over tokens. ----

Token TextParser::NextToken() {
  for (;;) {
    const Token token = lexer_.Next();
    if (token != Token::kWhitespace) return token;
  }
}

std::string TextParser::Slice(size_t begin, size_t end) const {
  end = std::min(end, lexer_.size());
  std::string slice(lexer_.page.substr(begin, std::min(end, lexer_.page.size()) - begin));
  if (end > lexer_.page.size()) slice += '\n';
  return slice;
}

Entry TextParser::Fail(std::string message) {
  done_ = failed_ = true;
  error_ = std::move(message);
  return Entry::kError;
}

Entry TextParser::Unexpected(std::string_view expected, Token got) {
  return Fail(fmt::format("{}, got {} (\"{}\") while parsing: {}", expected,
                          Quoted(Slice(lexer_.start, lexer_.pos + 1)), ToString(got),
                          Quoted(Slice(entry_start_, lexer_.pos + 1))));
}

int TextParser::line() const {
  const std::string_view before = lexer_.page.substr(0, entry_start_);
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

bool TextParser::SetType(std::string_view name) {
  if (name == "counter") {
    type_ = model::MetricType::kCounter;
  } else if (name == "gauge") {
    type_ = model::MetricType::kGauge;
  } else if (name == "histogram") {
    type_ = model::MetricType::kHistogram;
  } else if (name == "summary") {
    type_ = model::MetricType::kSummary;
  } else if (name == "untyped") {
    type_ = model::MetricType::kUnknown;
  } else {
    return false;
  }
  return true;
}

Entry TextParser::Slow() {
  was_predicted_ = false;
  for (;;) {
    entry_start_ = lexer_.pos;
    Token token = NextToken();
    switch (token) {
      case Token::kEof:
        done_ = true;
        return Entry::kEnd;
      case Token::kLinebreak:
        continue;
      case Token::kHelp:
      case Token::kType:
        return SlowMetadata(token);
      case Token::kComment:
        text_ = lexer_.text();
        token = NextToken();
        if (token != Token::kLinebreak) {
          return Unexpected("linebreak expected after comment", token);
        }
        return Entry::kComment;
      case Token::kMetricName:
      case Token::kBraceOpen:
        name_set_ = token == Token::kMetricName;
        series_ = lexer_.page.substr(entry_start_, lexer_.pos - entry_start_);
        if (name_set_) token = NextToken();
        if (token == Token::kBraceOpen) {
          if (!SlowLabels()) return Entry::kError;
          series_ = lexer_.page.substr(entry_start_, lexer_.pos - entry_start_);
          token = NextToken();
        }
        return SlowSample(token);
      default:
        return Unexpected("expected a valid start token", token);
    }
  }
}

Entry TextParser::SlowMetadata(Token kind) {
  Token token = NextToken();
  if (token != Token::kMetricName) {
    return Unexpected(fmt::format("expected metric name after {}", ToString(kind)), token);
  }
  family_ = lexer_.text();
  if (family_.front() == '"') family_ = family_.substr(1, family_.size() - 2);
  token = NextToken();
  if (token != Token::kText) {
    return Fail(fmt::format("expected text in {}, got {}", ToString(kind), ToString(token)));
  }
  text_ = lexer_.text();
  text_.remove_prefix(std::min<size_t>(1, text_.size()));
  if (kind == Token::kType && !SetType(text_)) {
    return Fail(fmt::format("invalid metric type {}", Quoted(text_)));
  }
  if (kind == Token::kHelp && !model::IsValidUtf8(text_)) {
    return Fail(fmt::format("help text {} is not a valid utf8 string", Quoted(text_)));
  }
  token = NextToken();
  if (token != Token::kLinebreak) return Unexpected("linebreak expected after metadata", token);
  return kind == Token::kHelp ? Entry::kHelp : Entry::kType;
}

// From behind the opening brace to the closing one. False: an error is set.
bool TextParser::SlowLabels() {
  Token token = NextToken();
  for (;;) {
    const bool quoted = token == Token::kQuoted;
    if (token == Token::kBraceClose) return true;
    if (token != Token::kLabelName && !quoted) {
      Unexpected("expected label name", token);
      return false;
    }
    token = NextToken();
    if (quoted && (token == Token::kComma || token == Token::kBraceClose)) {
      // A quoted string alone is the name of the metric.
      if (name_set_) {
        Fail("metric name already set while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
        return false;
      }
      name_set_ = true;
      if (token == Token::kBraceClose) return true;
      token = NextToken();
      continue;
    }
    if (token != Token::kEqual) {
      Unexpected("expected equal", token);
      return false;
    }
    token = NextToken();
    if (token != Token::kLabelValue) {
      Unexpected("expected label value", token);
      return false;
    }
    if (!model::IsValidUtf8(lexer_.text())) {
      Fail("invalid UTF-8 label value: " + Quoted(lexer_.text()));
      return false;
    }
    token = NextToken();
    if (token == Token::kComma) token = NextToken();
  }
}

Entry TextParser::SlowSample(Token token) {
  if (!name_set_) {
    return Fail("metric name not set while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
  }
  if (token != Token::kValue) return Unexpected("expected value after metric", token);
  std::string reason;
  const std::optional<double> value = ParseValue(lexer_.text(), &reason);
  if (!value) return Fail(reason + " while parsing: " + Quoted(Slice(entry_start_, lexer_.pos)));
  value_ = *value;
  has_time_ = false;
  token = NextToken();
  if (token == Token::kLinebreak) return Entry::kSeries;
  if (token != Token::kTimestamp) return Unexpected("expected timestamp or new record", token);
  has_time_ = true;
  const std::string_view digits = lexer_.text();
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), time_ms_);
  if (error != std::errc()) {
    return Fail(fmt::format("strconv.ParseInt: parsing {}: value out of range while parsing: {}",
                            Quoted(digits), Quoted(Slice(entry_start_, lexer_.pos))));
  }
  token = NextToken();
  if (token != Token::kLinebreak) return Unexpected("expected next entry after timestamp", token);
  return Entry::kSeries;
}

}  // namespace server
