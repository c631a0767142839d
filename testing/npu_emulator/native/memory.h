// The device's memory: host memory that is counted, and tensors that share it with the host.
#pragma once

#include <ATen/ATen.h>

namespace npu_emulator {

inline const c10::Device kDevice{c10::DeviceType::PrivateUse1, 0};

bool on_device(const at::Tensor& tensor);

c10::Allocator* device_allocator();

// A CPU tensor over the same bytes as a tensor of the device.
at::Tensor host_alias(const at::Tensor& tensor);

// A tensor of the device over the bytes of a CPU tensor, which its caller gives up.
at::Tensor device_alias(const at::Tensor& tensor);

// The tensor of the device that lies over `tensor`'s memory as `view` lies over its alias.
at::Tensor device_view(const at::Tensor& tensor, const at::Tensor& view);

// Where a kernel gave `alias` another shape or other memory, give it to `tensor`, too.
void follow_alias(const at::Tensor& tensor, const at::Tensor& alias);

// Bytes. An allocation beyond the total fails as on a device that is full.
void set_total_memory(int64_t bytes);
int64_t allocated_memory();
int64_t peak_memory();
void reset_peak_memory();

}  // namespace npu_emulator
