#include "waiting.h"

#include <ATen/ATen.h>

#include <map>

namespace npu_emulator {
namespace {

// What they return is a number of the host, or has a shape that depends on the data.
const std::map<std::string, std::string> kAlwaysWait = {
    {"aten::_local_scalar_dense", "scalar read"},
    {"aten::equal", "scalar read"},
    {"aten::nonzero", "nonzero"},
    {"aten::masked_select", "masked_select"},
    {"aten::_unique", "unique"},
    {"aten::_unique2", "unique"},
    {"aten::unique_dim", "unique"},
    {"aten::unique_consecutive", "unique"},
    {"aten::unique_dim_consecutive", "unique"},
    {"aten::bincount", "bincount"},
};

bool is_mask(const at::Tensor& index) {
  return index.defined() && (index.scalar_type() == at::kBool || index.scalar_type() == at::kByte);
}

bool has_mask(const c10::IValue& indices) {
  for (const std::optional<at::Tensor>& index : indices.toOptionalTensorVector()) {
    if (index && is_mask(*index)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string reason_to_wait(
    const c10::FunctionSchema& schema, at::ArrayRef<c10::IValue> arguments) {
  const std::string& name = schema.name();
  if (const auto found = kAlwaysWait.find(name); found != kAlwaysWait.end()) {
    return found->second;
  }
  if (name == "aten::index" && has_mask(arguments[1])) {
    return "boolean mask index";
  }
  if (name == "aten::_index_put_impl_" && has_mask(arguments[1])) {
    return "boolean mask store";
  }
  if (name == "aten::repeat_interleave" && arguments[1].isNone()) {  // no output_size
    return "repeat_interleave";
  }
  return "";
}

}  // namespace npu_emulator
