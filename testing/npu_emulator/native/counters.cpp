#include "counters.h"

#include <mutex>

namespace npu_emulator {
namespace {

// vLLM-Ascend copies outputs in a thread of their own.
std::mutex mutex;
Counts dispatch_counts;
Counts synchronisation_counts;

void add(Counts& counts, const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex);
  ++counts[name];
}

Counts copy(const Counts& counts) {
  std::lock_guard<std::mutex> lock(mutex);
  return counts;
}

}  // namespace

void count_dispatch(const std::string& operator_name) { add(dispatch_counts, operator_name); }
void count_synchronisation(const std::string& reason) { add(synchronisation_counts, reason); }
Counts dispatches() { return copy(dispatch_counts); }
Counts synchronisations() { return copy(synchronisation_counts); }

}  // namespace npu_emulator
