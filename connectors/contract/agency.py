"""`agency.yaml`: what one office is, where it answers and which values of it belong to the province.

Does not belong here: datasets (their contracts), secrets (only their names are here).
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.contract.strict import read_yaml


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
        document, doubled = read_yaml(path.read_bytes())
        agency = Agency.model_validate(document)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{folder.name}/agency.yaml: {reasons}") from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder.name}/agency.yaml: {error}") from None
    if doubled:
        raise ValueError(f"{folder.name}/agency.yaml: " + "; ".join(f"{key} {fault}" for key, fault in doubled))
    if agency.kode != folder.name:
        raise ValueError(f"{folder.name}/agency.yaml: kode '{agency.kode}' is not the folder's name")
    return agency
