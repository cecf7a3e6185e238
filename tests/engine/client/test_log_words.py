"""What of the worker's log may be told: known shapes, and nothing that somebody wrote."""

from __future__ import annotations

import traceback

from hypothesis import given
from hypothesis import strategies as st

from engine.client.log_words import tellable

KNOWN = [
    "engine 4711: kept ['files', 'internet'], broken []",
    "model 0123456789abcdef q8 on avx512 with 2 threads",
    "rejected: protocol-mismatch",
    "llama.cpp: error",
    "Traceback (most recent call last):",
    "Fatal Python error: Segmentation fault",
]


def test_lines_of_ours_are_told_as_they_are() -> None:
    assert tellable(KNOWN) == KNOWN


def test_of_a_crash_the_places_are_told_and_where_the_program_lies_is_not() -> None:
    lines = [
        "Fatal Python error: Aborted",
        "",
        "Current thread 0x00007f00 [zibeline] (most recent call first):",
        '  File "/home/zibeline/huis clos/engine/worker/work.py", line 12 in step',
        '  File "/usr/lib/python3.11/threading.py", line 975 in run',
        '  File "/home/zibeline/letter of zibeline.py", line 1 in read',
        "bug: ValueError at /home/zibeline/engine/runtime/read.py:7 < /home/zibeline/notes/x.py:9",
    ]
    assert tellable(lines) == [
        "Fatal Python error: Aborted",
        "Current thread 0x00007f00",
        "  engine/worker/work.py:12 step",
        "  python3.11/threading.py:975 run",
        "(1 left out)",
        "bug: ValueError at engine/runtime/read.py:7 < ?",
    ]


def test_what_an_exception_says_is_left_out_and_its_kind_is_told() -> None:
    def fail(word: str) -> None:
        raise ValueError(f"no such patient: {word}")

    try:
        fail("zibeline")
    except ValueError as error:
        lines = "".join(traceback.format_exception(error)).splitlines()
    assert any("zibeline" in line for line in lines)
    told = tellable(lines)
    assert told[-1] == "ValueError"
    assert "zibeline" not in "\n".join(told)


def test_unknown_lines_are_counted_and_left_out() -> None:
    lines = ["Madame Zibeline", "9 mars 2024", KNOWN[0], "apixaban 5 mg", "refused: Madame Zibeline"]
    assert tellable(lines) == ["(2 left out)", KNOWN[0], "(1 left out)", "refused"]


@given(st.text(min_size=1, max_size=60), st.sampled_from([*KNOWN, "bug: X at ", '  File "', "client: "]))
def test_no_text_gets_through_beside_a_known_line(text: str, beside: str) -> None:
    canary = f"zibeline {text} zibeline"
    for line in (canary, beside + canary, canary + beside, f'  File "{canary}", line 1 in x'):
        assert "zibeline" not in "\n".join(tellable(line.splitlines()))
