"""Code that reads a dataset, as its page shows it.

Belongs here: text that runs as it stands, with the type of every column declared. Does not belong here: how it is
shown. Addresses are `/r/<id>`, which always leads to the newest file; curl takes a version's own, and checks it.
"""

from dataclasses import dataclass

from ssp_pipeline.portal.site.text import Words
from warehouse.opendata.manifest import Column, File, Version

CATALOGUE = "/katalog.ducklake"
"""The newest release's catalogue."""

_POLARS = {
    "string": "pl.String",
    "integer": "pl.Int64",
    "number": "pl.Float64",
    "date": "pl.Date",
    "datetime": "pl.String",
    "boolean": "pl.Boolean",
}
_R = {
    "string": "col_character()",
    "integer": "col_double()",
    "number": "col_double()",
    "date": "col_date()",
    "datetime": "col_datetime()",
    "boolean": "col_logical()",
}
_M = {
    "string": "type text",
    "integer": "Int64.Type",
    "number": "type number",
    "date": "type date",
    "datetime": "type datetimezone",
    "boolean": "type logical",
}


@dataclass(frozen=True)
class Snippet:
    """One piece of code: `id` is a word for programs, `title` one for people."""

    id: str
    title: str
    code: str


def snippets(version: Version, base_url: str, w: Words) -> list[Snippet]:
    """curl, Python, R, DuckDB and Power Query; none for a version without a CSV."""
    file = next((f for f in version.berkas if f.format == "csv"), None)
    if file is None:
        return []
    address = f"{base_url}/r/{file.id}"
    return [
        Snippet("curl", "curl", _curl(file, base_url)),
        Snippet("python", "Python (Polars)", _python(version, address)),
        Snippet("r", "R", _r(version, address)),
        Snippet("duckdb", "DuckDB", _duckdb(version, address)),
        Snippet("attach", w.gettext("DuckDB, semua dataset dengan satu ATTACH"), attach(version.dataset, base_url)),
        Snippet("excel", "Excel (Power Query)", _power_query(version, address)),
    ]


def attach(dataset: str, base_url: str) -> str:
    """One ATTACH for all datasets."""
    return (
        "INSTALL ducklake;\n"
        "INSTALL httpfs;\n"
        "LOAD ducklake;\n"
        "LOAD httpfs;\n"
        f"ATTACH 'ducklake:{base_url}{CATALOGUE}' AS sidata (READ_ONLY);\n"
        f"FROM sidata.{dataset} LIMIT 10;"
    )


def _curl(file: File, base_url: str) -> str:
    return (
        f"curl --fail --silent --show-error --output {file.nama} \\\n"
        f"  {base_url}/{file.path}\n"
        f"echo '{file.sha256}  {file.nama}' | sha256sum --check"
    )


def _python(version: Version, address: str) -> str:
    types = "\n".join(f'        "{c.nama}": {_polars(c)},' for c in version.kolom)
    times = [c.nama for c in version.kolom if c.tipe == "datetime"]
    parsed = "".join(f'.with_columns(pl.col("{name}").str.to_datetime(time_zone="UTC"))' for name in times)
    return (
        "import polars as pl\n\n"
        f'data = pl.read_csv(\n    "{address}",\n    schema={{\n{types}\n    }},\n){parsed}\nprint(data)'
    )


def _polars(column: Column) -> str:
    if column.sql.startswith("DECIMAL("):
        return f"pl.Decimal({column.sql[8:-1].replace(',', ', ')})"
    return _POLARS[column.tipe]


def _r(version: Version, address: str) -> str:
    types = ",\n".join(f"    {c.nama} = {_R[c.tipe]}" for c in version.kolom)
    return (
        f'library(readr)\n\ndata <- read_csv(\n  "{address}",\n  col_types = cols(\n{types}\n  ),\n  na = ""\n)\ndata'
    )


def _duckdb(version: Version, address: str) -> str:
    types = ",\n".join(f"        '{c.nama}': '{c.sql}'" for c in version.kolom)
    return (
        "INSTALL httpfs;\nLOAD httpfs;\n"
        f"FROM read_csv(\n    '{address}',\n    header = true,\n    columns = {{\n{types}\n    }}\n)\nLIMIT 10;"
    )


def _power_query(version: Version, address: str) -> str:
    types = ",\n".join(f'        {{"{c.nama}", {_M[c.tipe]}}}' for c in version.kolom)
    return (
        "let\n"
        f'    Sumber = Csv.Document(Web.Contents("{address}"), '
        '[Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),\n'
        "    Judul = Table.PromoteHeaders(Sumber, [PromoteAllScalars = true]),\n"
        f'    Data = Table.TransformColumnTypes(Judul, {{\n{types}\n    }}, "en-US")\n'
        "in\n    Data"
    )
