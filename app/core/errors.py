"""The three families of failure.

Every failure that leaves a room is one of three: the person's (`UserError`: say it), the surroundings'
(`EnvironmentFailure`: say what to do) or ours (`OurError`: a defect, goes to the crash dialog and the log).

A failure carries a `code` (a slug that logs and tests rely on), an English `template` and its `params`. The
window translates the template and fills it; the command line prints `sentence()`. A log gets `code` and
nothing else, since params may hold a document's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

Family = Literal["user", "environment", "ours"]
Param = str | int | float

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class HuisClosError(Exception):
    """A failure that can be told: never raised itself, always through one of the three families.

    `template` is English with `{name}` places that `params` fill. It must be a literal at the place that
    raises, so that it can be collected for translation.
    """

    family: ClassVar[Family]

    def __init__(self, code: str, template: str, /, **params: Param) -> None:
        if _CODE.fullmatch(code) is None:
            raise ValueError("an error code is a lower-case slug")
        self.code = code
        self.template = template
        self.params: Mapping[str, Param] = MappingProxyType(dict(params))
        super().__init__(code)

    def sentence(self) -> str:
        """Return the English sentence with its places filled."""
        return fill(self.template, self.params)

    def __str__(self) -> str:
        return self.sentence()

    def __repr__(self) -> str:
        """Name the failure without its params, which may hold a person's words."""
        return f"<{type(self).__name__} {self.code}>"


class UserError(HuisClosError):
    """The person asked for something that cannot be: say it plainly, change nothing."""

    family = "user"


class EnvironmentFailure(HuisClosError):
    """The machine does not let us: say what to do about it. The work can be tried again afterwards."""

    family = "environment"


class OurError(HuisClosError):
    """A defect of ours: shown as such, with the code for a report."""

    family = "ours"


def fill(template: str, params: Mapping[str, Param]) -> str:
    """Fill the `{name}` places of a template, in whichever language it is; an unknown place stays as written.

    Only bare names are places: no attribute, index or format specification is honoured, so neither a
    translation nor a document's name can reach into an object.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return str(params[name]) if name in params else match.group(0)

    return re.sub(r"\{([a-z_][a-z0-9_]*)\}", replace, template)
