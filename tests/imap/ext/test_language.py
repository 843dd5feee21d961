from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.admin_flows import compare_by, languages, set_language
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import parse_resp_text_code
from mailproto.imap.commands import Command, Noop
from mailproto.imap.ext.language import BADCOMPARATOR, Comparator, ComparatorData, Language, LanguageData
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import NamespaceData, NamespacePrefix, Response
from mailproto.imap.status import Ok
from support_imap import feed, greeted_client, greeted_server, logged_in_client, logged_in_server, sent
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
    check_response_at_both_ends,
    check_unread,
)
from support_imap_ext import check_refused
from support_imap_strategies import language_responses
from support_imap_wire import cursor_at, parse_octets

COMMANDS: list[tuple[bytes, Command]] = [
    (b"LANGUAGE", Language()),
    (b"LANGUAGE FR-CA EN-CA", Language(("FR-CA", "EN-CA"))),
    (b"LANGUAGE default", Language(("default",))),
    (b'LANGUAGE "*" "de-*-1996"', Language(("*", "de-*-1996"))),
    (b"COMPARATOR", Comparator()),
    (b'COMPARATOR "cz;*" i;basic', Comparator(("cz;*", "i;basic"))),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b"LANGUAGE (EN DE IT i-default)", LanguageData(("EN", "DE", "IT", "i-default"))),
    (b"LANGUAGE (DE-IT)", LanguageData(("DE-IT",))),
    (b"COMPARATOR i;basic", ComparatorData("i;basic")),
    (b'COMPARATOR i;basic (i;basic "a%b")', ComparatorData("i;basic", ("i;basic", "a%b"))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "LANGUAGE I18NLEVEL=2")
    check_refused(command, "LANGUAGE" if isinstance(command, Language) else "I18NLEVEL=2")


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response_at_both_ends(wire, response)


def test_the_first_level_has_no_command() -> None:
    server = logged_in_server(capabilities=["IMAP4rev1", "I18NLEVEL=1"])
    (event,) = feed(server, b"a COMPARATOR\r\n")
    assert type(event).__name__ == "InvalidCommand"


def test_quotes_and_literals() -> None:
    assert parse_octets(b'a LANGUAGE "default" {2}\r\nde\r\n') == Language(("default", "de"))
    assert parse_resp_text_code(cursor_at(b"badcomparator]", strict=True)) == BADCOMPARATOR


