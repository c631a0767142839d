"""The command line: options, help, and which command answers."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import click

from specroll import report, variables
from specroll.commands import versions
from specroll.commands.apply import apply
from specroll.commands.check import check
from specroll.commands.lint import lint
from specroll.commands.revert import revert
from specroll.commands.status import status
from specroll.commands.verify import verify
from specroll.errors import RequestError, TargetError
from specroll.options import FOLDER, WORKDIR, on_series, on_target, reported, with_sets
from specroll.report import Report
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack
from specroll.target.selection import Request

BUG = 70
INTERRUPTED = 130

ACCEPT = "What was found about this patch is right; repeatable."
DROP = "Leave this patch out of the new series; repeatable."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--distribution",
    "folder",
    type=FOLDER,
    default=lambda: variables.read("DISTRIBUTION"),
    help="Folder with patches/ and overlay/; the default is the one that came with the tool.",
)
@click.pass_context
def cli(context: click.Context, folder: Path | None) -> None:
    """Apply a reviewed series of patches to installed packages, and take it back.

    \b
    Exit codes: 0 done; 1 a check found differences; 2 usage; 3 patch conflict;
    4 not a pinned version; 5 foreign bytes; 6 not writable, or another run;
    70 a bug; 130 interrupted.

    \b
    Example: apply-patches apply
    """
    context.obj = folder


def main() -> None:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path may hold bytes, and a message characters, that the terminal has no form for.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        return int(cli.main(prog_name="apply-patches", standalone_mode=False) or 0)
    except click.ClickException as error:
        return _give_up(error.exit_code, error.format_message(), error.show)
    except (click.Abort, KeyboardInterrupt):
        return _give_up(INTERRUPTED, "interrupted")
    except OSError as error:
        # A command's own are dealt with in `options.reported`.
        click.echo(f"error: The report cannot be written ({error.strerror})", err=True)
        return TargetError.exit_code
    except Exception:
        traceback.print_exc()
        return _give_up(BUG, "This is a bug, please report it with the lines above.")


def _give_up(code: int, sentence: str, show: Callable[[], None] | None = None) -> int:
    """Tell why no command could report, in the form that was asked for; return the exit code."""
    if "--json" in sys.argv:
        report.show_failure(None, code, [sentence])
    elif show:
        show()
    else:
        click.echo(sentence, err=True)
    return code


@cli.command("apply")
@reported
@on_target
@with_sets
@click.option("--dry-run", is_flag=True, help="Plan everything and write nothing.")
def apply_command(request: Request, dry_run: bool) -> Report:
    """Patch the installed packages of a stack.

    Finishes or undoes an interrupted run first. Packages that are not installed are skipped,
    unless they are named with --package. Sets are chosen by what is installed, or with --with and
    --without, which hold until they are named again or everything is reverted.

    \b
    Example: apply-patches apply --python ~/train/bin/python
    """
    if not dry_run:
        return apply(request)
    rehearsal = check(request)
    rehearsal.exit_code = 0
    return rehearsal


@cli.command("check")
@reported
@on_target
@with_sets
def check_command(request: Request) -> Report:
    """Rehearse `apply` and write nothing.

    Exits 0 where nothing is left to do, 1 where `apply` would change something, and with the
    code of `apply` where it would fail. An interrupted run counts as a difference.

    \b
    Example: apply-patches check --stack STACK
    """
    return check(request)


@cli.command("status")
@reported
@on_target
@with_sets
def status_command(request: Request) -> Report:
    """Tell in which condition each package is; exits 0 whatever that is.

    pristine, applied, outdated (another patch set is applied, or the lock is stale), partial,
    drifted (foreign bytes), or absent, with the reason. An interrupted run is told and left to
    `apply`.

    \b
    Example: apply-patches status --json
    """
    return status(request)


@cli.command("verify")
@reported
@on_target
@with_sets
def verify_command(request: Request) -> Report:
    """Compare the installed tree with the lock and RECORD; exits 1 where they differ.

    \b
    Example: apply-patches verify --package mypackage
    """
    return verify(request)


@cli.command("revert")
@reported
@on_target
def revert_command(request: Request) -> Report:
    """Put the saved bytes back; afterwards the tree is as it was installed.

    Finishes or undoes an interrupted run first.

    \b
    Example: apply-patches revert --root ./unpacked-wheel
    """
    return revert(request)


@cli.command("edit")
@reported
@on_series
@click.argument("package")
def edit_command(
    source: Distribution, stack: str, store: Store, package: str, workdir: Path
) -> Report:
    """Make a scratch git repository of PACKAGE, with one commit a patch.

    It is made from the pinned artefact, in WORKDIR/STACK/PACKAGE. Amend, add, drop or reorder
    the commits there, then run `refresh`.

    \b
    Example: apply-patches edit mypackage --stack STACK
    """
    # Here and not above: GitPython needs a git binary, and applying must not.
    from specroll.commands.edit import edit

    return edit(Stack.load(source, stack), package, store, workdir.absolute() / stack / package)


@cli.command("refresh")
@reported
@on_series
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
def refresh_command(
    source: Distribution, stack: str, store: Store, packages: tuple[str, ...], workdir: Path
) -> Report:
    """Export scratch repositories as patches, and lock the stack anew.

    Without PACKAGE all packages of the stack are meant. A package without a scratch repository
    in WORKDIR/STACK/PACKAGE keeps its patches, and its lock is computed from them.

    \b
    Example: apply-patches refresh mypackage --artefacts ~/wheels
    """
    from specroll.commands.refresh import refresh

    return refresh(source, stack, packages, store, workdir.absolute() / stack)


@cli.command("rebase")
@reported
@click.argument("packages", metavar="PACKAGE[==VERSION]...", nargs=-1, required=True)
@click.option("--onto", help="Release of the packages that are named without one.")
@click.option("--stack", required=True, help="Stack to write; the old one for a further version.")
@click.option("--from", "old", help="Stack whose series are carried; without it the default one.")
@click.option("--through", is_flag=True, help="Visit every final release on the way.")
@click.option("--continue", "continues", is_flag=True, help="Go on: the conflict is resolved.")
@click.option("--accept", "accepted", multiple=True, metavar="PATCH", help=ACCEPT)
@click.option("--drop", "dropped", multiple=True, metavar="PATCH", help=DROP)
@click.option("--prove", "proves", is_flag=True, help="Then run the proofs that patches name.")
@click.option("--dry-run", is_flag=True, help="Carry all that can be carried, and write nothing.")
@click.option("--workdir", type=FOLDER, default=WORKDIR, help="Where scratch repositories lie.")
@click.option("--artefacts", type=FOLDER, help="Folder to look for pinned files in first.")
def rebase_command(
    source: Distribution, packages: tuple[str, ...], onto: str | None, **options: object
) -> Report:
    """Carry the series of each PACKAGE onto a new upstream release, into a stack of its own.

    Works in a git repository a package, WORKDIR/STACK/PACKAGE. Patches are merged three-way. A
    conflict stops there; mend it with git, then --continue. What is not plainly the same needs
    eyes until --accept. The stack is written once nothing is left to judge. Interrupted, the same
    command goes on. With --prove the distribution's ci/proofs.py then says which bugfix is
    superfluous and which feature is not carried.

    \b
    Exits 0 once it is written, 1 where something needs eyes or is not proven, 3 at a conflict.

    \b
    Example: apply-patches rebase mypackage --onto 1.1 --stack NEW --through
    """
    source.require_checkout()
    # Here and not above: GitPython needs a git binary, and applying must not.
    from specroll.commands.rebase import Wish, rebase, releases

    # Their types are those of the options above.
    return rebase(source, Wish(releases(packages, onto), **options))  # type: ignore[arg-type]


@cli.command("outlook")
@reported
@click.argument("packages", metavar="[PACKAGE]...", nargs=-1)
@click.option("--stack", "stacks", multiple=True, help="Stack to look at, else all; repeatable.")
@click.option("--artefacts", type=FOLDER, help="Folder to look for pinned files in first.")
def outlook_command(
    source: Distribution, packages: tuple[str, ...], stacks: tuple[str, ...], artefacts: Path | None
) -> Report:
    """Tell which newer releases there are, and how far each series would carry.

    Carries every series through all of them in scratch repositories, past conflicts, and writes
    nothing. Releases are downloaded once.

    \b
    Example: apply-patches outlook mypackage
    """
    # Here and not above: GitPython needs a git binary, and applying must not.
    from specroll.commands.outlook import Scope, outlook

    return outlook(source, Scope(stacks, packages, artefacts))


@cli.command("lint")
@reported
@click.option("--artefacts", type=FOLDER, help="Folder to look for pinned files in first.")
def lint_command(source: Distribution, artefacts: Path | None) -> Report:
    """Hold names, headers, paths, overlay and lock of all stacks against the conventions.

    Exits 1 where one is broken. Nothing is downloaded: what needs a pinned file that is not at
    hand is skipped and named.

    \b
    Example: apply-patches lint --artefacts ~/wheels
    """
    return lint(source, Store.beside(artefacts))


@cli.command("versions")
@reported
@click.option("--write", "action", flag_value="write", help="Generate VERSIONS.md.")
@click.option("--check", "action", flag_value="check", help="Exit 1 where VERSIONS.md is stale.")
def versions_command(source: Distribution, action: str | None) -> Report:
    """Generate VERSIONS.md from all stacks, or say whether it is stale.

    \b
    Example: apply-patches versions --check
    """
    if action is None:
        raise RequestError("Name one of --write and --check.")
    source.require_checkout()
    return versions.write(source) if action == "write" else versions.check(source)
