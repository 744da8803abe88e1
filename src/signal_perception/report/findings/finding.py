"""What a finding is: one sentence, what was tested for it, and where its numbers stand."""

from dataclasses import dataclass

TOPICS = ("accuracy", "motion", "filter", "noise", "poster")


@dataclass(frozen=True)
class Finding:
    """A result in words.

    topic: one of TOPICS. text: a plain sentence, with its numbers and intervals. test: what was
    tested, and how several tests were corrected; or why nothing was. anchor: the chart or table
    that it rests on: table1, motion, response, contrasts, thirds, losses, figure1.
    """

    topic: str
    text: str
    test: str
    anchor: str
