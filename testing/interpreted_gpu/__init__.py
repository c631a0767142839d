"""Triton's interpreter in place of a GPU: the code that vLLM runs there, executed on a CPU.

vLLM's Model Runner V2 needs Triton. Here its kernels are interpreted with numpy, so that runner,
scheduling and drafts can be tested. Nothing of it has run on a GPU, and its speed says nothing.
"""
