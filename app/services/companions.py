"""What runs beside the workspace and holds no key: the parser helper and the engine, started before
unlocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from app.core.log import Log
from app.core.paths import Paths
from app.core.settings import SettingsFile
from app.ingest import ParserHelper
from app.services.engine_host import EngineHost
from app.services.models import ModelCatalogue
from app.services.spike_choice import SpikeChoice
from engine.client import EngineClient, EngineStatus

MakeClient = Callable[[Callable[[EngineStatus], None], Iterable[str]], EngineClient]


@dataclass(slots=True)
class Companions:
    """Handed to ``Workspace.create`` or ``open``, which from then on closes them."""

    paths: Paths
    settings: SettingsFile
    helper: ParserHelper
    host: EngineHost
    log: Log

    @classmethod
    def start(
        cls,
        paths: Paths | None = None,
        *,
        settings: SettingsFile | None = None,
        helper: ParserHelper | None = None,
        with_engine: bool = True,
        with_parser: bool = True,
        shipped_models: Path | None = None,
        make_client: MakeClient | None = None,
        spikes: SpikeChoice | None = None,
    ) -> Companions:
        """Start both in the background. Without a model file, or with an engine that will not start, all the
        rest still works; ``with_engine=False`` and ``with_parser=False`` are for verbs that need none.
        ``spikes`` goes before what is kept for a model."""
        paths = paths or Paths.find()
        if settings is None:
            settings = SettingsFile(paths.settings_file)
            settings.load()
        helper = helper or ParserHelper.spawn(at_once=with_parser)
        catalogue = ModelCatalogue(paths.models, shipped_models)
        catalogue.sweep()
        host = EngineHost(catalogue, lambda: settings.current, make_client, spikes)
        if with_engine:
            host.start()
        return cls(paths, settings, helper, host, Log(paths.log))

    def close(self) -> None:
        """End both processes and their threads."""
        self.host.close()
        self.helper.close()
