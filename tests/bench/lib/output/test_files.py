"""What commands refuse to write, before they measure anything."""

from importlib import import_module

import pytest
from click.testing import CliRunner

PLOT_COMMANDS = "planner.__main__", "planner.published_gains"
COMMANDS = [
    import_module(name)
    for name in (
        "bench.acceptance",
        "bench.drafting",
        "bench.engine",
        "bench.rollout",
        "bench.soak",
        "planner.__main__",
        "planner.calibration",
        "planner.published_gains",
        "planner.validation",
    )
]
PLOTTING = [each for each in COMMANDS if each.__name__ in PLOT_COMMANDS]


def refusal(command, *options):
    outcome = CliRunner().invoke(command.main, options)
    assert outcome.exit_code == 2
    return outcome.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_json_goes_to_a_file_in_a_folder(command, tmp_path):
    missing = str(tmp_path / "missing" / "found.json")
    message = f"Invalid value for '--json': the folder of {missing} does not exist."
    assert message in refusal(command, "--json", missing)
    assert "is a directory" in refusal(command, "--json", str(tmp_path))


@pytest.mark.parametrize("command", PLOTTING, ids=lambda command: command.__name__)
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("missing/plot.png", "the folder of {} does not exist."),
        ("plot.jpeg", "{} ends in none of .png, .svg, .pdf."),
        ("plot", "{} ends in none of .png, .svg, .pdf."),
        (".", "is a directory"),
    ],
)
def test_a_plot_goes_to_a_picture_in_a_folder(command, file, sentence, tmp_path):
    path = str(tmp_path / file)
    assert sentence.format(path) in refusal(command, "--plot", path)


def test_a_suffix_may_be_in_capitals(tmp_path):
    # Options are checked in turn: what is refused is the second.
    found = refusal(PLOTTING[0], "--plot", str(tmp_path / "PLOT.PNG"), "--engines", "0")
    assert "Invalid value for '--engines'" in found
