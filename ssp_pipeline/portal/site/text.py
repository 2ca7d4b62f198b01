"""Words of the portal's pages in their language: Indonesian is the source, `terjemahan/<language>.po` holds the others.

Does not belong here: how figures are written (`ssp_pipeline/web/words.py`), what a page says (`templates/`).
"""

import functools
from pathlib import Path

from ssp_pipeline.web.words import LANGUAGES, NONE, SOURCE, WIB, Language, Words

__all__ = ["LANGUAGES", "NONE", "SOURCE", "WIB", "Language", "Words", "words"]

_FOLDER = Path(__file__).with_name("terjemahan")


@functools.cache
def words(language: Language) -> Words:
    """The one `Words` of a language."""
    return Words(language, _FOLDER)
