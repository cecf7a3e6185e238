"""What can go wrong with a model, a tokenizer or a chat template, each with a code a caller can act on."""

from __future__ import annotations


class ModelError(Exception):
    """Something about a model is not right. `code` is a stable slug, `message` a plain English sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ModelFileError(ModelError):
    """A model file or checkpoint folder is malformed, truncated, hostile, unsupported or unreadable."""


class ChatTemplateError(ModelError):
    """A chat template does not compile, asks for something forbidden, or exceeds its bounds."""


class ConversionError(ModelError):
    """A conversion cannot start or could not be finished; nothing was left behind."""


class ConversionCancelledError(ConversionError):
    """The caller asked the conversion to stop; nothing was left behind."""

    def __init__(self) -> None:
        super().__init__("conversion-cancelled", "The conversion was stopped; no file was written.")
