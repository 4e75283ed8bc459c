#include "api/compress.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "storage/base/status.h"
#include "tests/api/fake_server.h"

namespace api {
namespace {

std::string RandomText(size_t size, uint32_t seed, int alphabet) {
  std::mt19937 random(seed);
  std::string s(size, '\0');
  for (char& c : s) c = static_cast<char>(random() % alphabet);
  return s;
}

// What zlib makes of it; 15 + 32 detects gzip and zlib by themselves.
std::string Inflate(const std::string& data, size_t room) {
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, 15 + 32), Z_OK);
  std::string out(room + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Compress, ZlibReadsWhatWeWrite) {
  for (const size_t size : {0, 1, 100, 4096, 5000, 300'000, 3'000'000}) {
    for (const int alphabet : {2, 256}) {
      const std::string text = RandomText(size, 3, alphabet);
      for (const Deflate format : {Deflate::kGzip, Deflate::kZlib}) {
        const std::string packed = Compress(text, format);
        EXPECT_EQ(Inflate(packed, size), text);
        std::string back;
        ASSERT_TRUE(Uncompress(packed, format, size, &back).ok()) << size;
        EXPECT_EQ(back, text);
      }
    }
  }
}

TEST(Uncompress, SeveralGzipMembersAreOne) {
  std::string back;
  const std::string two = Compress("ab", Deflate::kGzip) + Compress("cd", Deflate::kGzip);
  ASSERT_TRUE(Uncompress(two, Deflate::kGzip, 10, &back).ok());
  EXPECT_EQ(back, "abcd");
}

TEST(Uncompress, StopsABombAtTheLimit) {
  const std::string bomb = Compress(std::string(20 << 20, 'a'), Deflate::kGzip);
  std::string back;
  const auto status = Uncompress(bomb, Deflate::kGzip, 1 << 20, &back);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LE(back.size(), (1u << 20) + 1);
}

TEST(Uncompress, RefusesGarbageAndHalves) {
  std::string back;
  EXPECT_FALSE(Uncompress("not gzip at all, by no means", Deflate::kGzip, 100, &back).ok());
  EXPECT_FALSE(Uncompress("", Deflate::kGzip, 100, &back).ok());
  const std::string good = Compress(RandomText(1000, 5, 256), Deflate::kGzip);
  for (size_t n = 0; n < good.size(); n += 13) {
    EXPECT_FALSE(Uncompress(good.substr(0, n), Deflate::kGzip, 5000, &back).ok()) << n;
  }
  std::mt19937 random(9);
  for (int i = 0; i < 500; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] ^= static_cast<char>(1 + random() % 255);
    Uncompress(bad, Deflate::kGzip, 5000, &back).IgnoreError();  // Must only not crash.
  }
}

TEST(Snappy, LimitsAreCheckedBeforeMemoryIsTaken) {
  std::string back;
  ASSERT_TRUE(SnappyUncompress(SnappyCompress("hello"), 5, &back).ok());
  EXPECT_EQ(back, "hello");
  EXPECT_EQ(SnappyUncompress(SnappyCompress("hello!"), 5, &back).code(),
            absl::StatusCode::kResourceExhausted);
  // Four gigabytes announced by six bytes.
  EXPECT_EQ(SnappyUncompress(std::string_view("\xff\xff\xff\xff\x0f\x00", 6), 32 << 20, &back).code(),
            absl::StatusCode::kResourceExhausted);
  // Sixteen megabytes announced by five.
  EXPECT_EQ(SnappyUncompress(std::string_view("\x80\x80\x80\x08\x00", 5), 32 << 20, &back).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(SnappyUncompress("", 100, &back).ok());
  EXPECT_FALSE(SnappyUncompress("\x05garbage", 100, &back).ok());
}

Response Compressed(std::string accept) {
  Request request;
  request.headers = {{"accept-encoding", std::move(accept)}};
  Response response;
  response.body = "body";
  CompressResponse(request, &response);
  EXPECT_EQ(HeaderOf(response, "Vary"), "Accept-Encoding");
  return response;
}

TEST(CompressResponse, TakesTheFirstOfExactlyGzipOrDeflate) {
  EXPECT_EQ(HeaderOf(Compressed("gzip"), "Content-Encoding"), "gzip");
  EXPECT_EQ(HeaderOf(Compressed("br, deflate, gzip"), "Content-Encoding"), "deflate");
  EXPECT_EQ(HeaderOf(Compressed("br;q=1, gzip;q=0.5"), "Content-Encoding"), "");
  EXPECT_EQ(Compressed("br").body, "body");
  EXPECT_EQ(Compressed("").body, "body");
  EXPECT_EQ(Inflate(Compressed("deflate").body, 10), "body");
}

}  // namespace
}  // namespace api
