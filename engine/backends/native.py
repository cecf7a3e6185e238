"""Our own engine: the architectures of `engine.models`, computed by `engine.kernels`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from engine import kernels
from engine.backends.cores import count_cores
from engine.models.errors import ModelError
from engine.models.loading import load
from engine.models.sources import is_gguf, sniff
from engine.protocol import ChatMessage, Load, ModelInfo
from engine.runtime.memory_shape import memory_shape
from engine.runtime.seam import DraftStep, Flag, Kernel, LoadedBackend, ReadingState, RunnableModel
from engine.runtime.watching import NewTally, SpikeWatch

KERNELS_FAILED = "kernels-failed"


class NativeBackend:
    name = "native"

    def takes(self, path: Path) -> bool:
        """Our architectures, and everything that is no GGUF file: its reader says best what is wrong."""
        try:
            return not is_gguf(path) or sniff(path).kind != "foreign"
        except (OSError, ModelError):
            return True

    def load(self, request: Load) -> LoadedBackend:
        """The model of `request.path`, its kernels tested."""
        began_s = time.monotonic()
        try:
            kernels.self_test()
            loaded = load(
                request.path,
                threads=request.threads or count_cores(quiet=request.quiet),
                spike_k=request.spikes_k,
                spiking_down=request.spiking_down,
                expert_memory_bytes=request.expert_memory_bytes,
            )
        except kernels.KernelError as error:
            raise ModelError(KERNELS_FAILED, f"The computing kernels failed: {error}.") from None
        told = loaded.info
        state = loaded.model.new_state(
            window_precision=request.window_precision, window_mode=request.window_mode
        )
        memory = memory_shape(loaded.model.config, "int8" if told.coding.k else request.window_precision)
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
            window_precision=request.window_precision,
            window_mode=request.window_mode,
            state_bytes=state.nbytes,
            load_s=time.monotonic() - began_s,
            spikes_k=told.coding.k,
            own_spikes_k=told.own_coding.k,
            spikes_fixed=told.config.spike_k > 0,
            spiking_down=told.coding.down,
            architecture=told.architecture,
            growth="mixed" if memory.growing_token_bytes else "recurrent",
            kv_bytes_per_token=memory.growing_token_bytes,
        )
        branches = loaded.model.config.branches
        # Every guess would choose, and maybe fetch, experts of its own.
        draft_step = None if branches is not None and branches.experts else loaded.model.draft_step
        return RunnableModel(
            kernel=cast("Kernel[ReadingState]", loaded.model),
            encode_text=loaded.encode_text,
            encode_prompt=cast("Callable[[Sequence[ChatMessage]], Sequence[int]]", loaded.encode_prompt),
            token_bytes=loaded.tokenizer.token_bytes,
            stop_ids=loaded.stop_ids,
            vocabulary=loaded.tokenizer.vocabulary,
            identity=told.identity,
            info=info,
            window_precision=request.window_precision,
            window_mode=request.window_mode,
            new_flag=cast("Callable[[], Flag]", kernels.CancelFlag),
            stopped=kernels.Cancelled,
            watch=SpikeWatch(cast("NewTally", loaded.model.new_tally), loaded.tokenizer.token_bytes)
            if told.coding.k
            else None,
            memory=memory,
            draft_step=cast("DraftStep | None", draft_step),
        )

    def explain(self, error: Exception) -> ModelError | None:
        """A template that refuses, a kernel without memory."""
        if isinstance(error, kernels.KernelError):
            return ModelError(KERNELS_FAILED, f"The computing kernels failed: {error}.")
        return error if isinstance(error, ModelError) else None
