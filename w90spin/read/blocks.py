"""Text of ``begin name`` ... ``end name`` blocks, the form of ``.win`` and ``.nnkp`` files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from w90spin.read.text import TextFile


class Line(NamedTuple):
    """A line's number in the file, from 1, and its words."""

    number: int
    text: str

    @property
    def words(self) -> list[str]:
        """Words between blanks or commas."""
        return self.text.replace(",", " ").split()


@dataclass(frozen=True, eq=False)
class Blocks:
    """Lines inside blocks, by the block's lower-case name, and lines outside."""

    inside: dict[str, list[Line]]
    outside: list[Line]


def read_blocks(file: TextFile, comment_marks: str) -> Blocks:
    """Sort the lines of a file; comments and blank lines are left out.

    Parameters
    ----------
    file : TextFile
        The file, read to its end.
    comment_marks : str
        Characters that begin a comment, which the rest of the line is.

    Returns
    -------
    Blocks
        The lines.
    """
    inside: dict[str, list[Line]] = {}
    outside: list[Line] = []
    name = ""
    begun = 0
    while (content := file.line_or_none()) is not None:
        for mark in comment_marks:
            content = content.partition(mark)[0]
        content = content.strip()
        words = content.lower().split()
        if not words:
            continue
        if words[0] == "begin" and len(words) == 2:
            if name:
                raise file.format_error(
                    f"'begin {words[1]}' inside the block '{name}' begun in line {begun};"
                    f" expected 'end {name}' first."
                )
            name, begun = words[1], file.line_no
            if name in inside:
                raise file.format_error(f"the block '{name}' comes twice.")
            inside[name] = []
        elif words[0] == "end" and len(words) == 2:
            if words[1] != name:
                expected = f"'end {name}'" if name else "no 'end' without a 'begin'"
                raise file.format_error(f"found 'end {words[1]}', expected {expected}.")
            name = ""
        else:
            (inside[name] if name else outside).append(Line(file.line_no, content))
    if name:
        raise file.format_error(
            f"the file ends inside the block '{name}' begun in line {begun}. It is cut short."
        )
    return Blocks(inside, outside)
