"""A small object store on loopback, in memory: as much of S3 as DuckDB asks for, but signatures are not checked.

Paths are `/<bucket>/<key>`. Belongs here: objects, ranges, uploads in parts, listing, deleting. Does not belong here:
what is stored.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox import in_thread

BUCKET = "lake"


@dataclass
class ObjectStore:
    """The objects by key. `away`: answers nothing but 503, as a store that is out of order does."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    _uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def secret(self) -> str:
        """DuckDB's statement that lets it in."""
        host = self.url.removeprefix("http://")
        return (
            f"CREATE SECRET toko (TYPE s3, KEY_ID 'k', SECRET 'r', REGION 'us-east-1', ENDPOINT '{host}', "
            "URL_STYLE 'path', USE_SSL false)"
        )

    async def answer(self, request: Request) -> Response:
        key = request.path_params.get("key", "")
        if self.away:
            return Response(status_code=503)
        body = await request.body()
        method = request.method
        if not key:
            return self._deleted(body) if method == "POST" else self._listed(request.query_params.get("prefix", ""))
        if method == "POST":
            return self._upload(key, request.query_params.get("uploadId"))
        if method == "PUT":
            return self._put(key, body, request.query_params)
        if method == "DELETE":
            self.objects.pop(key, None)
            return Response(status_code=204)
        return self._given(key, request.headers.get("range"))

    def _put(self, key: str, body: bytes, query: Mapping[str, str]) -> Response:
        if "partNumber" in query:
            self._uploads[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.objects[key] = body
        return Response(headers={"ETag": f'"{md5(body, usedforsecurity=False).hexdigest()}"'})

    def _upload(self, key: str, upload: str | None) -> Response:
        if upload is None:
            upload = str(next(self._numbers))
            self._uploads[upload] = {}
            return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        parts = self._uploads.pop(upload)
        self.objects[key] = b"".join(parts[number] for number in sorted(parts))
        return _xml("CompleteMultipartUploadResult", "<ETag>x</ETag>")

    def _deleted(self, body: bytes) -> Response:
        for element in ElementTree.fromstring(body).iter():
            if element.tag.endswith("Key") and element.text:
                self.objects.pop(element.text, None)
        return _xml("DeleteResult", "")

    def _listed(self, prefix: str) -> Response:
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size>"
            "<LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, body in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return _xml("ListBucketResult", f"<IsTruncated>false</IsTruncated>{rows}")

    def _given(self, key: str, asked: str | None) -> Response:
        body = self.objects.get(key)
        if body is None:
            return Response(status_code=404)
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{md5(body, usedforsecurity=False).hexdigest()}"'}
        if asked is None:
            return Response(body, headers=headers)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        end = min(int(last), len(body) - 1) if last else len(body) - 1
        headers["Content-Range"] = f"bytes {first}-{end}/{len(body)}"
        return Response(body[int(first) : end + 1], 206, headers)


def _xml(name: str, inner: str) -> Response:
    text = f'<?xml version="1.0"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</{name}>'
    return Response(text, media_type="application/xml")


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A store that lasts as long as the block."""
    store = ObjectStore()
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    app = Starlette(routes=[Route(f"/{BUCKET}/{{key:path}}", store.answer, methods=methods),
                            Route(f"/{BUCKET}", store.answer, methods=methods, name="bucket")])  # fmt: skip
    with in_thread(app) as url:
        store.url = url
        yield store
