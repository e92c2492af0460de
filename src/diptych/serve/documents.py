"""Small JSON documents in the store: canonical bytes out, checked values in, changed by compare-and-set alone."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from diptych.ground.errors import DiptychError
from diptych.serve.stores.errors import WriteUncertain
from diptych.serve.stores.protocol import DocumentChange, KeyValueStore

Document = Mapping[str, Any]
Answer = TypeVar("Answer")
_ATTEMPTS = 20


class CorruptDocument(DiptychError):
    """A document that is not the JSON object that was written there."""


class Contended(DiptychError):
    """Others changed a document each time that this process tried to."""


def encode(document: Document) -> bytes:
    """The one spelling of a document: keys sorted, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(key: bytes, raw: bytes) -> dict[str, Any]:
    """The JSON object that is stored under ``key``; raises CorruptDocument."""
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise CorruptDocument(
            f"the document {key.decode()!r} is not JSON ({error}); somebody else wrote there"
        ) from error
    if not isinstance(document, dict):
        raise CorruptDocument(f"the document {key.decode()!r} is not a JSON object: somebody else wrote it")
    return document


def fetch(store: KeyValueStore, key: bytes) -> dict[str, Any] | None:
    """The document under ``key``, None if there is none."""
    raw = store.get_document(key)
    return None if raw is None else decode(key, raw)


def change(
    store: KeyValueStore, key: bytes, step: Callable[[dict[str, Any] | None], Document | None]
) -> Document | None:
    """Replace a document by ``step`` of it, again from the start whenever another process was faster.

    ``step`` sees the current document (None if absent) and returns the new one, or None to leave it as it is.
    Returns the document as it is afterwards. ``step`` may be called several times and must be idempotent over its
    own result: an uncertain write is read back and tried again. Raises Contended after 20 attempts.
    """
    for _ in range(_ATTEMPTS):
        raw = store.get_document(key)
        old = None if raw is None else decode(key, raw)
        new = step(old)
        if new is None or new == old:
            return old
        try:
            if store.compare_and_set(DocumentChange(key, raw, encode(new))):
                return new
        except WriteUncertain:
            continue
    raise Contended(f"the document {key.decode()!r} was changed by others {_ATTEMPTS} times in a row; try again")
