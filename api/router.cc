#include "api/router.h"

#include <algorithm>
#include <exception>
#include <map>

#include <fmt/format.h>

#include "storage/base/hash.h"
#include "storage/base/log.h"

namespace api {
namespace {

std::string_view FindIn(const Pairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return {};
}

using Segments = std::vector<std::string_view>;

// "/a//b/" -> a, b, "": a trailing slash is a segment of its own, as it is for Go.
Segments Split(std::string_view path) {
  Segments out;
  size_t i = 0;
  while (i < path.size()) {
    while (i < path.size() && path[i] == '/') ++i;
    size_t end = path.find('/', i);
    if (end == std::string_view::npos) end = path.size();
    out.push_back(path.substr(i, end - i));
    i = end;
  }
  return out;
}

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGet: return "GET";
    case Method::kPost: return "POST";
    case Method::kPut: return "PUT";
    case Method::kDelete: return "DELETE";
    case Method::kOptions: return "OPTIONS";
    case Method::kHead: return "HEAD";
    case Method::kOther: break;
  }
  return "";
}

struct Entry {
  Handler handler;
  Lane lane = Lane::kOrdinary;
};

struct Route {
  std::string pattern;
  Segments segments;  // Into `pattern`.
  std::map<Method, Entry> methods;
};

enum class Kind { kExact, kCapture, kRest };
Kind KindOf(std::string_view segment) {
  if (segment.starts_with('*')) return Kind::kRest;
  return segment.starts_with('{') ? Kind::kCapture : Kind::kExact;
}

bool Matches(const Segments& pattern, const Segments& path) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const Kind kind = KindOf(pattern[i]);
    if (kind == Kind::kRest) return path.size() > i;
    if (i >= path.size()) return false;
    if (kind == Kind::kExact ? pattern[i] != path[i] : path[i].empty()) return false;
  }
  return pattern.size() == path.size();
}

// Whether `a` is tried before `b`.
bool MoreExact(const Segments& a, const Segments& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (KindOf(a[i]) != KindOf(b[i])) return KindOf(a[i]) < KindOf(b[i]);
  }
  return a.size() > b.size();
}

Pairs Captures(const Segments& pattern, const Segments& path) {
  Pairs out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view name = pattern[i];
    if (KindOf(name) == Kind::kCapture) {
      out.emplace_back(name.substr(1, name.size() - 2), path[i]);
    } else if (KindOf(name) == Kind::kRest) {
      const char* end = path.back().data() + path.back().size();
      out.emplace_back(name.substr(1), std::string(path[i].data(), end));
    }
  }
  return out;
}

}  // namespace

std::string_view Request::Param(std::string_view name) const { return FindIn(params, name); }

std::optional<std::string_view> Request::FindParam(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Request::ParamList(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : params) {
    if (key == name) out.push_back(value);
  }
  return out;
}

std::string_view Request::Capture(std::string_view name) const { return FindIn(captures, name); }
std::string_view Request::Header(std::string_view name) const { return FindIn(headers, name); }

Response TextResponse(int status, std::string_view message) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::string(message) + "\n",
          .headers = {{"X-Content-Type-Options", "nosniff"}}};
}

struct Router::Impl {
  std::vector<std::unique_ptr<api::Route>> routes;  // Those with captures: the most exact first.
  base::StringMap<api::Route*> exact;               // Patterns without captures.
  std::string prefix;

  // The first route in order of exactness that has the method. Without one, `*allow` names the
  // methods the path does have: none means that it does not exist (OPTIONS, which CORS answers for
  // whole subtrees, does not make a path exist).
  struct Found {
    const api::Route* route = nullptr;
    const Entry* entry = nullptr;
  };
  Found Find(Method method, std::string_view path, Segments* segments, std::string* allow) const {
    if (auto it = exact.find(path); it != exact.end()) {
      if (const Entry* entry = FindEntry(*it->second, method)) return {it->second, entry};
    }
    *segments = Split(path);
    for (const auto& route : routes) {
      if (!Matches(route->segments, *segments)) continue;
      if (const Entry* entry = FindEntry(*route, method)) return {route.get(), entry};
      for (const auto& [other, unused] : route->methods) {
        if (other == Method::kOptions) continue;
        if (!allow->empty()) *allow += ", ";
        *allow += MethodName(other);
      }
    }
    return {};
  }
  bool TakePrefix(std::string_view* path) const {
    if (prefix.empty()) return true;
    if (!path->starts_with(prefix)) return false;
    const std::string_view rest = path->substr(prefix.size());
    if (!rest.empty() && rest[0] != '/') return false;
    *path = rest.empty() ? "/" : rest;
    return true;
  }
  static const Entry* FindEntry(const api::Route& route, Method method) {
    auto it = route.methods.find(method);
    if (it == route.methods.end() && method == Method::kHead) it = route.methods.find(Method::kGet);
    return it == route.methods.end() ? nullptr : &it->second;
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::Add(Method method, std::string_view pattern, Handler handler, Lane lane) {
  for (auto& route : impl_->routes) {
    if (route->pattern == pattern) {
      route->methods[method] = {std::move(handler), lane};
      return;
    }
  }
  auto route = std::make_unique<api::Route>();
  route->pattern = pattern;
  route->segments = Split(route->pattern);
  route->methods[method] = {std::move(handler), lane};
  if (pattern.find_first_of("{*") == std::string_view::npos) {
    impl_->exact.emplace(pattern, route.get());
  }
  const auto place = std::find_if(
      impl_->routes.begin(), impl_->routes.end(),
      [&](const auto& other) { return MoreExact(route->segments, other->segments); });
  impl_->routes.insert(place, std::move(route));
}

void Router::set_prefix(std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  impl_->prefix = prefix.empty() || prefix[0] == '/' ? std::string(prefix)
                                                     : fmt::format("/{}", prefix);
}

Lane Router::LaneOf(Method method, std::string_view path) const {
  Segments segments;
  std::string allow;
  if (!impl_->TakePrefix(&path)) return Lane::kPrompt;
  const Impl::Found found = impl_->Find(method, path, &segments, &allow);
  return found.entry == nullptr ? Lane::kPrompt : found.entry->lane;  // 404 and 405 cost nothing.
}

Response Router::Route(Request request, std::string* pattern) const {
  if (pattern != nullptr) pattern->clear();
  std::string_view path = request.path;
  if (!impl_->TakePrefix(&path)) {
    if (path != "/") return TextResponse(404, "404 page not found");
    Response response = TextResponse(302, "Found");
    response.headers.emplace_back("Location", impl_->prefix + "/");
    return response;
  }
  if (path.data() != request.path.data()) {
    request.path = std::string(path);
    path = request.path;
  }
  Segments segments;
  std::string allow;
  const auto [route, entry] = impl_->Find(request.method, path, &segments, &allow);
  if (entry == nullptr) {
    if (allow.empty()) return TextResponse(404, "404 page not found");
    Response response = TextResponse(405, "Method Not Allowed");
    response.headers.emplace_back("Allow", allow);
    return response;
  }
  if (pattern != nullptr) *pattern = route->pattern;
  if (segments.empty()) segments = Split(path);
  request.captures = Captures(route->segments, segments);
  try {
    return entry->handler(request);
  } catch (const std::bad_alloc&) {
    return TextResponse(503, "out of memory");
  } catch (const std::exception& e) {
    base::Log(base::LogLevel::kError, "web", "Handler failed",
              {{"path", request.path}, {"err", e.what()}});
    return TextResponse(500, e.what());
  }
}

}  // namespace api
