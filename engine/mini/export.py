"""A training folder's checkpoint in the published layout, ready for `python -m engine convert`."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import torch

from engine.mini.vocabulary import END

# what the window calls it, and how the application should use it
FACTS = {
    "name": "Mini reader",
    "licence": "AGPL-3.0-or-later",
    "source": "trained from scratch by engine/mini of this repository",
    "label_en": "Mini reader – quotes, does not reason",
    "label_fr": "Mini-lecteur – cite, ne raisonne pas",
    "evidence_tok": 208,
    "reads_on": False,
    "confidence_floor": 0.97,
    "reader": True,
}
TEMPLATE = "{%- for message in messages %}{{- message['content'] + '\\n' }}{%- endfor %}"


def export(folder: Path, target: Path, *, confidence_floor: float | None = None) -> None:
    """Writes the newest checkpoint of the training folder `folder` to `target`, weights in float32.

    A checkpoint trained with spikes says so, and then runs with them.
    """
    saved = torch.load(folder / "last.pt", weights_only=True, map_location="cpu")
    target.mkdir(parents=True, exist_ok=True)
    shape = saved["config"]
    config = {
        "architectures": ["GLAswaForCausalLM"],
        "model_type": "gla_swa",
        "vocab_size": shape["vocab_size"],
        "hidden_size": shape["hidden_size"],
        "num_hidden_layers": shape["num_hidden_layers"],
        "num_attention_heads": shape["num_attention_heads"],
        "num_key_value_heads": shape["num_key_value_heads"],
        "intermediate_size": shape["intermediate_size"],
        "gate_low_rank_dim": shape["gate_low_rank_dim"],
        "gate_logit_normalizer": shape["gate_logit_normalizer"],
        "norm_eps": shape["norm_eps"],
        "rope_theta": shape["rope_theta"],
        "sliding_window": shape["sliding_window"],
        "attn_layers": list(range(1, shape["num_hidden_layers"], 2)),
        "max_position_embeddings": 32768,
        "use_short_conv": True,
        "conv_size": shape["conv_size"],
        "hidden_act": "swish",
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "eos_token_id": shape["vocab_size"] - 1,
        "bos_token_id": shape["vocab_size"] - 1,
    }
    write_json(target / "config.json", config)
    write_json(
        target / "tokenizer_config.json", {"eos_token": END, "pad_token": END, "chat_template": TEMPLATE}
    )
    facts = {**FACTS, "spikes_k": saved["spikes_k"]}
    if confidence_floor is not None:
        facts["confidence_floor"] = confidence_floor
    write_json(target / "huisclos.json", facts)
    shutil.copyfile(folder / "tokenizer.json", target / "tokenizer.json")
    # the family has an output matrix of its own
    weights = {**saved["model"], "lm_head.weight": saved["model"]["model.embeddings.weight"]}
    write_safetensors(target / "model.safetensors", weights)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """The safetensors container: length, JSON header, then little-endian data in the header's order."""
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().float().numpy().astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(blobs)
