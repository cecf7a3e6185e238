"""What passes for a good passphrase, and the wait after wrong ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.failures import WeakPassphrase
from app.store.passphrase import delay_s, estimate, propose, require_strong


def test_proposals_are_good_different_and_sayable():
    proposals = {propose() for _ in range(50)}
    assert len(proposals) == 50
    for each in proposals:
        require_strong(each)
        assert estimate(each).grade == "good"
        assert all(char.isalpha() or char == " " for char in each)


@pytest.mark.parametrize(
    ("passphrase", "grade"),
    [
        ("court", "refused"),
        ("aaaaaaaaaaaaaaaaaaaa", "refused"),
        ("abcabcabcabcabc", "refused"),
        ("motdepasse123", "weak"),
        ("azertyuiop12", "weak"),
        ("123456789012", "weak"),
        ("password password password", "weak"),
        ("un deux trois quatre", "fair"),
        ("le chat vert dort sous la pluie", "good"),
        ("J7#qv!Lw2$zRx9", "good"),
    ],
)
def test_the_estimate_ranks_passphrases_as_a_guesser_would(passphrase, grade):
    assert estimate(passphrase).grade == grade


@given(st.text(max_size=40))
def test_the_estimate_refuses_exactly_what_the_policy_refuses(passphrase):
    refused = estimate(passphrase).grade == "refused"
    try:
        require_strong(passphrase)
    except WeakPassphrase:
        assert refused
    else:
        assert not refused


def test_a_longer_passphrase_is_never_estimated_weaker():
    text = "Le 14 mars, trois hérons gris ont traversé la Loire."
    bits = [estimate(text[:length]).bits for length in range(1, len(text))]
    assert bits == sorted(bits)


def test_the_wait_doubles_up_to_a_minute_and_never_ends_for_good():
    assert [delay_s(failures) for failures in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert delay_s(10**9) == 60
