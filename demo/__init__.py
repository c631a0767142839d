"""What the demos run on: small models trained on the spot, and tasks drawn by a program.

Everything is made on machines without a network, always the same way, and kept in the cache. The
demos are those of ``ci/demo``; tests and benchmarks use the same content.
"""
