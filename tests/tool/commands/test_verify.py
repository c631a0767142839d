"""`verify` lists every difference."""


def test_verify_lists_every_difference(on_target, target):
    on_target("apply")
    (target.site / "alpha/core.py").write_text("mine\n")
    (target.site / "gamma/__init__.py").unlink()
    record = target.info / "RECORD"
    record.write_text(record.read_text().replace("alpha/new.py,", "x.py,"))
    result = on_target("verify")
    assert result.code == 1
    assert result.out.count("does not hold the locked bytes") == 2
    for path in ("alpha/core.py", "alpha/new.py", "gamma/__init__.py"):
        assert f"has a wrong line for {path}" in result.out
    assert "has changed in lines that are not ours" in result.out


def test_verify_before_applying(on_target):
    result = on_target("verify")
    assert result.code == 1
    assert "is not patched; run `apply-patches apply`" in result.out


def test_verify_of_another_patch_set(on_target, project, target):
    """That it is another one is a single difference; files count that nobody locked."""
    on_target("apply")
    project.describe(["0001-bugfix-first.patch"], ["gamma/__init__.py"])
    project.lock()
    result = on_target("verify")
    assert result.code == 1
    only, *others = result.out.splitlines()
    why = "is patched by another patch set of stack 1.0; apply again"
    assert only == f"differs   {target.site / 'alpha'} {why}"
    assert others[-1] == "stack 1.0: 1 difference"
    # Of the patch set that is applied, and not of the one that is wanted.
    (target.site / "alpha/new.py").write_text("mine\n")
    told = on_target("verify").out
    assert f"differs   {target.site / 'alpha/new.py'} does not hold the locked bytes\n" in told
    assert "has a wrong line for alpha/new.py" in told
    assert told.endswith("stack 1.0: 3 differences\n")
