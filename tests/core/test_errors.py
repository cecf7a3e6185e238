"""The three families of failure."""

from __future__ import annotations

import pytest

from app.core.errors import EnvironmentFailure, HuisClosError, OurError, UserError, fill


def test_each_failure_belongs_to_one_family_and_speaks_a_sentence():
    failure = UserError("dossier-name-taken", "A dossier named {name} already exists.", name="Martin")
    assert failure.sentence() == str(failure) == "A dossier named Martin already exists."
    assert (failure.family, failure.code) == ("user", "dossier-name-taken")
    assert {kind.family for kind in (UserError, EnvironmentFailure, OurError)} == {
        "user",
        "environment",
        "ours",
    }
    assert all(issubclass(kind, HuisClosError) for kind in (UserError, EnvironmentFailure, OurError))


def test_the_repr_of_a_failure_never_holds_its_params():
    failure = EnvironmentFailure("disk-gone", "{folder} is gone.", folder="Dossier Martin")
    assert repr(failure) == "<EnvironmentFailure disk-gone>"
    assert failure.args == ("disk-gone",)


@pytest.mark.parametrize("code", ["", "Bad", "has space", "a--b", "x_y", "-a"])
def test_a_code_that_is_no_slug_is_a_defect(code):
    with pytest.raises(ValueError):
        OurError(code, "x")


def test_a_template_reaches_nothing_but_its_own_params():
    params = {"name": "{other}", "other": "x"}
    assert (
        fill("{name} {name.__class__} {0} {missing} {", params) == "{other} {name.__class__} {0} {missing} {"
    )


def test_a_translation_is_filled_like_the_template():
    failure = UserError("too-many", "{count} files are too many.", count=12)
    assert fill("{count} fichiers, c'est trop.", failure.params) == "12 fichiers, c'est trop."
