#include "tests/api/json_check.h"

#include <boost/json/src.hpp>

namespace api {

std::string Reparse(std::string_view json) {
  boost::json::error_code ec;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(json.data(), json.size()), ec);
  if (ec) return "ERROR: " + ec.message();
  return boost::json::serialize(value);
}

}  // namespace api
