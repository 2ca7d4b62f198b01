"""Templates as both sites read them: what they name must be there, and every text is escaped.

Does not belong here: the words and functions that a site gives its templates.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def bare_environment(*folders: Path) -> Environment:
    """Templates of these folders, the first that has one. They have no language yet; their texts can be listed."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
