"""A model in the form that verl trains: with a chat template."""

import shutil
from pathlib import Path

from transformers import AutoTokenizer

PLAIN_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


def save_policy(model: Path, folder: Path) -> Path:
    """Copy a Qwen model with its tokenizer to `folder`; returns it."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(model)
    # verl looks these tokens up for every Qwen model (verl/utils/tokenizer/continuous_token.py);
    # the model has no outputs for what is added and never writes it.
    tokenizer.add_tokens("<|im_end|>", special_tokens=True)
    if not tokenizer.encode("\n"):
        tokenizer.add_tokens("\n")
    tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder
