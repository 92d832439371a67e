"""Everything that comes from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    port: int
    data_dir: Path
    inventory_url: str
    auth_public_key: str
    auth_issuer: str
    auth_audience: str

    @classmethod
    def from_environment(cls) -> Config:
        env = os.environ
        return cls(
            port=int(env["PORT"]),
            data_dir=Path(env["DATA_DIR"]),
            inventory_url=env["INVENTORY_URL"].rstrip("/"),
            auth_public_key=env["AUTH_PUBLIC_KEY"].replace("\\n", "\n"),
            auth_issuer=env["AUTH_ISSUER"],
            auth_audience=env["AUTH_AUDIENCE"],
        )
