"""The reader's own byte-level BPE: French, English, numbers two digits at a time; other scripts are bytes.

A word, a number or a mark takes at most one space before it and nothing else, so the same word has the same
tokens wherever it stands: copying then needs no spelling.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from engine.mini.data import Generator
from engine.models.tokenizer_json import WORD_SPLIT

END = "<|endoftext|>"
HERE = Path(__file__).parent
SIZE = 8192
PLAIN, CAPITAL = 120, 30  # how often each general word counts beside the generated text


def train_vocabulary(size: int = SIZE, examples: int = 24000, seed: int = 11) -> Tokenizer:
    """A tokenizer of `size` entries (all bytes among them, `END` last): dossiers, pools, word lists."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_SPLIT), behavior="isolated", invert=False),
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
    # every pair of digits is one token, with and without a space before it
    texts += [f"{n:02d} {n:02d}" for n in range(100)] * 400
    for word in general_words():
        if not generator.exclusion.hits(word):
            texts += [" " + word] * PLAIN + [" " + word[:1].upper() + word[1:]] * CAPITAL
    for path in sorted((HERE / "pools").glob("*.txt")):
        plain = path.read_text(encoding="utf-8")
        words = plain.split() if path.stem.startswith("words") else plain.replace("=", ";").split(";")
        texts.extend(
            [" " + w.strip() for w in words if not generator.exclusion.hits(w)]
            * (200 if path.stem.startswith("words") else 30)
        )
    return texts


def general_words() -> list[str]:
    lines = (HERE / "general_words.txt").read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(w for line in lines if not line.startswith("#") for w in line.split()))
