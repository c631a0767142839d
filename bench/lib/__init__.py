"""What the benchmarks share.

``input`` and ``output`` are what commands are told and what they say. ``engines`` starts real
engines and servers, ``drafters`` holds drafters without an engine, ``samples`` what they draft on.
``measures`` makes figures of what was seen, ``plots`` pictures, a module a command. ``scorer`` is
the experiment of `bench.scorer`.
"""
