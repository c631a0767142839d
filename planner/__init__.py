"""Which threshold and draft length for a rollout on a cluster that is not at hand?

Four commands, run from the root:

- ``python -m planner`` predicts a rollout with each setting of a grid, and recommends one;
- ``python -m planner.calibration`` measures what it needs to know in a real engine;
- ``python -m planner.validation`` compares its predictions with a real engine;
- ``python -m planner.published_gains`` asks what gains published elsewhere presuppose.

The last three are here and not in `bench`: they say nothing of an engine but through the planner's
own cost model and profile. Engines, tables and files are those of `bench.lib`; no benchmark imports
the planner. `clusters` holds inputs, each number with its source.

Example, of eight answers in an engine whose steps cost a millisecond:

>>> from planner.acceptance_profile import AcceptanceProfile
>>> from planner.cost_model import LinearCost
>>> from planner.predictions import Cluster
>>> from planner.simulation import EngineShape, Speculation
>>> cluster = Cluster(LinearCost(step=1e-3), EngineShape(max_num_seqs=8))
>>> groups = [[50, 40, 10, 5], [5, 5, 5, 5]]
>>> round(cluster.rollout(groups).seconds, 3)
0.05
>>> profile = AcceptanceProfile(drafted=[1.0, 1.0], accepted=[0.5, 0.25])
>>> round(cluster.rollout(groups, Speculation(threshold=2, profile=profile)).seconds, 3)
0.033
"""
