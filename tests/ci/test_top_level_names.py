"""Every top-level name that the distribution adds to users' site-packages, in one place.

A new one needs a name that nobody else gives a module: `spd` and `rejection_sampling` were too
general, and `specrl` is a package of verl's recipe collection.
"""

from pathlib import Path

OVERLAY = Path(__file__).parents[2] / "overlay"

OURS = {
    "sam_drafting": "the algorithm of speculative decoding",
    "specroll_speculation": "what adapters share: the batch-size switch, the monitor, counts",
    "specroll_rejection": "verification of drafts in plain torch",
    "specroll_scorer": "the scorer of draft tokens",
    "spd_scorer": "the scorer's face for verl's external_lib",
    "train_spd_scorer": "the scorer's face on the command line",
}
UPSTREAM = {"verl", "vllm", "vllm_ascend"}


def test_top_level_names():
    modules = OVERLAY.rglob("*.py")
    found = {module.relative_to(OVERLAY).parts[0].removesuffix(".py") for module in modules}
    assert found == OURS.keys() | UPSTREAM


def test_only_our_own_names_are_packages():
    """A folder of upstream's without `__init__.py` adds modules to upstream's package."""
    packages = {file.parent.name for file in OVERLAY.glob("*/__init__.py")}
    assert packages <= OURS.keys()
