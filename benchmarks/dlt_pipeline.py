"""The same pages through dlt: rest_api source, Parquet loader, DuckDB destination. Runs in its own environment."""

import argparse

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Load every page into a DuckDB file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("database")
    parser.add_argument("--pages", type=int, default=2000)
    given = parser.parse_args()
    source = rest_api_source(
        {
            "client": {"base_url": given.url},
            "resources": [
                {
                    "name": "harga",
                    "endpoint": {
                        "path": "beban/harga",
                        "data_selector": "data",
                        "paginator": {
                            "type": "page_number",
                            "base_page": 0,
                            "page_param": "page",
                            "total_path": None,
                            "maximum_page": given.pages,
                        },
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline("beban", destination=dlt.destinations.duckdb(given.database), dataset_name="beban")
    pipeline.run(source, loader_file_format="parquet")
    with pipeline.sql_client() as client:
        print(client.execute_sql("SELECT count(*) FROM harga")[0][0])


if __name__ == "__main__":
    main()
