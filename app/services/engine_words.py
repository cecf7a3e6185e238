"""What the engine's codes mean, in words that can be translated; its own messages are English."""

from __future__ import annotations

import re

from engine.client import EngineFailed

# Each goes on a sentence ("… cannot be used as a model: …"), so it begins small and ends without a stop.
WHY_TEMPLATES: dict[str, str] = {
    "backend-failed": "llama.cpp cannot compute it",
    "backend-missing": "it is a model for llama.cpp, which is not installed here (the extra gguf)",
    "checkpoint-incomplete": "its files are not complete",
    "checkpoint-tensor-unexpected": "it holds weights that no such model has",
    "closed": "it was closed",
    "code-out-of-range": "a weight is thousands of times its scale, or is not a number",
    "conversion-cancelled": "the conversion was stopped; nothing was left behind",
    "context-full": "the model keeps every token it reads, and has no room for more",
    "descriptor-missing": "the engine was not handed the file",
    "destination-unwritable": "the new file cannot be written there",
    "disk-full": "there is not enough room on the disk",
    "ended": "it ended by itself",
    "format-unknown": "this kind of weights is not known",
    "format-unsuitable": "this kind of weights does not fit this checkpoint: spiking ones have their own",
    "garbled": "what it said could not be understood",
    "gave-up": "it ended too often in a row",
    "internal": "the engine made a mistake of its own",
    "kernels-failed": "the computing kernels do not work on this machine",
    "message-invalid": "the engine did not understand what it was asked",
    "message-oversized": "the text is too long for the engine",
    "model-already-loaded": "the engine has another model loaded",
    "model-architecture-unknown": "it is a kind of model that does not run here",
    "model-config-invalid": "its configuration contradicts itself or is not usable",
    "model-facts-invalid": "what it says about itself is not usable",
    "model-file-damaged": "its weights are not what was written: the file is damaged",
    "model-file-invalid": "the file is malformed",
    "model-file-oversized": "the file claims to be larger than any model may be",
    "model-file-truncated": "the file ends too early",
    "model-file-unreadable": "the file cannot be read",
    "model-file-version": "the file is of a version that is not known",
    "model-json-invalid": "a description in it is not valid",
    "model-pickle-refused": "a weight file wants to do more than hold weights; nothing in it was run",
    "model-replaced": "another model was chosen",
    "model-source-unknown": "it is neither a model file nor the folder of a checkpoint",
    "model-tensor-duplicate": "the same weights occur twice",
    "model-tensor-missing": "weights are missing",
    "model-tensor-oversized": "weights are declared larger than any file can be",
    "model-tensor-shape": "weights do not have the shape the model calls for",
    "model-tensor-type-unsupported": "weights are stored in a form that cannot be used",
    "model-tensor-unexpected": "it holds weights that are not known",
    "model-text-invalid": "a text in it is not UTF-8",
    "model-weights-invalid": "its weights are not usable",
    "no-model": "no model is loaded",
    "not-started": "it could not be started",
    "out-of-memory": "there is not enough memory for it",
    "prompt-empty": "the question is empty",
    "protocol-mismatch": "the program was replaced while it ran; close it and open it again",
    "refused": "it is of another version than this window",
    "scale-invalid": "a scale of the spiking weights is not a positive number",
    "session-limit": "there are too many readings at once",
    "session-unknown": "the reading is not in the engine any more",
    "spikes-impossible": "it cannot run with spikes in that way",
    "state-damaged": "the kept reading is damaged",
    "state-mismatch": "the kept reading is of another model or text",
    "state-unwritable": "the reading cannot be kept: the disk is full or fails",
    "template-failed": "its chat template fails",
    "template-forbidden": "its chat template wants to do what no template may",
    "template-invalid": "its chat template cannot be read",
    "template-oversized": "its chat template is or writes too much",
    "template-refused": "its chat template refuses the question",
    "template-too-slow": "its chat template works too long",
    "tokenizer-invalid": "its tokenizer is not usable",
    "tokenizer-unsupported": "its kind of tokenizer does not run here",
    "unresponsive": "it did not answer any more",
    "weights-not-finite": "a weight is not a finite number",
    "weights-too-large": "a weight is too large to be made smaller in this form",
}
OTHER_TEMPLATES = {"": "the engine refused it"}  # for a code of a later version

_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)+")  # of a file or of a tensor
_MOST_NAMES, _NAME_CHARS = 3, 80


def why(code: str) -> str:
    """The reason behind a code of the engine, as one of ``WHY_TEMPLATES``."""
    return WHY_TEMPLATES.get(code, OTHER_TEMPLATES[""])


def about(failure: EngineFailed) -> str:
    """The files and tensors its message names, in parentheses behind a space; empty when it names none."""
    names = dict.fromkeys(name[:_NAME_CHARS] for name in _NAME.findall(failure.message))
    return f" ({', '.join(list(names)[:_MOST_NAMES])})" if names else ""
