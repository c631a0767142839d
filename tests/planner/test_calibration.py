"""What steps tell of their cost and of acceptance, and how well that predicts."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench.lib.engines.process import EngineError
from bench.lib.engines.stepping import Rollout, Step, typical
from planner import acceptance_profile, calibration, cost_model, json_record, validation
from planner.acceptance_profile import AcceptanceProfile
from planner.cost_model import LinearCost
from planner.simulation import EngineShape, Speculation, simulate
from planner.validation import CALIBRATION, WORKLOADS

COST = LinearCost(2e-3, 1e-4, 0.0, 1e-5, 2e-5, 1e-3, 1e-6)
PROFILE = AcceptanceProfile([0.9, 0.8, 0.7, 0.6, 0.5], [0.6, 0.4, 0.3, 0.2, 0.1])
PROMPT = 25


def rolled_out(workload, speculation, pace=1.0):
    """Return a rollout as an engine of this cost and acceptance would do it."""
    requests = workload.requests(["one two three"] * workload.num_prompts)
    lengths = [request.sampling["max_tokens"] for request in requests]
    shape = EngineShape(workload.batch, PROMPT, prefix_caching=False)
    timeline = simulate([lengths], shape, COST, speculation)
    running = [
        n for n, steps in zip(timeline.running, timeline.steps, strict=True) for _ in range(steps)
    ]
    steps = [step_of(n, number, speculation, pace) for number, n in enumerate(running)]
    return Rollout([[0] * length for length in lengths], steps)


def step_of(running, number, speculation, pace):
    """Return a step; the context, which costs nothing, grows as the rollout goes on."""
    speculates = speculation and speculation.is_on(running) and number > 0
    profile = speculation.profile if speculates else None
    drafted = tuple(running * share for share in profile.drafted) if profile else ()
    accepted = tuple(running * share for share in profile.accepted) if profile else ()
    step = Step(
        1.0,
        running,
        draft_tokens=sum(drafted),
        context_tokens=running * (PROMPT + number),
        prompt_tokens=0 if number else PROMPT * running,
        drafted_at=drafted,
        accepted_at=accepted,
    )
    load = calibration.load(step, has_drafter=speculation is not None)
    return replace(step, seconds=pace * COST.seconds(load))


def a_round(pace=1.0):
    return {
        (each.name, method): rolled_out(each, speculation, pace)
        for each in WORKLOADS
        for method, speculation in (
            ("none", None),
            ("sam", Speculation(each.threshold, PROFILE.limited(each.num_speculative_tokens))),
        )
    }


def test_a_step_counts_with_its_median_time():
    rounds = [Rollout([[1, 2]], [Step(s, 1), Step(4 - s, 1)]) for s in (1.0, 1.5, 3.0)]
    assert typical(rounds).steps == [Step(1.5, 1), Step(2.5, 1)]
    other = Rollout([[1, 2]], [Step(1.0, 1)])
    with pytest.raises(ValueError, match="the rounds of a rollout differ"):
        typical([*rounds, other])


def test_acceptance_is_counted_in_steps_that_speculate():
    steps = [
        Step(1.0, 4, prompt_tokens=100),
        Step(1.0, 3),
        Step(1.0, 2, drafted_at=(2, 1), accepted_at=(1,)),
        Step(1.0, 2, drafted_at=(1,)),
    ]
    found = calibration.acceptance(Rollout([], steps), 2, 3)
    assert found == AcceptanceProfile([0.75, 0.25, 0.0], [0.25, 0.0, 0.0])
    with pytest.raises(ValueError, match="no step had at most 1 requests"):
        calibration.acceptance(Rollout([], steps), 1, 3)


def test_what_the_steps_cost_is_found():
    rollouts = a_round()
    none, sam = (rollouts[CALIBRATION.name, method] for method in ("none", "sam"))
    found = calibration.cost(none, sam)
    for rollout in (none, sam):
        for step in rollout.steps:
            load = calibration.load(step, has_drafter=rollout is sam)
            assert found.seconds(load) == pytest.approx(step.seconds, rel=1e-6)


def test_an_engine_that_is_as_simulated_is_predicted():
    rounds = [a_round(pace) for pace in (3.0, 1.0, 1.5)]
    found = validation.comparisons(rounds)
    assert len(found) == 2 * len(WORKLOADS)
    assert all(abs(each["error"]) < 0.03 for each in found)
    for each in found:
        middle = rounds[2][each["workload"], each["method"]].seconds
        assert each["measured"] == each["rounds"][2] == middle


@pytest.fixture
def validate(monkeypatch, tmp_path):
    """Run the validation on rounds that no engine made."""

    def run(*options, rounds):
        monkeypatch.setattr(validation, "measure", lambda *_: rounds)
        given = ["--model", str(tmp_path), *options]
        return CliRunner().invoke(validation.main, given)

    return run


def test_the_validation_says_what_it_found(validate, tmp_path):
    outcome = validate("--json", str(tmp_path / "found.json"), rounds=[a_round()])
    assert outcome.exit_code == 0, outcome.output
    assert len(outcome.stdout.splitlines()) == 1 + 2 * len(WORKLOADS)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [each["name"] for each in found["workloads"]] == [each.name for each in WORKLOADS]
    assert len(found["comparisons"]) == 2 * len(WORKLOADS)


def test_json_of_the_validation_is_alone_on_standard_output(validate):
    outcome = validate("--json", "-", rounds=[a_round()])
    assert len(json.loads(outcome.stdout)["comparisons"]) == 2 * len(WORKLOADS)
    assert outcome.stderr.startswith("workload")


def test_a_prediction_that_is_far_off_is_missed(validate):
    rounds = a_round()
    missed = WORKLOADS[1].name, "sam"
    steps = [Step(2 * s.seconds, s.running, drafted_at=s.drafted_at) for s in rounds[missed].steps]
    outcome = validate(rounds=[{**rounds, missed: Rollout(rounds[missed].token_ids, steps)}])
    assert outcome.exit_code == 1
    assert [line.endswith("MISSED") for line in outcome.stdout.splitlines()[1:]] == [
        (each.name, method) == missed for each in WORKLOADS for method in ("none", "sam")
    ]


@pytest.fixture
def calibrate(monkeypatch, tmp_path):
    """Run the calibration on rounds that no engine made."""

    def run(*options, rounds=None):
        rollouts = a_round()
        found = {method: [rollouts[CALIBRATION.name, method]] * 2 for method in ("none", "sam")}
        monkeypatch.setattr(calibration, "measure", lambda *_: {**found, **(rounds or {})})
        prompts = tmp_path / "prompts"
        prompts.write_text("one\n" * 12)
        given = ["--model", str(tmp_path), "--prompts", str(prompts), *options]
        return CliRunner().invoke(calibration.main, given)

    return run


def test_what_is_measured_can_be_given_to_the_planner(calibrate, tmp_path):
    files = {name: tmp_path / f"{name}.json" for name in ("cost", "acceptance", "json")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    outcome = calibrate("--num-speculative-tokens", "5", *options)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.split()[:4] == ["cost", "of", "a", "µs"]
    cost = cost_model.parse(json_record.read(files["cost"]), "cost")
    assert cost.verification == pytest.approx(COST.verification)
    profile = acceptance_profile.read(files["acceptance"], None)
    assert profile.accepted == pytest.approx(PROFILE.accepted)
    both = json.loads(files["json"].read_text())
    assert both["cost"]["kind"] == "linear"
    assert both["acceptance"]["drafted"] == pytest.approx(PROFILE.drafted)


@pytest.mark.parametrize(
    ("option", "keys"),
    [
        ("--cost", {"kind", "step"}),
        ("--acceptance", {"drafted", "accepted"}),
        ("--json", {"cost", "acceptance"}),
    ],
)
def test_json_on_standard_output_is_alone_there(calibrate, option, keys):
    outcome = calibrate("--num-speculative-tokens", "5", option, "-")
    assert outcome.exit_code == 0, outcome.output
    assert keys <= json.loads(outcome.stdout).keys()
    assert outcome.stderr.startswith("cost of a")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--shortest", "9", "--longest", "8"], 2, "--shortest is more than --longest"),
        (["--batch", "1000"], 2, "has 12 prompts, not 125"),
        (["--threshold", "-1"], 0, ""),
        (["--cost", "no/cost.json"], 2, "the folder of no/cost.json does not exist."),
        (["--acceptance", "no/a.json"], 2, "the folder of no/a.json does not exist."),
    ],
)
def test_options_of_the_calibration(calibrate, options, code, sentence):
    outcome = calibrate("--num-speculative-tokens", "5", *options)
    assert outcome.exit_code == code
    assert sentence in outcome.stderr


def test_rounds_that_differ_are_no_calibration(calibrate):
    rounds = {"none": [Rollout([], [Step(1.0, 1)]), Rollout([], [Step(1.0, 2)])]}
    outcome = calibrate("--num-speculative-tokens", "5", rounds=rounds)
    assert outcome.exit_code == 1
    assert "the rounds of a rollout differ" in outcome.stderr


@pytest.mark.parametrize("module", [calibration, validation])
def test_an_engine_that_does_not_start(module, monkeypatch, calibrate, tmp_path):
    def fail(*_):
        raise EngineError("the engine of method sam stopped")

    calibrate()
    monkeypatch.setattr(module, "measure", fail)
    prompts = ["--prompts", str(tmp_path / "prompts")] if module is calibration else []
    outcome = CliRunner().invoke(module.main, ["--model", str(tmp_path), *prompts])
    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: the engine of method sam stopped\n"
