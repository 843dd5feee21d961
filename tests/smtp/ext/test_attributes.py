from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import TEMPORARILY_UNAVAILABLE, UNAVAILABLE, Attributes, XClient, XForward


def test_what_is_known() -> None:
    known = XClient.of(name="c.example", addr="2001:db8::1", port=25, destaddr="192.0.2.1", destport=587)
    attributes = known.attributes
    assert attributes.get("addr") == "IPV6:2001:db8::1"
    assert (attributes.address, attributes.port) == ("2001:db8::1", 25)
    assert (attributes.destination_address, attributes.destination_port) == ("192.0.2.1", 587)
    assert repr(XClient.of(port=25).attributes) == "Attributes([('PORT', '25')])"


@pytest.mark.parametrize("value", [UNAVAILABLE, TEMPORARILY_UNAVAILABLE, "[unavailable]"])
def test_special_values_are_not_known(value: str) -> None:
    attributes = XForward.of(name=value).attributes
    assert list(attributes) == [("NAME", value.upper())]
    assert attributes.get("NAME") is None
    assert attributes.has("name")


def test_nothing_is_known() -> None:
    nothing = Attributes()
    assert (nothing.address, nothing.port, nothing.get("NAME"), nothing.has("NAME")) == (None,) * 3 + (False,)
    assert (nothing.destination_address, nothing.destination_port) == (None, None)
    assert repr(nothing) == "Attributes()"


def test_later_ones_count() -> None:
    first = XForward.of(name="a.example", port=1).attributes
    assert first.updated(XForward.of(port=2, source="LOCAL").attributes) == Attributes(
        [("NAME", "a.example"), ("PORT", "2"), ("SOURCE", "LOCAL")]
    )


def test_login_says_whether_the_client_has_logged_in() -> None:
    assert XClient.of(login="tim").is_authenticated
    assert not XClient.of(login=None).is_authenticated
    assert not XClient.of(name=None).is_authenticated


def test_a_name_twice() -> None:
    with pytest.raises(LocalProtocolError, match="once"):
        Attributes([("NAME", "a"), ("name", "b")])
