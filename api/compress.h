// gzip, zlib and snappy over whole buffers. Everything that expands has a limit, checked before
// memory is taken.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "api/router.h"

namespace api {

enum class Deflate { kGzip, kZlib };
std::string Compress(std::string_view data, Deflate format);

// Replaces *out. kResourceExhausted when more than `max_bytes` would come out, kInvalidArgument for
// bytes that are not what they should be.
absl::Status Uncompress(std::string_view data, Deflate format, size_t max_bytes, std::string* out);
// Snappy's block format. Reuses the capacity of *out.
absl::Status SnappyUncompress(std::string_view data, size_t max_bytes, std::string* out);
std::string SnappyCompress(std::string_view data);

// Compresses the body when the client asks: the first of exactly "gzip" or "deflate" in
// Accept-Encoding. Sets Vary in any case. spec 3.1.
void CompressResponse(const Request& request, Response* response);

}  // namespace api
