"""A workspace to measure in, with the model that is to be measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import services
from app.core.paths import Paths
from app.store import KdfParameters
from app.store.kdf import DEFAULT as DEFAULT_KDF
from tests.bench.dossiers import PASSPHRASE


@contextmanager
def opened(
    home: Path, model: Path | None = None, kdf: KdfParameters = DEFAULT_KDF
) -> Iterator[services.Workspace]:
    """A new workspace under ``home`` whose only model is the shipped one, or the one at ``model``."""
    paths = Paths.find(home)
    paths.create()
    with tempfile.TemporaryDirectory(prefix="huisclos-model-") as shelf:
        shipped = None
        if model is not None:
            shipped = Path(shelf)
            (shipped / model.name).symlink_to(model.resolve())
        companions = services.Companions.start(paths, shipped_models=shipped)
        with services.Workspace.create(
            paths.default_vault,
            PASSPHRASE,
            companions=companions,
            kdf=kdf,
            auto_read=False,
            testing=kdf != DEFAULT_KDF,
        ) as workspace:
            yield workspace
