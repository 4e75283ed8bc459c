#include "api/compress.h"

#include <isa-l/igzip_lib.h>
#include <snappy.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "storage/base/status.h"

namespace api {
namespace {

constexpr size_t kSmall = 4 << 10;  // Below this the tables of level 1 cost more than they save.
constexpr size_t kStep = 256 << 10;

uint8_t* Bytes(const char* p) { return reinterpret_cast<uint8_t*>(const_cast<char*>(p)); }

#if defined(__x86_64__)
__attribute__((target("avx"))) void ZeroUpper() { __builtin_ia32_vzeroupper(); }
#endif

// ISA-L returns with the upper halves of vector registers in use. Until they are cleared every SSE
// instruction of the thread waits for them: a measured factor of six in printing numbers.
void ClearUpperHalves() {
#if defined(__x86_64__)
  static const bool has_avx = __builtin_cpu_supports("avx");
  if (has_avx) ZeroUpper();
#endif
}

// ISA-L counts in 32 bits: larger inputs are handed over piece by piece.
constexpr size_t kMaxPiece = 1 << 30;

}  // namespace

std::string Compress(std::string_view data, Deflate format) {
  const auto stream = std::make_unique<isal_zstream>();
  isal_deflate_init(stream.get());
  stream->gzip_flag = format == Deflate::kGzip ? IGZIP_GZIP : IGZIP_ZLIB;
  std::unique_ptr<uint8_t[]> tables;
  if (data.size() > kSmall) {
    tables.reset(new uint8_t[ISAL_DEF_LVL1_DEFAULT]);
    stream->level = 1;
    stream->level_buf = tables.get();
    stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
  }
  std::string out;
  size_t used = 0;
  out.resize(std::max<size_t>(data.size() / 6, 128));
  do {
    if (stream->avail_in == 0) {
      const size_t piece = std::min(data.size(), kMaxPiece);
      stream->next_in = Bytes(data.data());
      stream->avail_in = static_cast<uint32_t>(piece);
      data.remove_prefix(piece);
      stream->end_of_stream = data.empty();
    }
    if (used == out.size()) out.resize(out.size() + std::max(out.size() / 2, kSmall));
    const size_t room = std::min(out.size() - used, kMaxPiece);
    stream->next_out = Bytes(out.data() + used);
    stream->avail_out = static_cast<uint32_t>(room);
    isal_deflate(stream.get());
    ClearUpperHalves();
    used += room - stream->avail_out;
  } while (stream->internal_state.state != ZSTATE_END);
  out.resize(used);
  return out;
}

absl::Status Uncompress(std::string_view data, Deflate format, size_t max_bytes, std::string* out) {
  out->clear();
  const auto state = std::make_unique<inflate_state>();
  const char* name = format == Deflate::kGzip ? "gzip" : "zlib";
  do {  // A gzip file may be several, one after the other.
    isal_inflate_init(state.get());
    state->crc_flag = format == Deflate::kGzip ? ISAL_GZIP : ISAL_ZLIB;
    size_t piece = std::min(data.size(), kMaxPiece);
    state->next_in = Bytes(data.data());
    state->avail_in = static_cast<uint32_t>(piece);
    data.remove_prefix(piece);
    while (state->block_state != ISAL_BLOCK_FINISH) {
      if (state->avail_in == 0 && !data.empty()) {
        piece = std::min(data.size(), kMaxPiece);
        state->next_in = Bytes(data.data());
        state->avail_in = static_cast<uint32_t>(piece);
        data.remove_prefix(piece);
      }
      const size_t used = out->size();
      // One byte more than allowed tells "just fits" from "too much".
      const size_t room = std::min(std::max(used, kStep), max_bytes + 1 - used);
      out->resize(used + room);
      state->next_out = Bytes(out->data() + used);
      state->avail_out = static_cast<uint32_t>(std::min(room, kMaxPiece));
      const size_t given = state->avail_out;
      const int result = isal_inflate(state.get());
      ClearUpperHalves();
      const size_t written = given - state->avail_out;
      out->resize(used + written);
      if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT && result != ISAL_OUT_OVERFLOW) {
        return base::InvalidArgument("{}: invalid data", name);
      }
      if (out->size() > max_bytes) {
        return base::ResourceExhausted("{}: more than {} bytes decoded", name, max_bytes);
      }
      if (written == 0 && state->avail_in == 0 && data.empty() &&
          state->block_state != ISAL_BLOCK_FINISH) {
        return base::InvalidArgument("{}: unexpected end of data", name);
      }
    }
    data = {data.data() - state->avail_in, data.size() + state->avail_in};
  } while (!data.empty() && format == Deflate::kGzip);
  return absl::OkStatus();
}

absl::Status SnappyUncompress(std::string_view data, size_t max_bytes, std::string* out) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(data.data(), data.size(), &size)) {
    return base::InvalidArgument("snappy: corrupt input");
  }
  if (size > max_bytes) {
    return base::ResourceExhausted("snappy: decoded size {} exceeds the limit of {} bytes", size,
                                   max_bytes);
  }
  // The format cannot expand more than some 64 times: a length far beyond is a lie.
  if (size > data.size() * 64 + 64) return base::InvalidArgument("snappy: corrupt input");
  if (out->size() < size) out->resize(size);
  if (!snappy::RawUncompress(data.data(), data.size(), out->data())) {
    return base::InvalidArgument("snappy: corrupt input");
  }
  out->resize(size);
  return absl::OkStatus();
}

std::string SnappyCompress(std::string_view data) {
  std::string out;
  snappy::Compress(data.data(), data.size(), &out);
  return out;
}

namespace {

std::optional<Deflate> AskedFor(std::string_view accept) {
  while (!accept.empty()) {
    const size_t comma = std::min(accept.find(','), accept.size());
    std::string_view one = accept.substr(0, comma);
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one == "gzip") return Deflate::kGzip;
    if (one == "deflate") return Deflate::kZlib;
  }
  return std::nullopt;
}

}  // namespace

void CompressResponse(const Request& request, Response* response) {
  response->headers.emplace_back("Vary", "Accept-Encoding");
  const auto format = AskedFor(request.Header("accept-encoding"));
  if (!format || response->body.empty()) return;
  response->body = Compress(response->body, *format);
  response->headers.emplace_back("Content-Encoding",
                                 *format == Deflate::kGzip ? "gzip" : "deflate");
}

}  // namespace api
