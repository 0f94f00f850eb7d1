"""Docstrings as the site shows them: doctests in code blocks, equations as they are."""

import re

import griffe

DOCTEST = re.compile(
    r"(?:^>>> .*\n?(?:^(?!>>>)\S.*\n?|^\.\.\. ?.*\n?|^>>> .*\n?)*)", re.M
)


class Doctests(griffe.Extension):
    """Puts each run of `>>>` lines, with what they print, into a code block."""

    def on_object(self, *, obj, **_):
        if obj.docstring:
            text = DOCTEST.sub(
                lambda match: f"```pycon\n{match.group().rstrip()}\n```\n",
                obj.docstring.value,
            )
            text = re.sub(
                r"^(Example|Reference|Call arguments):", r"**\1:**", text, flags=re.M
            )
            obj.docstring.value = text
