// Exemplars of one series as rows of a block. Bytes: README of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/exemplar.h"

namespace storage::block {

std::string ExemplarRowKey(uint32_t ref, model::TimeMs last);
bool ParseExemplarRowKey(std::string_view key, uint32_t* ref, model::TimeMs* last);

// How many from the front of `exemplars`, which is not empty, make up a row. All of one time are in
// one row, or two would have the same key.
size_t ExemplarRowSize(std::span<const model::Exemplar> exemplars);

// `exemplars` are not empty, in order, and `key` has the time of the last.
void AppendExemplarRow(std::string_view key, std::span<const model::Exemplar> exemplars,
                       std::string* row);
// Appends to *exemplars, all without has_time. False when damaged: then nothing is appended.
bool ParseExemplarRow(std::string_view key, std::string_view row,
                      std::vector<model::Exemplar>* exemplars);

}  // namespace storage::block
