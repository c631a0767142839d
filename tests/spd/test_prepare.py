"""The command `prepare`: rows as the models would have them, and runs that are gone on with."""

import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from spd import preparation
from spd.answers import Answers, Sample
from spd.completion import CompletionError, Endpoint
from spd.prepare import prepare
from spd.rows import read_rows

NUM_PROMPTS = 5
LIMITS = {"--draft-tokens": "10", "--max-tokens": "8", "--temperature": "3", "--seed": "4"}


@pytest.fixture
def prompts(tmp_path):
    file = tmp_path / "prompts.jsonl"
    lines = [
        {"prompt": f"prompt{number}", "ground_truth": "x", "checker": "operator:ne"}
        for number in range(NUM_PROMPTS)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture
def run(endpoint, tiny_model, prompts, tmp_path):
    """Return a function that runs the command; None drops an option."""

    def run(*flags, **changed):
        options = {
            "--prompts": str(prompts),
            "--draft-url": endpoint.url,
            "--target-url": endpoint.url,
            "--tokenizer": str(tiny_model),
            "--output": str(tmp_path / "rows.parquet"),
            **LIMITS,
            **{f"--{name.replace('_', '-')}": value for name, value in changed.items()},
        }
        given = [each for pair in options.items() if pair[1] is not None for each in pair]
        return CliRunner().invoke(prepare, [*given, *flags])

    return run


def rows_in(folder):
    return read_rows([folder / "rows.parquet"], vocabulary_size=64).rows


def test_rows_are_as_the_models_have_them(run, endpoint, tokenizer, tmp_path):
    outcome = run("--outcomes")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.splitlines()[0].startswith(f"{tmp_path / 'rows.parquet'}: 5 rows")
    answers = Answers(endpoint, tokenizer, 8)
    for number, row in enumerate(rows_in(tmp_path)):
        context = tokenizer(f"prompt{number}")["input_ids"]
        assert row.context.tolist() == context
        assert [row.draft.tolist()] == endpoint.complete([context], 10, 3.0, 4 + number)
        assert row.target.tolist() == endpoint.choices([context + row.draft.tolist()])[0][6:]
        samples = [Sample(context, row.draft[:stop], "x", "operator:ne", "") for stop in row.stops]
        assert row.outcomes.tolist() == answers.right(samples)
    assert any(len(row.mismatches) for row in rows_in(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl", "rows.parquet"]


def test_the_summary_as_a_file(run, tmp_path):
    outcome = run(json=str(tmp_path / "summary.json"))
    assert outcome.stdout.startswith(f"{tmp_path / 'rows.parquet'}: 5 rows")
    assert json.loads((tmp_path / "summary.json").read_text())["rows"] == NUM_PROMPTS


def test_without_outcomes(run, tmp_path):
    outcome = run(json="-")
    assert outcome.exit_code == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    rows = rows_in(tmp_path)
    assert all(row.outcomes is None for row in rows)
    assert found["output"] == str(tmp_path / "rows.parquet")
    assert found["rows"] == NUM_PROMPTS
    assert found["mismatches"] == sum(len(row.mismatches) for row in rows) / NUM_PROMPTS
    assert "of which 5 can be trained on" in outcome.stderr


@pytest.fixture
def calls(monkeypatch):
    """Make parts of two prompts; collect calls of a method, of which one can be made to fail."""
    monkeypatch.setattr(preparation, "PROMPTS_A_PART", 2)

    def watch(method, fails_at=None):
        real, made = getattr(Endpoint, method), []

        def watched(self, *arguments, **options):
            made.append(arguments)
            if len(made) - 1 == fails_at:
                raise CompletionError("row 3 broke")
            return real(self, *arguments, **options)

        monkeypatch.setattr(Endpoint, method, watched)
        return made

    return watch


@pytest.mark.parametrize(
    ("method", "calls_at_first", "calls_then"),
    # Three parts: calls for their drafts, then as many for their answers.
    [("complete", 2, 5), ("complete", 5, 2), ("choices", 2, 2)],
)
def test_a_second_run_goes_on_where_the_first_stopped(
    run, tmp_path, calls, method, calls_at_first, calls_then
):
    assert run("--outcomes", output=str(tmp_path / "whole.parquet")).exit_code == 0
    made = calls(method, fails_at=calls_at_first - 1)
    outcome = run("--outcomes")
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[-1] == "Error: row 3 broke"
    assert not (tmp_path / "rows.parquet").exists()
    made.clear()
    made += [()] * calls_at_first
    assert run("--outcomes").exit_code == 0
    assert len(made) - calls_at_first == calls_then
    assert pq.read_table(tmp_path / "rows.parquet") == pq.read_table(tmp_path / "whole.parquet")


def test_a_run_with_other_settings_is_refused(run, calls):
    calls("complete", fails_at=1)
    assert run().exit_code == 1
    outcome = run(seed="5")
    assert outcome.exit_code == 1
    assert "rows.parquet.parts was made with another seed: go on" in outcome.stderr


BAD_OPTIONS = [
    ({"draft_url": None}, 2, "give either --draft or --draft-url."),
    ({"target": "m"}, 2, "give either --target or --target-url."),
    ({"tokenizer": None}, 2, "--target-url needs --tokenizer, the target's."),
    ({"tokenizer": "/none"}, 1, "no tokenizer can be loaded from /none: "),
    ({"engine_options": "'"}, 2, "Invalid value for --engine-options: No closing quotation."),
    ({"temperature": "0"}, 2, "Invalid value for '--temperature': 0.0 is not in the range x>0"),
    ({"draft_tokens": "0"}, 2, "Invalid value for '--draft-tokens': 0 is not in the range x>=1"),
    ({"prompts": "/none"}, 2, "Invalid value for '--prompts': File '/none' does not exist."),
    ({"json": "/none/x"}, 2, "Invalid value for '--json': the folder of /none/x does not exist."),
    ({"output": "/proc/x/rows"}, 1, "/proc/x"),
]


@pytest.mark.parametrize(("changed", "code", "sentence"), BAD_OPTIONS)
def test_bad_options(run, changed, code, sentence):
    outcome = run(**changed)
    assert outcome.exit_code == code
    assert sentence in " ".join(outcome.stderr.split())


def test_an_output_that_is_there(run, tmp_path):
    (tmp_path / "rows.parquet").touch()
    outcome = run()
    assert outcome.exit_code == 1
    assert "rows.parquet is there already: remove it, or write elsewhere." in outcome.stderr


def test_prompts_that_are_none(run, prompts):
    prompts.write_text("hello\n")
    outcome = run()
    assert outcome.exit_code == 1
    assert "prompts.jsonl, line 1 is not JSON" in outcome.stderr


def test_a_ground_truth_that_its_checker_cannot_read(run, prompts):
    prompts.write_text('{"prompt": "a", "ground_truth": ""}\n')
    outcome = run()
    assert outcome.exit_code == 1
    assert "Error: the ground truth '' is no expression" in outcome.stderr


def test_an_engine_that_does_not_start(run):
    outcome = run(draft="m", draft_url=None, engine_python="/none/python")
    assert outcome.exit_code == 1
    assert "Error: vLLM ended with exit code 1; the last lines of" in outcome.stderr


def test_help_has_an_example():
    assert (
        "python -m train_spd_scorer prepare --prompts"
        in CliRunner().invoke(prepare, ["--help"]).stdout
    )
