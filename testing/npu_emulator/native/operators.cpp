// How the device runs ATen's operators: the CPU's kernels, on tensors over the same bytes.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <torch/library.h>
#include <torch/version.h>

#include <set>

#include "counters.h"
#include "device.h"
#include "memory.h"
#include "waiting.h"

namespace npu_emulator {
namespace {

using c10::IValue;
using torch::jit::Stack;

constexpr c10::DispatchKeySet kDeviceKey(c10::DispatchKey::PrivateUse1);

// Operators that PyTorch lets take indices of the host with a tensor of the device.
const std::set<std::string> kTakesHostIndices = {"aten::index", "aten::_index_put_impl_"};

// Call `convert` on each tensor in a value; what is no tensor stays.
template <class Convert>
IValue map_tensors(const IValue& value, const Convert& convert) {
  if (value.isTensor()) {
    return convert(value.toTensor());
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> converted;
    for (const at::Tensor& tensor : value.toTensorVector()) {
      converted.push_back(convert(tensor));
    }
    return converted;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> converted;
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
      converted.push_back(tensor ? std::optional(convert(*tensor)) : std::nullopt);
    }
    return converted;
  }
  return value;
}

bool takes_generator(const c10::Argument& argument) {
  static const auto type = c10::OptionalType::create(c10::GeneratorType::get());
  return *argument.type() == *type;
}

// One call of an operator on the device, while the CPU runs it.
class HostCall {
 public:
  HostCall(const c10::OperatorHandle& op, Stack* stack)
      : schema_(op.schema()), stack_(stack), first_(stack->size() - schema_.arguments().size()) {
    for (size_t i = first_; i < stack_->size(); ++i) {
      to_host((*stack_)[i]);
    }
    for (size_t i = first_; on_device_ && i < stack_->size(); ++i) {
      const c10::Argument& argument = schema_.arguments()[i - first_];
      check_device(argument, (*stack_)[i]);
      if (takes_generator(argument)) {
        (*stack_)[i] = host_generator(generator_of_device((*stack_)[i]));
      }
    }
  }

  void results_to_device() {
    for (const auto& [tensor, alias] : aliases_) {
      follow_alias(tensor, alias);
    }
    for (size_t i = stack_->size() - schema_.returns().size(); i < stack_->size(); ++i) {
      (*stack_)[i] = map_tensors((*stack_)[i], [&](const at::Tensor& t) { return to_device(t); });
    }
  }

 private:
  void to_host(IValue& value) {
    value = map_tensors(value, [&](const at::Tensor& tensor) {
      if (!npu_emulator::on_device(tensor)) {
        return tensor;
      }
      on_device_ = true;
      return alias_of(tensor);
    });
    if (value.isDevice() && value.toDevice().type() == kDevice.type()) {
      on_device_ = true;
      value = c10::Device(c10::kCPU);
    }
  }

  void check_device(const c10::Argument& argument, const IValue& value) const {
    map_tensors(value, [&](const at::Tensor& tensor) {
      check_device(argument, tensor);
      return tensor;
    });
  }

  static at::Generator generator_of_device(const IValue& value) {
    if (value.isNone()) {
      return default_generator();
    }
    const c10::Device device = value.toGenerator().device();
    TORCH_CHECK(
        device.type() == kDevice.type(), "Expected a '", kDevice.type(),
        "' device type for generator but found '", device.type(), "'");
    return value.toGenerator();
  }

  // A number in a tensor may come from the host, unless it is written to.
  void check_device(const c10::Argument& argument, const at::Tensor& tensor) const {
    const bool written = argument.alias_info() && argument.alias_info()->isWrite();
    if (!tensor.defined() || is_alias(tensor) || (tensor.dim() == 0 && !written)) {
      return;
    }
    if (kTakesHostIndices.count(schema_.name()) && argument.name() == "indices") {
      count_synchronisation("copy to device");
      return;
    }
    TORCH_CHECK(
        false, "Expected all tensors to be on the same device, but found at least two devices, ",
        kDevice, " and ", tensor.device(), "! (argument ", argument.name(), " of ",
        schema_.operator_name(), ")");
  }

  bool is_alias(const at::Tensor& tensor) const {
    return std::any_of(aliases_.begin(), aliases_.end(), [&](const auto& pair) {
      return pair.second.is_same(tensor);
    });
  }

