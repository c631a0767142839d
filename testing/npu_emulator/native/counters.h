// What the device was asked to do, and how often its host had to wait for it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace npu_emulator {

using Counts = std::map<std::string, int64_t>;

void count_dispatch(const std::string& operator_name);
void count_synchronisation(const std::string& reason);

// Counts since the process began.
Counts dispatches();
Counts synchronisations();

}  // namespace npu_emulator
