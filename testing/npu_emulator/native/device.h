// The device as PyTorch asks for it: its number, its streams, its random numbers.
#pragma once

#include <ATen/ATen.h>

namespace npu_emulator {

const at::Generator& default_generator();

// The CPU generator that produces the numbers of a generator of the device.
at::Generator host_generator(const at::Generator& generator);

}  // namespace npu_emulator
