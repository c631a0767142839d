"""An NPU for tests: PyTorch's device `npu` in host memory, with the operators of torch_npu.

What runs on it was executed on an emulated device, never tested on Ascend hardware.
"""
