"""`agency.yaml`: what one office is, where it answers and which values of it belong to the province.

Does not belong here: datasets (their contracts), secrets (only their names are here).
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Agency(BaseModel):
    """One office. `params` holds what another province would set otherwise; settings may override it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kode: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    nama: str
    instansi: str
    opd: str = ""
    url: str = ""
    laju: float = Field(default=5.0, gt=0)
    params: dict[str, Any] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()


def load_agency(folder: Path) -> Agency:
    """Read `agency.yaml` of a folder. Raises ValueError with file, key and reason."""
    path = folder / "agency.yaml"
    try:
        agency = Agency.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{folder.name}/agency.yaml: {reasons}") from None
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{folder.name}/agency.yaml: {error}") from None
    if agency.kode != folder.name:
        raise ValueError(f"{folder.name}/agency.yaml: kode '{agency.kode}' is not the folder's name")
    return agency
