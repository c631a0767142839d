"""The SPD scorer: which mismatching draft tokens may be accepted, learnt with GRPO on verl.

Its faces are `spd_scorer` (the model) and `train_spd_scorer` (prepare, train, eval). The rooms, of
which each imports only from those above it:

    serving            a model behind an endpoint, served by a vLLM of ours or of somebody else
    answers            what the target makes of an accepted draft, and whether that is right
    data               prompts, and the rows that are made of them
    model              the scorer itself
    reward             what decisions on a draft are worth
    training           what a run of training starts from, decides and leaves behind
    verl_fsdp_workers  training on a verl whose actor is that of verl/workers/fsdp_workers.py
    evaluation         what a scorer gains and costs, beside rules without training
    commands           prepare, train, eval
"""
