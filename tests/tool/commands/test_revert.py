"""`revert` acts on what is named and needs no stack."""


def test_revert_of_nothing(on_target):
    result = on_target("revert")
    assert (result.code, result.out) == (0, "nothing to do\n")


def test_revert_acts_on_what_is_named(on_target, target, project):
    on_target("apply")
    assert on_target("revert", "--package", "beta").out == "nothing to do\n"
    (project.stack / "stack.toml").rename(project.root / "saved")
    other = project.root / "patches/2.0"
    other.mkdir()
    (other / "stack.toml").write_text((project.root / "saved").read_text())
    assert on_target("revert", "--stack", "2.0").out == "nothing to do\n"
    # The stack is gone, the saved bytes are not.
    assert on_target("revert").code == 0
    assert not (target.info / "apply-patches").exists()


def test_revert_needs_no_stack(on_target, target, project, make):
    before = make.snapshot(target.site)
    on_target("apply")
    (project.stack / "stack.toml").write_text("[")
    assert on_target("revert", "--package", "alpha", "--package", "x").code == 3
    assert on_target("revert", "--stack", "1.0", "--package", "alpha").code == 0
    assert make.snapshot(target.site) == before