  at::Tensor alias_of(const at::Tensor& tensor) {
    for (const auto& [known, alias] : aliases_) {
      if (known.is_same(tensor)) {
        return alias;
      }
    }
    aliases_.emplace_back(tensor, host_alias(tensor));
    return aliases_.back().second;
  }

  at::Tensor to_device(const at::Tensor& result) const {
    if (!on_device_ || !result.defined()) {
      return result;
    }
    for (const auto& [tensor, alias] : aliases_) {
      if (alias.is_same(result)) {
        return tensor;
      }
      if (alias.is_alias_of(result)) {
        return device_view(tensor, result);
      }
    }
    return device_alias(result);
  }

  const c10::FunctionSchema& schema_;
  Stack* stack_;
  const size_t first_;
  bool on_device_ = false;
  std::vector<std::pair<at::Tensor, at::Tensor>> aliases_;  // tensor of the device, its alias
};

void check_implemented(const c10::OperatorHandle& op) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      op.hasComputedKernelForDispatchKey(c10::DispatchKey::CPU), "NPU emulator: ",
      op.operator_name(), " has no implementation; add one to testing/npu_emulator/operators.");
}

void count(const c10::OperatorHandle& op, const Stack& stack) {
  count_dispatch(toString(op.operator_name()));
  const auto arguments = torch::jit::last(stack, op.schema().arguments().size());
  const std::string reason = reason_to_wait(op.schema(), arguments);
  if (!reason.empty()) {
    count_synchronisation(reason);
  }
}

void run_on_host(const c10::OperatorHandle& op, Stack* stack) {
  check_implemented(op);
  HostCall call(op, stack);
  count(op, *stack);
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  call.results_to_device();
}

at::Tensor empty(
    c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
    std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(
      C10_AS_INTARRAYREF_SLOW(size), device_allocator(), kDeviceKey, c10::dtype_or_default(dtype),
      format);
}

at::Tensor empty_strided(
    c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
    std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(
      C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), device_allocator(),
      kDeviceKey, c10::dtype_or_default(dtype));
}

// As torch_npu's copies: those between host and device wait for the stream unless they need not.
at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  count_dispatch("aten::copy_");
  if (!non_blocking && !on_device(self)) {
    count_synchronisation("copy to host");
  } else if (!non_blocking && !on_device(source)) {
    count_synchronisation("copy to device");
  }
  at::Tensor destination = on_device(self) ? host_alias(self) : self;
  destination.copy_(on_device(source) ? host_alias(source) : source);
  return self;
}

at::Tensor as_strided(
    const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
    std::optional<c10::SymInt> offset) {
  return at::native::as_strided_tensorimpl(
      self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride),
      offset ? std::optional(offset->expect_int()) : std::nullopt);
}

at::Tensor view(const at::Tensor& self, c10::SymIntArrayRef size) {
  return at::native::view(self, C10_AS_INTARRAYREF_SLOW(size));
}

at::Tensor reshape_alias(
    const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
  return at::native::_reshape_alias(
      self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride));
}

const at::Tensor& resize_(
    const at::Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat> format) {
  return at::native::resize_(self, C10_AS_INTARRAYREF_SLOW(size), format);
}

at::Tensor& set_storage(
    at::Tensor& self, at::Storage source, c10::SymInt offset, c10::SymIntArrayRef size,
    c10::SymIntArrayRef stride) {
  return at::native::set_storage_cpu_(
      self, std::move(source), offset.expect_int(), C10_AS_INTARRAYREF_SLOW(size),
      C10_AS_INTARRAYREF_SLOW(stride));
}

// Nothing is recorded: memory is free when no tensor holds it, and nothing runs later.
void record_stream(at::Tensor&, at::Stream) {}

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 9
// Later versions of PyTorch let the device's operators through to here by themselves.
TORCH_LIBRARY_IMPL(_, AutogradPrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFallthrough());
}
#endif

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("copy_", &copy_);
  library.impl("as_strided", &as_strided);
  library.impl("view", &view);
  library.impl("_reshape_alias", &reshape_alias);
  library.impl("unfold", &at::native::unfold);
  library.impl("resize_", &resize_);
  library.impl("set_.source_Storage_storage_offset", &set_storage);
  library.impl("set_.source_Tensor", &at::native::set_tensor_);
  library.impl("record_stream", &record_stream);
  // What PyTorch would run instead is a `nonzero` of each mask before the operator itself.
  library.impl("index.Tensor", torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

}  // namespace npu_emulator
