"""From a request to a loaded backend. The only place of the worker that knows there are several."""

from __future__ import annotations

import os
from pathlib import Path

from engine.backends import BACKENDS, backend_for
from engine.models.errors import ModelError
from engine.protocol import Load
from engine.runtime.seam import LoadedBackend
from engine.worker.desk import RequestFailed
from engine.worker.log import write_log


def load_model(message: Load) -> LoadedBackend:
    """The model of `message.path`. Raises RequestFailed with the backend's reason."""
    try:
        loaded = backend_for(Path(message.path)).load(message)
    except ModelError as error:
        raise RequestFailed(error.code, error.message) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise RequestFailed("model-file-unreadable", f"The model cannot be read: {reason}.") from None
    info = loaded.info
    write_log(f"model {info.identity[:16]} {info.format} on {info.isa} with {info.threads} threads")
    return loaded


def explain_model_error(error: Exception) -> RequestFailed | None:
    """The answer for an error of a loaded model (a template that refuses, a kernel without memory); else
    None."""
    for backend in BACKENDS:
        told = backend.explain(error)
        if told is not None:
            return RequestFailed(told.code, told.message)
    return None
