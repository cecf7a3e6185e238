"""Names used inside a converted model file (GGUF v3): one place, so that writer and reader cannot differ.

Tensor names are those of the published checkpoint (spec 1.2). A quantised matrix `NAME` is stored as the code
tensor `NAME` (I8) and the scale tensor `NAME.scales` (F16).
"""

from __future__ import annotations

from typing import Final

ARCHITECTURE: Final = "gla_swa"

GENERAL_ARCHITECTURE: Final = "general.architecture"
GENERAL_ALIGNMENT: Final = "general.alignment"
GENERAL_NAME: Final = "general.name"
GENERAL_LICENSE: Final = "general.license"

BLOCK_COUNT: Final = "gla_swa.block_count"
CONTEXT_LENGTH: Final = "gla_swa.context_length"
EMBEDDING_LENGTH: Final = "gla_swa.embedding_length"
FEED_FORWARD_LENGTH: Final = "gla_swa.feed_forward_length"
VOCAB_SIZE: Final = "gla_swa.vocab_size"
HEAD_COUNT: Final = "gla_swa.attention.head_count"
HEAD_COUNT_KV: Final = "gla_swa.attention.head_count_kv"
NORM_EPSILON: Final = "gla_swa.attention.layer_norm_rms_epsilon"
SLIDING_WINDOW: Final = "gla_swa.attention.sliding_window"
ROPE_FREQ_BASE: Final = "gla_swa.rope.freq_base"
GATE_RANK: Final = "gla_swa.gate.low_rank_dim"
GATE_NORMALIZER: Final = "gla_swa.gate.logit_normalizer"
SHORT_CONV: Final = "gla_swa.short_conv.used"
CONV_SIZE: Final = "gla_swa.short_conv.kernel_size"

MERGED_GATE: Final = "gla_swa.gate.merged"
SPIKE_K: Final = "gla_swa.spike.k"
SPIKE_READING: Final = "gla_swa.spike.reading"
"""How the codes were read from the checkpoint, f32 or bf16."""

TOKENIZER_JSON: Final = "tokenizer.huggingface.json"
CHAT_TEMPLATE: Final = "tokenizer.chat_template"
EOS_TOKEN_ID: Final = "tokenizer.ggml.eos_token_id"  # noqa: S105 - a key, not a secret
STOP_IDS: Final = "huisclos.stop_ids"

FORMAT: Final = "huisclos.format"
NAME: Final = "huisclos.name"
LICENCE: Final = "huisclos.licence"
SOURCE: Final = "huisclos.source"
LABEL_EN: Final = "huisclos.label_en"
LABEL_FR: Final = "huisclos.label_fr"
EVIDENCE_TOK: Final = "huisclos.evidence_tok"
READS_ON: Final = "huisclos.reads_on"
CONFIDENCE_FLOOR: Final = "huisclos.confidence_floor"
READER: Final = "huisclos.reader"
SPIKES_K: Final = "huisclos.spikes_k"
"""Of a float model that is meant to run with its inputs coded as spikes: the divisor of their thresholds."""
GROUP_SIZE: Final = "huisclos.group_size"
CONTENT_SHA256: Final = "huisclos.content_sha256"

SCALES_SUFFIX: Final = ".scales"
PUBLISHED_SCALES_SUFFIX: Final = "_quantizer.scales"
"""After a projection's name in a spiking checkpoint: `….q_proj.weight_quantizer.scales`."""
DOWN_SUFFIX: Final = ".mlp.down_proj.weight"
FAR_COUNTS_SUFFIX: Final = ".far_counts"
"""Of a spiking matrix: I32 [rows], how many of each row's codes int8 cannot hold."""
FAR: Final = "huisclos.far"
"""The last tensor of a spiking file, I32: the far entries of all matrices in the order of the file."""
PUBLISHED_SPIKE_K: Final = 3.0
QUANT_GROUP: Final = 128
"""Inputs that share one scale; the last group of a row may be shorter."""

EMBEDDINGS: Final = "model.embeddings.weight"
FINAL_NORM: Final = "model.norm.weight"
LM_HEAD: Final = "lm_head.weight"
