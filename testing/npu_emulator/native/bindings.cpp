// The native part as Python sees it.
#include <torch/extension.h>

#include "counters.h"
#include "device.h"
#include "memory.h"

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  using namespace npu_emulator;
  module.def("host_alias", &host_alias);
  module.def("device_alias", &device_alias);
  module.def("default_generator", &default_generator);
  module.def("count_dispatch", &count_dispatch);
  module.def("count_synchronisation", &count_synchronisation);
  module.def("dispatches", &dispatches);
  module.def("synchronisations", &synchronisations);
  module.def("set_total_memory", &set_total_memory);
  module.def("allocated_memory", &allocated_memory);
  module.def("peak_memory", &peak_memory);
  module.def("reset_peak_memory", &reset_peak_memory);
}
