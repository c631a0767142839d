"""Three traps on upstream's own files: what applies, and is dead, wrong or elsewhere.

The releases are fetched by their hashes, and nothing of them is kept here.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from specroll.porting.carriage import Carriage
from specroll.porting.repository import Carrier
from specroll.porting.session import CARRIED, MERGED, Session
from specroll.stack import archive
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.index import Index
from specroll.stack.patch import Patch
from specroll.stack.registry import Artefact, Stack
from specroll.stack.series import Series

from testing.registry import ROOT
from testing.small_project import make_patch

ARCHIVES = {
    ("vllm", "0.11.0"): "f435a64c24e9c4178d657a76f8edd8548ddc444012f7d06a9f79ac3a6392bfae",
    ("vllm", "0.12.0"): "dc2863be80260f378f1e72f9b82b4009610e434d05fdd7067383b231b89c4f4a",
    ("vllm", "0.29.0"): "c03feb07943ecae9e69e7dc424d7c5569ecf8d1292513aef2a4de67af381cd97",
    ("vllm", "0.30.0"): "5f8f4e890c042ffa1c3e103f81c35e2d96f60a0a175ac43a4adbae7006bef62b",
    ("vllm_ascend", "0.11.0"): "795a004fb28148cf273234671a03284b27fa18768b930dbc2e2d90f60f87bfd9",
    (
        "vllm_ascend",
        "0.12.0rc1",
    ): "920f5d8ff3803dede8800490628e195697e19175768aa945c8c3fc7cc5e53cbb",
}


RULE = "vllm/config/vllm.py:VllmConfig._get_v2_model_runner_unsupported_features"


@dataclass(frozen=True)
class Leap:
    """Two releases of a package, with their archives."""

    package: str
    archives: dict[str, Path]

    @classmethod
    def fetched(cls, package, *versions):
        """Fetch the archives into the cache of all tests, where they are not there."""
        store, index = Store.beside(None), Index.configured()
        archives = {}
        for version in versions:
            name = f"{package}-{version}.tar.gz"
            artefact = Artefact(name, ARCHIVES[package, version])
            archives[version] = store.fetch_file(index.file(package, artefact), index)
        return cls(package, archives)

    def cells(self, folder, patches):
        """Carry patches from the first release to the second; what became of each, by its stem."""
        old, new = self.archives
        paths = {file.path for patch in patches for file in patch.files}
        paths |= {name.partition(":")[0] for patch in patches for name in patch.header.relies_on}
        place, memory = folder / self.package, folder / "memory"
        carrier = Carrier.create(place, memory, self.files(old, paths), patches)
        names = [patch.name for patch in patches]
        commits = tuple(zip(names, carrier.old_commits(), strict=True))
        session = Session(self.package, "", old, (new,), commits)
        carriage = Carriage(carrier, session, lambda version: self.files(version, paths), {})
        carriage.run_past_conflicts()
        return {Path(cell.patch).stem.partition("-")[2]: cell for cell in carriage.session.cells}

    def files(self, version, paths):
        return archive.read_files(self.archives[version], paths).items()


def series(stack, package):
    stack = Stack.load(Distribution(ROOT), stack)
    return Series.load(stack, package, stack.package(package).whole.series).patches


@pytest.fixture(scope="module")
def changed_rule():
    return Leap.fetched("vllm", "0.29.0", "0.30.0")


@pytest.fixture(scope="module")
def mended_fault():
    return Leap.fetched("vllm", "0.11.0", "0.12.0")


@pytest.fixture(scope="module")
def moved_block():
    return Leap.fetched("vllm_ascend", "0.11.0", "0.12.0rc1")


def test_a_rule_elsewhere_makes_a_series_dead(changed_rule, tmp_path):
    """Upstream listed what its second model runner allows, and lists now what it refuses."""
    path = "vllm/v1/spec_decode/metrics.py"
    ((_, data),) = changed_rule.files("0.29.0", [path])
    before = data.decode()
    text = make_patch("[feature] One more", {path: before}, {path: f"{before}ONE_MORE = True\n"})
    text = text.replace("Relies-On: alpha/core.py:answer", f"Relies-On: {RULE}")
    patch = Patch.parse("0001-feature-one_more.patch", text.encode(), "vllm")
    cell = changed_rule.cells(tmp_path, [patch])["feature-one_more"]
    assert cell.verdict == CARRIED
    (finding,) = cell.findings
    assert finding.sentence == f"{RULE} is not in 0.30.0 what it is in 0.29.0"
    assert finding.diff


def test_a_fault_is_mended_from_the_other_side(mended_fault, tmp_path):
    """The patch still applies, and would bring the fault back: the constant is another."""
    cell = mended_fault.cells(tmp_path, series("2025.11", "vllm"))["bugfix-greedy_temperature"]
    assert cell.verdict == CARRIED
    (finding,) = [each for each in cell.findings if "GREEDY_TEMPERATURE" in each.sentence]
    assert "+GREEDY_TEMPERATURE" in finding.diff


def test_a_block_is_merged_into_another_function(moved_block, tmp_path):
    cells = moved_block.cells(tmp_path, series("2025.11", "vllm_ascend"))
    cell = cells["bugfix-draft_logprobs"]
    assert cell.verdict == MERGED
    moved = "moved from NPUModelRunner.execute_model to NPUModelRunner.sample_tokens"
    assert any(moved in finding.sentence for finding in cell.findings)
