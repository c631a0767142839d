"""The words of the tasks, one token each."""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from demo.scorer_tasks.sums import DIGITS, END, LABELS, OPERATORS, SPELLED
from demo.scorer_tasks.wordings import TASKS, Wording

PADDING = "<padding>"


def tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer of all tasks: words are separated by blanks, others are refused."""
    tokens = {word: index for index, word in enumerate(_words())}
    words = Tokenizer(models.WordLevel(tokens))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token=END,
        pad_token=PADDING,
        clean_up_tokenization_spaces=False,
    )


def _words() -> list[str]:
    fixed = [PADDING, END, "?", *DIGITS, *SPELLED, *LABELS, *OPERATORS]
    worded = [word for task in TASKS.values() for word in _slots(task.target)]
    return list(dict.fromkeys(word for word in [*fixed, *worded] if word))


def _slots(wording: Wording) -> list[str]:
    slots = [slot for slot in vars(wording).values() if isinstance(slot, dict)]
    return [word for slot in slots for word in slot]
