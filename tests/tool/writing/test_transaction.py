"""All or nothing: crashes at every step, full disks, and two runs at once."""

import errno
import os
import stat
from dataclasses import replace

import pytest
from filelock import FileLock
from specroll.errors import DriftError, TargetError
from specroll.writing import disk, transaction
from specroll.writing.journal import Batch, Change, Journal

OLD = {"kept.py": "old\n", "sub/gone.py": "gone\n"}
NEW = {"kept.py": "new\n", "made/deep/fresh.py": "fresh\n"}


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    for path, text in OLD.items():
        (home / path).write_text(text)
    return home


def changes(home):
    gone = Change(home / "sub/gone.py", None)
    return [*(Change(home / path, text.encode()) for path, text in NEW.items()), gone]


def contents(home):
    return {
        path.relative_to(home).as_posix(): path.read_text()
        for path in home.rglob("*")
        if path.is_file()
    }


def run(home):
    transaction.run(Batch(home, changes(home), [home / "sub"]))


def test_carries_out_all_changes(home):
    run(home)
    assert contents(home) == NEW
    assert not (home / "sub").exists()
    assert not transaction.recovery_is_due(home)


def test_nothing_to_do_leaves_no_trace(home):
    transaction.run(Batch(home, []))
    assert contents(home) == OLD


def crash_at(home, step):
    """Run in a child process that dies at a step; say whether it lived to the end."""
    child = os.fork()
    if not child:
        left = step

        def counted(original):
            def call(*args, **kwargs):
                nonlocal left
                if not left:
                    os._exit(9)
                left -= 1
                return original(*args, **kwargs)

            return call

        for name in ("fsync", "replace", "unlink", "mkdir", "rmdir", "open", "chmod"):
            setattr(os, name, counted(getattr(os, name)))
        run(home)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_crash_at_every_step_is_recovered(tmp_path, home):
    outcomes = []
    for step in range(200):
        copy = tmp_path / f"at{step}"
        os.system(f"cp -r {home} {copy}")
        lived = crash_at(copy, step)
        transaction.recover(copy)
        assert not transaction.recovery_is_due(copy)
        outcomes.append(contents(copy))
        assert outcomes[-1] in (OLD, NEW)
        assert (copy / "made").exists() == (outcomes[-1] == NEW)
        if lived:
            break
    assert outcomes[0] == OLD
    assert outcomes[-1] == NEW
    assert outcomes == sorted(outcomes, key=lambda found: found == NEW)


def test_recovery_may_crash_too(home):
    journal = Journal.of(Batch(home, changes(home)))
    transaction._stage(home, journal, changes(home))
    (home / ".apply-patches/commit").write_text("")
    journal.staged(home / "kept.py").replace(home / "kept.py")
    assert transaction.recover(home) == "finished"
    assert contents(home) == NEW


def test_torn_journal_is_undone(home):
    (home / ".apply-patches").mkdir()
    (home / ".apply-patches/journal.part").write_text('0123\n{"token": "ab')
    assert transaction.recover(home) == "undone"
    assert contents(home) == OLD


@pytest.mark.parametrize("record", ["commit", "journal.json"])
def test_damaged_journal_touches_nothing(home, record):
    journal = Journal.of(Batch(home, changes(home)))
    transaction._stage(home, journal, changes(home))
    file = home / ".apply-patches/journal.json"
    (home / ".apply-patches" / record).touch()
    file.write_bytes(file.read_bytes().replace(b"gone.py", b"kept.py"))
    before = contents(home)
    with pytest.raises(DriftError, match=f"{file} is damaged; delete"):
        transaction.recover(home)
    assert contents(home) == before


@pytest.mark.parametrize(
    "journal",
    [
        Journal("../x", (), (), (), ()),
        Journal("abc", ("",), (), (), ()),
        Journal("abc", (), ("a\0b",), (), ()),
        Journal("abc", (1,), (), (), ()),
    ],
)
def test_forged_journal_is_damaged(home, journal):
    (home / ".apply-patches").mkdir()
    (home / ".apply-patches/journal.json").write_bytes(journal.dump())
    with pytest.raises(DriftError, match="is damaged"):
        transaction.recover(home)


@pytest.mark.parametrize("field", ["written", "removed", "made_folders", "surplus_folders"])
def test_journal_that_reaches_beyond_the_packages(home, tmp_path, field):
    """Whoever can write there must not have another user's run write elsewhere."""
    empty = Journal("abc", (), (), (), ())
    (tmp_path / "victim").write_text("mine\n")
    (home / ".apply-patches").mkdir()
    journal = replace(empty, **{field: ("../victim",)})
    (home / ".apply-patches/journal.json").write_bytes(journal.dump())
    (home / ".apply-patches/commit").touch()
    with pytest.raises(DriftError, match=f"is not in {home}"):
        transaction.recover(home)
    assert (tmp_path / "victim").read_text() == "mine\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_failure_before_the_commit_record_changes_nothing(home, monkeypatch, number):
    write = disk.write

    def full(path, data):
        if "fresh.py" in path.name:
            raise OSError(number, os.strerror(number), str(path))
        write(path, data)

    monkeypatch.setattr(disk, "write", full)
    with pytest.raises(TargetError, match=f"{os.strerror(number)}.*nothing has been changed"):
        run(home)
    assert contents(home) == OLD
    assert not (home / "made").exists()


def test_commit_record_that_cannot_be_written_whole_is_undone(home, monkeypatch):
    """Undoing stops half way: the next run must not take the record for a decision."""

    def tear(path, data):
        path.write_bytes(data)
        if path.name == "commit":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def stop(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(disk, "write", tear)
        broken.setattr(transaction, "_close", stop)
        with pytest.raises(TargetError, match="nothing has been changed"):
            run(home)
    assert transaction.recover(home) == "undone"
    assert contents(home) == OLD


def test_interruption_before_the_commit_record_changes_nothing(home, monkeypatch):
    write = disk.write

    def interrupt(path, data):
        if path.name == "commit":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(disk, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(home)
    assert contents(home) == OLD


def test_failure_after_the_commit_record_is_finished_by_the_next_run(home, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error", "somewhere")

    with monkeypatch.context() as broken:
        broken.setattr(transaction, "_forget_compiled", fail)
        with pytest.raises(TargetError, match=r"somewhere: Input/output error.*next run finishes"):
            run(home)
    assert transaction.recover(home) == "finished"
    assert contents(home) == NEW


def test_recovery_that_fails(home, monkeypatch):
    (home / ".apply-patches").mkdir()

    def fail(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "somewhere")

    monkeypatch.setattr(transaction, "_close", fail)
    with pytest.raises(TargetError, match="somewhere cannot be written"):
        transaction.recover(home)


def test_second_run_waits_and_gives_up(home, monkeypatch):
    monkeypatch.setattr(transaction, "PATIENCE_S", 0.2)
    with (
        FileLock(home / ".apply-patches.lock"),
        pytest.raises(TargetError, match="Another run holds"),
        transaction.exclusive(home),
    ):
        pass


def test_lock_leaves_no_file(home):
    with transaction.exclusive(home):
        assert (home / ".apply-patches.lock").exists()
    assert contents(home) == OLD


def test_folder_that_cannot_be_locked(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(TargetError, match="cannot be written"),
        transaction.exclusive(tmp_path / "file"),
    ):
        pass


def test_reading_commands_notice_a_run_under_way(on_target, target):
    with transaction.exclusive(target.site):
        (target.site / ".apply-patches").mkdir()
        status = on_target("status")
        assert (status.code, "another run is at work in" in status.err) == (0, True)
        assert "interrupted" not in status.err
        for command in ("check", "verify"):
            result = on_target(command)
            assert (result.code, "Another run holds" in result.err) == (6, True)
    assert "interrupted run" in on_target("status").err


def test_lock_file_that_a_killed_run_left_is_no_run(on_target, target):
    (target.site / ".apply-patches.lock").touch()
    assert on_target("status").err == ""
    assert on_target("apply").code == 0
    assert not (target.site / ".apply-patches.lock").exists()


def interrupt_apply(on_target, monkeypatch, place):
    def die(*_):
        raise SystemExit(9)

    with monkeypatch.context() as broken:
        broken.setattr(transaction, place, die)
        broken.setattr(transaction, "roll_back", lambda home, journal: None)
        on_target("apply")


@pytest.mark.parametrize(("place", "how"), [("_sync_parents", "undone"), ("finish", "finished")])
@pytest.mark.parametrize("command", ["apply", "revert"])
def test_interrupted_command_is_recovered(
    on_target, target, make, monkeypatch, place, how, command
):
    before = make.snapshot(target.site)
    interrupt_apply(on_target, monkeypatch, place)
    assert on_target("check").code == 1
    assert "interrupted run" in on_target("status").err
    assert on_target("verify").code == 1
    result = on_target(command)
    assert (result.code, f"was {how} first" in result.err) == (0, True)
    if command == "revert":
        assert make.snapshot(target.site) == before
    else:
        assert on_target("verify").code == 0


@pytest.mark.parametrize("name", [transaction.FOLDER, f"{transaction.FOLDER}/journal.json/x"])
def test_journal_of_another_kind_is_refused(on_target, target, name):
    (target.site / name).parent.mkdir(parents=True, exist_ok=True)
    (target.site / name).write_text("not ours")
    result = on_target("apply")
    assert result.code == 5
    assert f"{target.site / transaction.FOLDER} is not ours; move it away" in result.err
    assert (target.site / name).read_text() == "not ours"


@pytest.mark.parametrize(("number", "code"), [(errno.EINVAL, 0), (errno.EIO, 6)])
def test_file_system_that_cannot_sync_a_folder(on_target, monkeypatch, number, code):
    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    assert on_target("apply").code == code


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("moved", [0, 3])
def test_installed_anew_after_an_interruption(
    on_target, target, make, monkeypatch, tmp_path, version, moved
):
    """What pip has written since is not overwritten with what was staged before."""
    interrupt_apply(on_target, monkeypatch, "finish")
    for staged in sorted(target.site.glob("alpha/.*"))[:moved]:
        staged.replace(staged.parent / staged.name[1:].rpartition(".")[0])
    for line in (target.info / "RECORD").read_text().splitlines():
        (target.site / line.partition(",")[0]).unlink(missing_ok=True)
    upstream = {**make.upstream, "alpha/core.py": f"answer = {version}\n"}
    make.unpack(make.wheel(tmp_path, "alpha", version, upstream), target.site)
    for command in ("apply", "revert"):
        result = on_target(command)
        assert result.code == 5
        assert f"has changed since a run was interrupted in {target.site}" in result.err
    assert (target.site / "alpha/core.py").read_text() == f"answer = {version}\n"


def test_bytecode_compiled_after_an_interruption(on_target, target, monkeypatch):
    cache = target.site / "alpha/__pycache__"
    cache.mkdir()
    (cache / "core.cpython-311.pyc").write_bytes(b"installed")
    with (target.info / "RECORD").open("a") as record:
        record.write("alpha/__pycache__/core.cpython-311.pyc,,\n")
    interrupt_apply(on_target, monkeypatch, "finish")
    (cache / "core.cpython-311.pyc").write_bytes(b"imported")
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
