"""Loads a model into what the runtime runs. The only place of the worker that knows models and kernels."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import cast

from engine import kernels
from engine.models.errors import ModelError
from engine.models.loading import load
from engine.protocol import ChatMessage, Load, ModelInfo
from engine.runtime.memory_shape import memory_shape
from engine.runtime.seam import Flag, Kernel, ReadingState, RunnableModel
from engine.runtime.watching import NewTally, SpikeWatch
from engine.worker.desk import RequestFailed
from engine.worker.log import write_log


def load_model(message: Load) -> RunnableModel:
    """The model of `message.path`, its kernels tested.

    Raises RequestFailed with the model's or the kernels' reason.
    """
    began_s = time.monotonic()
    try:
        kernels.self_test()
        loaded = load(
            message.path,
            threads=message.threads or count_cores(quiet=message.quiet),
            spike_k=message.spikes_k,
            spiking_down=message.spiking_down,
        )
    except ModelError as error:
        raise RequestFailed(error.code, error.message) from None
    except kernels.KernelError as error:
        raise RequestFailed("kernels-failed", f"The computing kernels failed: {error}.") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise RequestFailed("model-file-unreadable", f"The model cannot be read: {reason}.") from None
    told = loaded.info
    state = loaded.model.new_state(window_precision=message.window_precision, window_mode=message.window_mode)
    info = ModelInfo(
        name=told.name,
        label_en=told.label_en,
        label_fr=told.label_fr,
        format=told.format,
        parameters=told.parameters,
        size_bytes=told.size_bytes,
        identity=told.identity,
        vocab_size=told.vocab_size,
        layers=told.layers,
        hidden_size=told.hidden_size,
        window_tok=told.window_tok,
        context_tok=told.context_tok,
        evidence_tok=told.evidence_tok,
        reads_on=told.reads_on,
        confidence_floor=told.confidence_floor,
        reader=told.reader,
        licence=told.licence,
        source=told.source,
        threads=loaded.model.threads,
        isa=loaded.model.isa,
        window_precision=message.window_precision,
        window_mode=message.window_mode,
        state_bytes=state.nbytes,
        load_s=time.monotonic() - began_s,
        spikes_k=told.coding.k,
        own_spikes_k=told.own_coding.k,
        spikes_fixed=told.config.spike_k > 0,
        spiking_down=told.coding.down,
    )
    write_log(f"model {info.identity[:16]} {info.format} on {info.isa} with {info.threads} threads")
    return RunnableModel(
        kernel=cast("Kernel[ReadingState]", loaded.model),
        encode_text=loaded.encode_text,
        encode_prompt=cast("Callable[[Sequence[ChatMessage]], Sequence[int]]", loaded.encode_prompt),
        token_bytes=loaded.tokenizer.token_bytes,
        stop_ids=loaded.stop_ids,
        vocabulary=loaded.tokenizer.vocabulary,
        identity=told.identity,
        info=info,
        window_precision=message.window_precision,
        window_mode=message.window_mode,
        new_flag=cast("Callable[[], Flag]", kernels.CancelFlag),
        stopped=kernels.Cancelled,
        watch=SpikeWatch(cast("NewTally", loaded.model.new_tally), loaded.tokenizer.token_bytes)
        if told.coding.k
        else None,
        memory=memory_shape(loaded.model.config, "int8" if told.coding.k else message.window_precision),
    )


def explain_model_error(error: Exception) -> RequestFailed | None:
    """The answer for an error of a loaded model (a template that refuses, a kernel without memory); else
    None."""
    match error:
        case ModelError():
            return RequestFailed(error.code, error.message)
        case kernels.KernelError():
            return RequestFailed("kernels-failed", f"The computing kernels failed: {error}.")
        case _:
            return None


def count_cores(*, quiet: bool = False) -> int:
    """The cores this process may use: physical ones where the system tells, since kernels gain nothing from
    twins. `quiet`: half of them, one at least."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    import psutil

    physical: int | None = psutil.cpu_count(logical=False)
    cores = max(1, min(allowed, physical or allowed, 256))
    return max(1, cores // 2) if quiet else cores
