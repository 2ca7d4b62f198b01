"""The whole asset graph as text, to be kept beside the tests: `python -m tests.support.graph > FILE` writes it anew."""

import json

from ssp_pipeline.definitions import defs


def graph() -> dict[str, list[str]]:
    """Every asset's key with the sorted keys that it depends on."""
    found = defs.resolve_asset_graph()
    return {
        key.to_user_string(): sorted(parent.to_user_string() for parent in found.get(key).parent_keys)
        for key in sorted(found.get_all_asset_keys(), key=lambda key: key.path)
    }


if __name__ == "__main__":
    print(json.dumps(graph(), indent=1))
