"""The plainest script that does the job without archive and checks: requests, Polars, one Parquet file a day."""

import argparse
from pathlib import Path

import polars as pl
import requests

SCHEMA = {
    "data": pl.List(
        pl.Struct(
            {
                "tanggal": pl.String,
                "pasar": pl.Int64,
                "komoditas": pl.String,
                "satuan": pl.String,
                "harga": pl.String,
                "sumber": pl.String,
            }
        )
    )
}


def main() -> None:
    """Pull every page, type the columns, write partitioned Parquet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--pages", type=int, default=2000)
    given = parser.parse_args()
    frames = []
    with requests.Session() as session:
        for page in range(given.pages):
            answer = session.get(f"{given.url}/beban/harga", params={"page": page}, timeout=30)
            answer.raise_for_status()
            frames.append(pl.read_json(answer.content, schema=SCHEMA).explode("data").unnest("data"))
    rows = pl.concat(frames).with_columns(
        pl.col("tanggal").str.to_date("%Y-%m-%d"),
        pl.col("harga").str.replace_all(",", "", literal=True).cast(pl.Decimal(18, 2)),
    )
    given.out.mkdir(parents=True, exist_ok=True)
    for (day,), part in rows.partition_by("tanggal", as_dict=True, include_key=True).items():
        part.write_parquet(given.out / f"tanggal={day}.parquet", compression="zstd")


if __name__ == "__main__":
    main()
