"""Benchmarks: one command a question, run from the root as ``python -m bench.NAME``.

What several of them need is in `bench.lib`. They import what this distribution ships from the
environment that they run in: a patched one has it in site-packages. Elsewhere, as in the
environment ``dev``, the variable ``PYTHONPATH=overlay`` says where it is, and ``PYTHONPATH=tools``
where the patch tool is, for `bench.apply`. Nothing here touches `sys.path`.
"""
