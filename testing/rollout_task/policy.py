"""The demo model in the form that verl trains: with a chat template."""

import shutil
from pathlib import Path

from transformers import AutoTokenizer

from testing import demo_model

PLAIN_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


def save_policy(folder: Path) -> Path:
    """Write the demo model to `folder`; returns it."""
    model = demo_model.path()
    shutil.copytree(model, folder, dirs_exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(model)
    # verl looks this up for every Qwen model (verl/utils/tokenizer/continuous_token.py); the model
    # has no such output and never writes it.
    tokenizer.add_tokens("<|im_end|>", special_tokens=True)
    tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder
