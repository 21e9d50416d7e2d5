"""What the names of OpenAI's models tell: which think, and so which have to be asked by Responses.

Those that think refuse function tools beside an effort on Chat Completions (from GPT-5.4 on also where no
effort is said: they have one by default) and take them on `/v1/responses`; those that do not think refuse any
effort. A name that tells nothing is judged by the configuration (`thinking`, `api`).
"""

import re

_THINKS = re.compile(r"(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d)|codex-|gpt-oss)").match
_PLAIN = re.compile(r"(?:gpt-[1-4](?!\d)|chatgpt-|davinci|babbage|gpt-\d+(?:\.\d+)?-chat)").match


def thinks(model: str) -> bool | None:
    """Whether the model thinks; None where its name does not tell."""
    name = model.rpartition("/")[2].removeprefix("ft:").lower()
    if _PLAIN(name):
        return False
    return True if _THINKS(name) else None