@pytest.mark.parametrize(
    "wire",
    [
        b"LANGUAGE ",
        b"LANGUAGE (de)",
        b"LANGUAGE de_DE",
        b"LANGUAGE 123",
        b"LANGUAGE toolongtag",
        b"LANGUAGE de-",
        b'LANGUAGE ""',
        b"LANGUAGE de  en",
        b"LANGUAGE {3}\r\nd\r\n",
        b"COMPARATOR ",
        b'COMPARATOR ""',
        b'COMPARATOR "a b"',
        b"COMPARATOR {2}\r\n\xc3\xa9",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"LANGUAGE",
        b"LANGUAGE de",
        b"LANGUAGE ()",
        b'LANGUAGE ("*")',
        b"LANGUAGE (de",
        b"LANGUAGE (de_DE)",
        b"COMPARATOR",
        b"COMPARATOR x ()",
        b'COMPARATOR "x y"',
        b"COMPARATOR x (y",
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    check_unread(wire)


ATTACKS: list[Callable[[], object]] = [
    lambda: Language("de"),  # type: ignore[arg-type]  # the mistake
    lambda: Language(("de\r\n",)),
    lambda: Language(("é",)),
    lambda: Language((5,)),  # type: ignore[arg-type]  # the mistake
    lambda: LanguageData(()),
    lambda: LanguageData(("*",)),
    lambda: Comparator(("a b",)),
    lambda: Comparator(("",)),
    lambda: ComparatorData("a\n"),
    lambda: ComparatorData("a", ("b c",)),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(language_responses)
def test_round_trip(response: Response) -> None:
    assert parse_responses(serialize(response), strict=True) == [response]


def test_the_language_at_both_ends() -> None:
    client = greeted_client(b"* OK [CAPABILITY IMAP4rev1 LANGUAGE] hi\r\n")
    server = greeted_server(capabilities=["IMAP4rev1", "LANGUAGE", "UNAUTHENTICATE"])
    assert client.language == server.language == "i-default"
    client.send_command(Language(("de", "en")), "a")
    feed(server, sent(client))
    server.send(LanguageData(("EN", "DE")))
    assert server.language == "i-default"
    server.send(LanguageData(("DE",)))
    server.complete("a", Ok("Sprachwechsel ausgeführt"))
    feed(client, sent(server))
    assert client.language == server.language == "DE"


def test_the_language_ends_with_the_session() -> None:
    client = logged_in_client("IMAP4rev1 UNAUTHENTICATE")
    feed(client, b"* LANGUAGE (DE)\r\n")
    client.send_command(Unauthenticate(), "a")
    assert client.language == "DE"
    feed(client, b"a OK done\r\n")
    assert client.language == "i-default"
    server = logged_in_server(capabilities=["IMAP4rev1", "UNAUTHENTICATE"])
    server.send(LanguageData(("DE",)))
    feed(server, b"a UNAUTHENTICATE\r\n")
    server.complete("a", Ok())
    assert server.language == "i-default"


def test_translated_namespaces() -> None:
    wire = (
        b'* NAMESPACE (("" "/")) (("Other Users/" "/" "TRANSLATION" ("Andere Ben&APw-tzer/"))) '
        b'(("Public Folders/" "/" "TRANSLATION" ("Gemeinsame Postf&AM8-cher/")))\r\n'
    )
    (data,) = parse_responses(wire, strict=True)
    assert isinstance(data, NamespaceData)
    assert data.personal[0].translation is None
    assert data.other_users[0].translation == "Andere Benützer/"
    assert serialize(data) == wire
    assert NamespacePrefix("a", "/", ((b"TRANSLATION", (b"b",)),)).translation == "b"
    assert NamespacePrefix("a", "/", ((b"Translation", (b"b",)),)).translation == "b"


def test_it_waits_for_what_the_namespace_answers() -> None:
    assert conflict(Namespace(), [Language(("de",))]) is not None
    assert conflict(Noop(), [Language(("de",))]) is None


def test_a_client_asks() -> None:
    found, said = ask(languages, "LANGUAGE", b"* LANGUAGE (EN DE i-default)", b"A1 OK .")
    assert (found, said) == (("EN", "DE", "i-default"), [b"A1 LANGUAGE"])
    answers = (b"* LANGUAGE (EN)", b'* NAMESPACE (("" "/")) NIL NIL', b"A1 OK Now speaking English")
    used, said = ask(lambda session: set_language(session, ["fr-CA", "en-CA"]), "LANGUAGE", *answers)
    assert (used, said) == ("EN", [b"A1 LANGUAGE fr-CA en-CA"])
    with pytest.raises(ItemMissing, match="LANGUAGE"):
        ask(lambda session: set_language(session, ["de"]), "LANGUAGE", b"* LANGUAGE (EN DE)", b"A1 OK .")
    with pytest.raises(LocalProtocolError, match="language"):
        ask(lambda session: set_language(session, []), "LANGUAGE")


def test_a_client_chooses_a_comparator() -> None:
    answers = (b"* COMPARATOR i;basic (i;basic i;octet)", b"A1 OK .")
    data, said = ask(lambda session: compare_by(session, ["cz;*", "i;*"]), "I18NLEVEL=2", *answers)
    assert said == [b'A1 COMPARATOR "cz;*" "i;*"']
    assert data == ComparatorData("i;basic", ("i;basic", "i;octet"))


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(languages, "LANGUAGE")
    check_not_sent(lambda session: set_language(session, ["de"]), "LANGUAGE")
    check_not_sent(lambda session: compare_by(session, []), "I18NLEVEL=2")
