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
