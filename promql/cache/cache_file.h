// The cache in a file, from an orderly stop to the next start. Format: README.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "promql/cache/result_cache.h"
#include "storage/change_log.h"

namespace promql {

using CacheEntries = std::vector<std::pair<std::string, ResultCache::Entry>>;

// `id` stands for the samples and for the program that answered: entries of another are worth nothing.
std::string EncodeCache(std::string_view id, const CacheEntries& entries);
// Nothing unless it is what EncodeCache gives for this `id`. Versions are 0.
std::optional<CacheEntries> DecodeCache(std::string_view bytes, std::string_view id);

// Writes what is right by now; nothing may change any more.
absl::Status SaveCache(const ResultCache& cache, const storage::ChangeLog& changes,
                       std::string_view id, const std::string& path);
// Takes what the file has, if it is of `id`, as right now, and removes the file: it is good for one
// start. How many entries there were.
size_t LoadCache(const std::string& path, std::string_view id, storage::ChangeLog* changes,
                 ResultCache* cache);

}  // namespace promql
