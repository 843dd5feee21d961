"""Microseconds per FETCH response: by fused patterns, production by production, and by IMAPClient.

Run as `python -m bench.parse_fetch`. Each number is the best of several rounds over the same responses.
`python -m bench.parse_fetch NAME OCTETS COUNT` reads all fields of COUNT responses of about OCTETS octets, as
mailproto or imapclient does, and prints one line of JSON: `seconds`.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from imapclient.response_parser import parse_fetch_response

from bench._reading import read_fetch_data, read_imapclient
from bench.fetch_corpus import responses, responses_of, size_of
from mailproto.imap import body, envelope, fetch_data, short_fetch
from mailproto.imap.fetch_data import FetchData, PreparedFetch, prepare
from mailproto.imap.responses import parse_response, serialize_response
from mailproto.imap.values import Message

_NEVER = re.compile(rb"(?!)")
_FUSED = (
    (envelope, "_ENVELOPE"),
    (envelope, "_PLAIN_ENVELOPE"),
    (envelope, "_FOLDED_ENVELOPE"),
    (envelope, "_ONE_ADDRESS"),
    (body, "_LEAF"),
    (body, "_PLAIN_LEAF"),
    (body, "_PARAMETERS"),
    (body, "_ATTACHED"),
    (body, "_MULTI_END"),
    (body, "_BOUNDED_END"),
    (body, "_PLAIN_BOUNDED_END"),
    (fetch_data, "_HEAD"),
    (short_fetch, "_SHORT"),
    (fetch_data, "_ITEM"),
)


@contextmanager
def _general_path() -> Iterator[None]:
    """Switch off every fused pattern."""
    with ExitStack() as stack:
        for module, name in _FUSED:
            stack.enter_context(mock.patch.object(module, name, _NEVER))
        yield


def _parsed(message: Message) -> FetchData:
    data = parse_response(message)
    if not isinstance(data, FetchData) or data.defects:
        raise SystemExit(f"not read as it should be: {data!r}")
    return data


def _parsed_whole(message: Message) -> object:
    return _parsed(message).body_structure


def _by_imapclient(message: Message) -> object:
    return parse_fetch_response(_as_imapclient_gets_it(message))


def _as_imapclient_gets_it(message: Message) -> list[object]:
    rest, pieces = message.text[2:].replace(b" FETCH", b"", 1), list[object]()
    for literal in message.literals:
        line, _, rest = rest.partition(b"\r\n")
        pieces.append((line, literal))
    return [*pieces, rest]


def _print(what: str, action: Callable[[Message], object], messages: list[Message], rounds: int = 5) -> None:
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for message in messages:
            action(message)
        best = min(best, time.perf_counter() - start)
    print(f"  {what:40} {best / len(messages) * 1e6:7.1f}")


def seconds_of(name: str, octets: int, count: int) -> float:
    """Return the seconds in which *name* reads *count* responses and all fields of them."""
    work = {"mailproto": _read, "imapclient": _read_by_imapclient}[name]
    messages = responses_of(octets, count)
    begin = time.perf_counter()
    for message in messages:
        work(message)
    return time.perf_counter() - begin


def _read(message: Message) -> None:
    read_fetch_data(_parsed(message))


def _read_by_imapclient(message: Message) -> None:
    for data in parse_fetch_response(_as_imapclient_gets_it(message)).values():
        read_imapclient(data)


def table() -> None:
    """Print the table."""
    messages = responses(2_000)
    parsed = {id(message): _parsed(message) for message in messages}
    kept = {key: prepare(*data.answers) for key, data in parsed.items()}
    print(f"us per response of {sum(map(size_of, messages)) // len(messages)} octets")
    _print("parse, structure not read", _parsed, messages)
    _print("parse, structure read", _parsed_whole, messages)
    with _general_path():
        _print("parse production by production", _parsed_whole, messages, 2)
    _print("IMAPClient", _by_imapclient, messages, 2)
    _print("serialize", lambda message: serialize_response(parsed[id(message)]), messages, 2)
    _print(
        "serialize, items prepared",
        lambda message: serialize_response(PreparedFetch(7, (kept[id(message)],))),
        messages,
    )


def main() -> None:
    """Print the table, or the seconds of what the command line names."""
    if len(sys.argv) == 1:
        table()
    else:
        name, octets, count = sys.argv[1:]
        print(json.dumps({"seconds": seconds_of(name, int(octets), int(count))}))


if __name__ == "__main__":
    main()
