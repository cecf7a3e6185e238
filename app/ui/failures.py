"""The one place that turns a failure into words of the person's language."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFailure, HuisClosError, OurError, UserError, fill
from app.services.views import Problem
from app.ui.plain import one_line

CONTEXT = "Failures"
WORDS_CONTEXT = "FailureWords"


def sentence(failure: BaseException | Problem) -> str:
    """What happened and what to do next, translated. An error that is none of ours gets a general
    sentence.
    """
    if isinstance(failure, Problem | HuisClosError):
        return told(failure.template, failure.params)
    return QCoreApplication.translate(
        "Failures", "Something unexpected happened. What was saved is whole; try again."
    )


def told(template: str, params: Mapping[str, str | int | float]) -> str:
    """``template`` translated and filled; words of ours among ``params`` are translated too."""
    words = {name: _word(value) if isinstance(value, str) else value for name, value in params.items()}
    return fill(QCoreApplication.translate(CONTEXT, template), words)


def _word(value: str) -> str:
    """A word or a reason of ours translated, anything else (a file's name) as it is; always one line."""
    if not value:
        return value
    reason = QCoreApplication.translate(CONTEXT, value)
    line = one_line(reason if reason != value else QCoreApplication.translate(WORDS_CONTEXT, value))
    return f" {line}" if value.startswith(" ") else line


def is_expected(failure: BaseException) -> bool:
    """False for a defect of ours, which belongs in the crash dialog."""
    return isinstance(failure, UserError | EnvironmentFailure) and not isinstance(failure, OurError)
