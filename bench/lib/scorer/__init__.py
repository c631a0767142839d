"""The experiment that `bench.scorer` makes: its commands, its runs and its figures."""
