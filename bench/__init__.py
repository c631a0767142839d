"""Benchmarks: one command a question, run from the root as ``python -m bench.NAME``.

What several of them need is in `bench.lib`. They import what this distribution ships from the
environment that they run in: a patched one has it in site-packages. Elsewhere, as in the
environment ``dev``, ``PYTHONPATH=overlay:tools`` says where it is. Nothing here touches
`sys.path`.
"""
