"""Words of ours that stand inside a failure's sentence, listed here so that they are translated."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP

WORDS = (
    QT_TRANSLATE_NOOP("FailureWords", "key-file"),
    QT_TRANSLATE_NOOP("FailureWords", "database"),
    QT_TRANSLATE_NOOP("FailureWords", "blob"),
    QT_TRANSLATE_NOOP("FailureWords", "sealed-file"),
    QT_TRANSLATE_NOOP("FailureWords", "unknown binary file"),
    QT_TRANSLATE_NOOP("FailureWords", "Word 97-2003, or another old Office format"),
    QT_TRANSLATE_NOOP("FailureWords", "program"),
    QT_TRANSLATE_NOOP("FailureWords", "video"),
    QT_TRANSLATE_NOOP("FailureWords", "audio or video"),
    QT_TRANSLATE_NOOP("FailureWords", "model"),
    QT_TRANSLATE_NOOP("FailureWords", "it is not a converted model file (GGUF)"),
    QT_TRANSLATE_NOOP("FailureWords", "the engine could not load it"),
    QT_TRANSLATE_NOOP("FailureWords", "the engine stopped several times"),
)
