"""The reader's own byte-level BPE: French, English, single digits; every other script falls back to bytes."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from engine.mini.data import Generator

END = "<|endoftext|>"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_vocabulary(size: int = 4096, examples: int = 24000, seed: int = 11) -> Tokenizer:
    """A tokenizer of `size` entries (all bytes among them, `END` last) from generated dossiers and pools."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=8,
    )
    tokenizer.train_from_iterator(corpus(examples, seed), trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    return tokenizer


def corpus(examples: int, seed: int) -> list[str]:
    generator = Generator(seed, invents=False)
    stream = generator.stream(110, 5)
    texts = []
    for _ in range(examples):
        example = next(stream)
        texts.append(example.prompt + "".join(f"? {q.text}\n{q.answer}\n" for q in example.questions))
    for path in sorted((Path(__file__).parent / "pools").glob("*.txt")):
        plain = path.read_text(encoding="utf-8")
        words = plain.split() if path.stem.startswith("words") else plain.replace("=", ";").split(";")
        texts.extend(
            [" " + w.strip() for w in words if not generator.exclusion.hits(w)]
            * (200 if path.stem.startswith("words") else 30)
        )
    return texts
