// Which operators need a result on the host before they can go on.
#pragma once

#include <ATen/core/stack.h>
#include <ATen/core/function_schema.h>

#include <string>

namespace npu_emulator {

// Why a call waits for the device, empty where it does not.
std::string reason_to_wait(const c10::FunctionSchema& schema, at::ArrayRef<c10::IValue> arguments);

}  // namespace npu_emulator
