"""The text layer of a PDF that Typst made, and its number of pages: what a reader can select and copy.

Knows only what such files hold: plain objects, flate streams, fonts of two-byte glyph ids with a ToUnicode map.
"""

import re
import zlib

_STREAM = re.compile(rb"(\d+) 0 obj\s*(<<(?:(?!endobj).)*?>>)\s*stream\r?\n", re.DOTALL)
_TOKEN = re.compile(rb"/(\w+) [\d.]+ Tf|(?:(?<![A-Za-z])|(?<=Tm))\(")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pages(pdf: bytes) -> int:
    """Number of pages."""
    return len(re.findall(rb"/Type/Page\b(?!s)", pdf))


def text(pdf: bytes) -> str:
    """All text in drawing order, without blanks and line breaks."""
    streams = dict(_streams(pdf))
    found: list[str] = []
    for page in re.findall(rb"<</Type/Page/[^\n]*>>", pdf):
        resources, content = re.search(rb"/Resources (\d+) 0 R", page), re.search(rb"/Contents (\d+) 0 R", page)
        assert resources is not None
        assert content is not None
        found += _letters(streams[content[1]], _fonts(pdf, resources[1], streams))
    return re.sub(r"\s+", "", "".join(found))


def _fonts(pdf: bytes, resources: bytes, streams: dict[bytes, bytes]) -> dict[bytes, dict[bytes, str]]:
    """Glyph id → letters for each font by its name on a page."""
    listed = re.search(rb"\n" + resources + rb" 0 obj\s*([^\n]*)", pdf)
    assert listed is not None
    maps = {}
    for name, number in re.findall(rb"/(f\d+) (\d+) 0 R", listed[1]):
        font = re.search(rb"\n" + number + rb" 0 obj\s*<<[^\n]*?/ToUnicode (\d+) 0 R", pdf)
        assert font is not None, f"font {name!r} has no ToUnicode map: its text cannot be copied"
        maps[name] = _to_unicode(streams[font[1]])
    return maps


def _letters(content: bytes, maps: dict[bytes, dict[bytes, str]]) -> list[str]:
    """The letters that a page's content draws, in its order."""
    found: list[str] = []
    current, at = dict[bytes, str](), 0
    while token := _TOKEN.search(content, at):
        at = token.end()
        if token[1]:
            current = maps[token[1]]
            continue
        at = _string_end(content, at)
        glyphs = _ESCAPE.sub(_unescape, content[token.end() : at - 1])
        found += [current[glyphs[n : n + 2]] for n in range(0, len(glyphs), 2)]
    return found


def _string_end(content: bytes, at: int) -> int:
    """Position behind the bracket that closes the string whose text starts at `at`; balanced brackets stand in it."""
    depth = 1
    while depth:
        byte = content[at : at + 1]
        depth += (byte == b"(") - (byte == b")")
        at += 2 if byte == b"\\" else 1
    return at


def _streams(pdf: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    for match in _STREAM.finditer(pdf):
        length = re.search(rb"/Length (\d+)", match[2])
        assert length is not None
        body = pdf[match.end() : match.end() + int(length[1])]
        found.append((match[1], zlib.decompress(body) if b"/FlateDecode" in match[2] else body))
    return found


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if code[:1].isdigit() else _LETTERS.get(code, code)


def _to_unicode(cmap: bytes) -> dict[bytes, str]:
    found = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for glyph, char in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            found[bytes.fromhex(glyph.decode())] = bytes.fromhex(char.decode()).decode("utf-16-be")
    assert b"beginbfrange" not in cmap
    return found
