"""What tests, benchmarks and `ci` read in the registry of stacks."""

from importlib import metadata

import pytest

from testing import registry
from testing.registry import Stack, default_stack, installed_stack, stacks


@pytest.fixture
def two_stacks(tmp_path, monkeypatch):
    """Two stacks of a package `alpha`, which has a build `alpha-cpu`; the newer one is default."""

    def stack(name, version, provided, **table):
        further = f"alpha=={version}.post9"
        variants = {"alpha": {}, "alpha-cpu": {"version": f"{version}.post1"}, further: {}}
        package = {"version": version, "variants": variants}
        ci = {"provides": provided}
        return Stack(name, tmp_path / name, {"packages": {"alpha": package}, "ci": ci, **table})

    made = (stack("old", "1.0", ["wings"]), stack("new", "2.0", ["wheels"], default=True))
    monkeypatch.setattr(registry, "stacks", lambda: made)
    return made


@pytest.fixture
def install(monkeypatch):
    """Return a function that lets these distributions be installed, and no others."""
    installed_stack.cache_clear()

    def use(**distributions):
        def version(name):
            try:
                return distributions[name.replace("-", "_")]
            except KeyError:
                raise metadata.PackageNotFoundError(name) from None

        monkeypatch.setattr(registry.metadata, "version", version)

    yield use
    installed_stack.cache_clear()


def test_there_is_one_default_stack():
    assert [stack for stack in stacks() if stack.is_default] == [default_stack()]


def test_the_default_stack_is_the_one_that_says_so(two_stacks):
    assert default_stack() is two_stacks[1]


@pytest.mark.parametrize(
    ("distributions", "name"),
    [
        ({"alpha": "1.0"}, "old"),
        ({"alpha": "2.0.post9"}, "new"),
        ({"alpha_cpu": "2.0.post1"}, "new"),
        # An empty distribution stands for the one that other packages look up.
        ({"alpha_cpu": "2.0.post1", "alpha": "2.0+cpu"}, "new"),
        ({"alpha_cpu": "1.0.post1", "alpha": "1.0.post1+cpu"}, "old"),
    ],
)
def test_the_installed_stack_has_the_installed_releases(two_stacks, install, distributions, name):
    install(**distributions)
    assert installed_stack().name == name


def test_no_stack_is_installed(two_stacks, install):
    install()
    assert installed_stack() is None
    assert not registry.provides("wings")
    with pytest.raises(pytest.skip.Exception, match="what is installed lacks: wings"):
        registry.require("wings")


@pytest.mark.parametrize(
    ("distributions", "found"),
    [
        ({"alpha": "3.0"}, "alpha 3.0"),
        ({"alpha": "1.0", "alpha_cpu": "2.0.post1"}, "alpha 1.0, alpha-cpu 2.0.post1"),
    ],
)
def test_releases_of_no_stack_skip_no_test(two_stacks, install, distributions, found):
    install(**distributions)
    assert installed_stack() is None
    with pytest.raises(ValueError, match=f"no stack has what is installed: {found}"):
        registry.require("wings")


def test_a_test_runs_where_the_installed_stack_has_what_it_needs(two_stacks, install):
    install(alpha="1.0")
    assert registry.provides("wings")
    registry.require("wings")
    assert registry.needs("wings").args == (False,)
    assert registry.needs("wheels").args == (True,)
    assert registry.needs("wheels").kwargs["reason"] == "old lacks: wheels"


def test_a_capability_that_no_stack_has_is_a_slip(two_stacks, install):
    install(alpha="1.0")
    with pytest.raises(ValueError, match="no stack provides 'wing'; there are: wheels, wings"):
        registry.provides("wing")


def test_stacks_with_a_package(two_stacks):
    assert registry.stacks_with("alpha") == list(two_stacks)
    assert registry.stacks_with("beta") == []


def test_what_a_stack_says_of_its_packages(two_stacks):
    old, _ = two_stacks
    assert registry.stack("old") is old
    assert old.release("alpha") == "1.0"
    assert old.distributions == {"alpha": ["1.0", "1.0.post9"], "alpha-cpu": ["1.0.post1"]}
    assert old.environments == {}
