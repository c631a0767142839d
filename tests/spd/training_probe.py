"""What verl's workers load for tests: the scorer, and notes of what is trained.

Imported there as `actor_rollout_ref.model.external_lib`; the rows of the tests name its checker.
"""

import json
import os
from pathlib import Path

import spd_scorer  # noqa: F401 - registers the model
from verl.workers.actor.dp_actor import DataParallelPPOActor
from verl.workers.rollout.spd_rollout import SPDRollout

update_policy = DataParallelPPOActor.update_policy
generate_sequences = SPDRollout.generate_sequences


def has_even_length(text, ground_truth):
    """A checker that finds about half of all answers right."""
    return len(text) % 2 == 0


def noted_update(self, data):
    module = self.actor_module
    before = {name: local(parameter) for name, parameter in module.named_parameters()}
    found = update_policy(self, data)
    note(
        "update",
        module=id(module),
        classes=[kind.__name__ for kind in type(module).__mro__],
        trainable=[name for name, p in module.named_parameters() if p.requires_grad],
        changed=[name for name, p in module.named_parameters() if not local(p).equal(before[name])],
        optimizer_steps=sorted({int(s["step"]) for s in self.actor_optimizer.state.values()}),
    )
    return found


def noted_rollout(self, prompts):
    note("rollout", module=id(self.actor), rows=len(prompts))
    return generate_sequences(self, prompts)


def local(parameter):
    return parameter.detach().to_local().clone()


def note(event, **what):
    file = Path(os.environ["SPD_PROBE_FOLDER"]) / f"rank-{os.environ['RANK']}.jsonl"
    with file.open("a") as notes:
        notes.write(json.dumps({"event": event, **what}) + "\n")


DataParallelPPOActor.update_policy = noted_update
SPDRollout.generate_sequences = noted_rollout
