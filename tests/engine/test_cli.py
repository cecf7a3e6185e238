"""The engine's command line, run as people run it: files in, files out, plain errors, honest exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from tests.fixtures.model_files import FLOAT_TINY, read_golden, small_config, write_checkpoint
from tests.fixtures.model_files import GOLDEN as FOLDERS

GOLDEN = read_golden(FLOAT_TINY)
GOLDEN_SPIKING = FOLDERS / "w8aspike-tiny"


def engine(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    assert main(["convert", str(FLOAT_TINY), str(path), "--format", "f32"]) == 0
    return path


def write_ids(path: Path, ids: np.ndarray) -> Path:
    np.savez(path, input_ids=ids.astype(np.int64))
    return path


def test_convert_tells_what_it_wrote(tmp_path: Path) -> None:
    done = engine("convert", FLOAT_TINY, tmp_path / "m.gguf", "--format", "q4")
    assert done.returncode == 0, done.stderr
    assert "q4" in done.stdout
    assert "identity" in done.stdout
    assert "100 %" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]


@pytest.mark.parametrize("mode", ["hf", "vllm", "report"])
def test_logits_follow_the_window_rule_that_was_asked_for(mode: str, converted: Path, tmp_path: Path) -> None:
    prompt, more = GOLDEN["len200.input_ids"], GOLDEN["len200.gen_ids"]
    ids = write_ids(tmp_path / "in.npz", np.concatenate([prompt, more]))
    arguments = ["logits", converted, "--ids", ids, "--out", tmp_path / "out.npz", "--window-mode", mode]
    assert main([str(argument) for argument in [*arguments, "--decode-from", len(prompt)]]) == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        logits = arrays["logits"]
    assert logits.dtype == np.float32
    assert logits.shape == (len(prompt) + len(more), 512)
    wanted_tail = {
        "hf": GOLDEN["len200.decode_logits"],
        "vllm": GOLDEN["len200.tail_w_plus_1_logits"],
        "report": GOLDEN["len200.all_w_tail_logits"],
    }[mode]
    assert np.abs(logits[len(prompt) :] - wanted_tail).max() <= 1e-4
    if mode == "report":
        last = GOLDEN["len200.all_w_prefill_last_rows"]
        assert np.abs(logits[len(prompt) - len(last) : len(prompt)] - last).max() <= 1e-4
    else:
        assert np.abs(logits[: len(prompt)] - GOLDEN["len200.prefill_logits"]).max() <= 1e-4


def test_a_checkpoint_folder_gives_logits_in_single_precision(tmp_path: Path) -> None:
    ids = write_ids(tmp_path / "in.npz", GOLDEN["len33.input_ids"])
    done = engine("logits", FLOAT_TINY, "--ids", ids, "--out", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        assert np.abs(arrays["logits"] - GOLDEN["len33.prefill_logits"]).max() <= 1e-4


def test_a_spiking_model_is_converted_and_its_switches_are_obeyed(tmp_path: Path) -> None:
    golden = read_golden(GOLDEN_SPIKING)
    ids = write_ids(tmp_path / "in.npz", golden["len7.input_ids"])
    file = tmp_path / "m.gguf"
    assert main(["convert", str(GOLDEN_SPIKING), str(file), "--format", "spike8"]) == 0
    for down, name in (("float", "prefill_logits"), ("spiking", "spiking_down_proj_prefill_logits")):
        arguments = ["logits", file, "--ids", ids, "--out", tmp_path / "out.npz", "--down", down]
        assert main([str(argument) for argument in arguments]) == 0
        with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
            assert np.abs(arrays["logits"] - golden[f"len7.{name}"]).max() <= 1e-4
    assert main([str(argument) for argument in [*arguments, "--spikes", "off"]]) == 3
    assert main([str(argument) for argument in [*arguments, "--spikes", "k=3"]]) == 0
    with pytest.raises(SystemExit):
        main([str(argument) for argument in [*arguments, "--spikes", "k=-2"]])


def test_every_position_can_be_fed_alone_and_none_past_the_end(converted: Path, tmp_path: Path) -> None:
    ids = write_ids(tmp_path / "in.npz", GOLDEN["len33.input_ids"])
    results = []
    for decode_from in ("0", "5000"):
        arguments = ["logits", str(converted), "--ids", str(ids), "--out", str(tmp_path / "out.npz")]
        assert main([*arguments, "--window-mode", "vllm", "--decode-from", decode_from]) == 0
        with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
            results.append(arrays["logits"])
    assert np.abs(results[0] - results[1]).max() <= 1e-4


def test_generate_continues_a_prompt_greedily_and_the_same_each_time(converted: Path) -> None:
    text = json.loads((FLOAT_TINY / "golden.json").read_text())["prompts"]["text"]
    prompt = text["text"] if isinstance(text, dict) else text
    first = engine("generate", converted, "--prompt", prompt, "--max-tokens", 12)
    assert first.returncode == 0, first.stderr
    from engine.models.loading import load

    wanted = load(FLOAT_TINY, threads=1).decode(GOLDEN["text.gen_ids"][:12].tolist())
    assert first.stdout.rstrip("\n") == wanted.rstrip("\n")
    assert "answer 12 tokens" in first.stderr


def test_generate_answers_a_chat_with_seeded_sampling(
    converted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        arguments = ["generate", str(converted), "--chat", "Bonjour", "--temperature", "1", "--top-p", "0.9"]
        assert main([*arguments, "--max-tokens", "16", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


def test_bench_measures_both_phases(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(converted), "--prefill-tok", "32", "--decode-tok", "4", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["prefill_tok_per_s"] > 0
    assert result["decode_tok_per_s"] > 0
    assert result["format"] == "f32"


def bad_arguments(tmp_path: Path, converted: Path) -> dict[str, tuple[list[object], int, str]]:
    (tmp_path / "broken.gguf").write_bytes(converted.read_bytes()[:5000])
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nothing")
    good = write_ids(tmp_path / "good.npz", np.arange(5))
    out = tmp_path / "out.npz"
    float_ids = tmp_path / "float.npz"
    np.savez(float_ids, input_ids=np.zeros(3))
    other = tmp_path / "other.npz"
    np.savez(other, tokens=np.arange(3))
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, input_ids=np.array([{}], dtype=object))
    large = write_ids(tmp_path / "large.npz", np.array([0, 512]))
    empty = write_ids(tmp_path / "empty.npz", np.array([]))
    return {
        "a cut model": (["generate", tmp_path / "broken.gguf", "--chat", "x"], 3, "model-file-truncated"),
        "no model": (["generate", tmp_path / "no.gguf", "--chat", "x"], 4, "model-file-unreadable"),
        "no checkpoint": (["convert", tmp_path, tmp_path / "m.gguf", "--format", "q8"], 4, "config.json"),
        "nowhere to write": (
            ["convert", FLOAT_TINY, tmp_path / "no" / "m.gguf", "--format", "q8"],
            4,
            "destination-unwritable",
        ),
        "broken ids": (
            ["logits", converted, "--ids", tmp_path / "broken.npz", "--out", out],
            3,
            "input-invalid",
        ),
        "no ids file": (["logits", converted, "--ids", tmp_path / "no.npz", "--out", out], 4, "no.npz"),
        "fractions": (["logits", converted, "--ids", float_ids, "--out", out], 3, "whole numbers"),
        "another array": (["logits", converted, "--ids", other, "--out", out], 3, "input_ids"),
        "pickled ids": (["logits", converted, "--ids", pickled, "--out", out], 3, "input-invalid"),
        "ids too large": (["logits", converted, "--ids", large, "--out", out], 3, "0 to 511"),
        "no ids": (["logits", converted, "--ids", empty, "--out", out], 3, "whole numbers"),
        "nowhere for logits": (
            ["logits", converted, "--ids", good, "--out", tmp_path / "no" / "out.npz"],
            4,
            "out.npz",
        ),
        "an empty prompt": (["generate", converted, "--prompt", ""], 3, "empty"),
        "a strange temperature": (
            ["generate", converted, "--prompt", "x", "--temperature", "-1"],
            3,
            "temperature",
        ),
        "no threads": (["generate", converted, "--prompt", "x", "--threads", "0"], 3, "threads"),
        "a strange table": (["generate", converted, "--prompt", "x", "--isa", "z80"], 3, "z80"),
    }


def test_every_wrong_input_is_told_in_one_line_with_its_exit_code(
    tmp_path: Path, converted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (arguments, exit_code, told) in bad_arguments(tmp_path, converted).items():
        assert main([str(argument) for argument in arguments]) == exit_code, name
        captured = capsys.readouterr()
        assert told in captured.err, (name, captured.err)
        assert captured.err.count("\n") == 1, (name, captured.err)
        assert captured.err.startswith("error: "), name
    assert not (tmp_path / "out.npz").exists()


def test_a_wrong_command_is_a_usage_error() -> None:
    for arguments in ([], ["dance"], ["convert", "a", "b"], ["convert", "a", "b", "--format", "q5"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_conversion_that_is_told_to_stop_removes_what_it_began(number: int, tmp_path: Path) -> None:
    config = small_config(vocab_size=40_000, hidden_size=256, intermediate_size=4096, layers=4)
    write_checkpoint(tmp_path / "folder", config=config)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "engine",
            "convert",
            tmp_path / "folder",
            tmp_path / "m.gguf",
            "--format",
            "q4",
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A suite that is started in the background ignores interrupts, and its children inherit that.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "%" in process.stderr.readline()
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Stopped." in told
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as POSIX has them")
def test_a_reader_that_goes_away_is_no_error(converted: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "generate", converted, "--prompt", "x", "--max-tokens", "400"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    deadline_s = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert process.returncode == 0, process.stderr.read()
    process.stderr.close()
