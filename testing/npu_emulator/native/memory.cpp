#include "memory.h"

#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <limits>

namespace npu_emulator {
namespace {

std::atomic<int64_t> total{std::numeric_limits<int64_t>::max()};
std::atomic<int64_t> allocated{0};
std::atomic<int64_t> peak{0};

// The host storage that a storage of the device lies in. A storage of the device has one of its
// own: host storages that kernels see are therefore found from it, and stay the same.
struct Block {
  explicit Block(c10::Storage storage) : host(std::move(storage)), size(host.nbytes()) {
    const int64_t now = allocated += size;
    int64_t highest = peak;
    while (now > highest && !peak.compare_exchange_weak(highest, now)) {
    }
  }
  ~Block() { allocated -= size; }

  const c10::Storage host;
  const int64_t size;
};

void release(void* block) { delete static_cast<Block*>(block); }

c10::DataPtr device_pointer(c10::Storage host) {
  auto* block = new Block(std::move(host));
  return {block->host.mutable_data(), block, &release, kDevice};
}

const c10::Storage& host_storage(const c10::Storage& storage) {
  const c10::DataPtr& pointer = storage.data_ptr();
  TORCH_CHECK(
      pointer.get_deleter() == &release,
      "NPU emulator: this tensor's memory was not allocated by the emulated device.");
  return static_cast<Block*>(pointer.get_context())->host;
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    const int64_t in_use = allocated;
    TORCH_CHECK_WITH(
        OutOfMemoryError,
        in_use + static_cast<int64_t>(size) <= total,
        "NPU out of memory. Tried to allocate ", size, " bytes on the emulated device, where ",
        in_use, " of ", total.load(), " are in use.");
    return device_pointer(
        c10::Storage(c10::Storage::use_byte_size_t(), size, c10::GetCPUAllocator(), true));
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* destination, const void* source, size_t size) const override {
    default_copy_data(destination, source, size);
  }
};

DeviceAllocator allocator;
REGISTER_ALLOCATOR(c10::DeviceType::PrivateUse1, &allocator);

at::Tensor with_storage(const at::Tensor& tensor, c10::Storage storage, c10::DispatchKey key) {
  auto result = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(key), tensor.dtype());
  c10::TensorImpl* impl = result.unsafeGetTensorImpl();
  impl->set_storage_offset(tensor.storage_offset());
  impl->set_sizes_and_strides(tensor.sizes(), tensor.strides());
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
    impl->set_wrapped_number(true);  // decides what type an operation has
  }
  return result;
}

}  // namespace

bool on_device(const at::Tensor& tensor) {
  return tensor.defined() && tensor.device().type() == kDevice.type();
}

c10::Allocator* device_allocator() { return &allocator; }

at::Tensor host_alias(const at::Tensor& tensor) {
  return with_storage(tensor, host_storage(tensor.storage()), c10::DispatchKey::CPU);
}

at::Tensor device_alias(const at::Tensor& tensor) {
  c10::Storage storage(
      c10::Storage::use_byte_size_t(), tensor.storage().nbytes(),
      device_pointer(tensor.storage()), &allocator, true);
  return with_storage(tensor, std::move(storage), c10::DispatchKey::PrivateUse1);
}

at::Tensor device_view(const at::Tensor& tensor, const at::Tensor& view) {
  return with_storage(view, tensor.storage(), c10::DispatchKey::PrivateUse1);
}

void follow_alias(const at::Tensor& tensor, const at::Tensor& alias) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  if (storage->data() != alias.storage().data()) {
    storage->set_data_ptr_noswap(device_pointer(alias.storage()));
    storage->set_nbytes(alias.storage().nbytes());
  }
  c10::TensorImpl* impl = tensor.unsafeGetTensorImpl();
  if (!alias.sizes().equals(tensor.sizes()) || !alias.strides().equals(tensor.strides())) {
    impl->set_sizes_and_strides(alias.sizes(), alias.strides());
  }
}

void set_total_memory(int64_t bytes) { total = bytes; }
int64_t allocated_memory() { return allocated; }
int64_t peak_memory() { return peak; }
void reset_peak_memory() { peak = allocated.load(); }

}  // namespace npu_emulator
