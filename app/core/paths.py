"""Where the application keeps what: one value with four directories, found once at start and handed around.

By default the platform's own places (through platformdirs). `HUISCLOS_HOME` or an explicit folder puts
all four under one roof, for a portable installation and for tests.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APPLICATION = "huisclos"
HOME_VARIABLE = "HUISCLOS_HOME"


@dataclass(frozen=True, slots=True)
class Paths:
    """The four directories of the application. None of them is created by looking them up."""

    config: Path
    data: Path
    models: Path
    log: Path

    @classmethod
    def find(cls, home: Path | None = None) -> Paths:
        """Return the directories: under `home`, else `HUISCLOS_HOME`, else where the platform wants them."""
        if home is None:
            named = os.environ.get(HOME_VARIABLE, "")
            home = Path(named) if named else None
        if home is not None:
            root = home.expanduser().absolute()
            return cls(config=root / "config", data=root / "data", models=root / "models", log=root / "log")
        places = platformdirs.PlatformDirs(APPLICATION, appauthor=False)
        data = Path(places.user_data_dir)
        return cls(
            config=Path(places.user_config_dir),
            data=data,
            models=data / "models",
            log=Path(places.user_log_dir),
        )

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def default_vault(self) -> Path:
        return self.data / "vault"

    def create(self) -> None:
        """Make the four directories, readable by their owner alone."""
        for folder in (self.config, self.data, self.models, self.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
