"""Secrets are not shown by anything but `reveal`."""

from __future__ import annotations

import copy
import pickle

import pytest

from mailproto._secret import Secret


def test_only_reveal_shows_the_value() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), f"{secret!r:>20}"):
        assert "hunter2" not in shown
    assert not hasattr(secret, "__dict__")


def test_a_secret_cannot_be_pickled_or_copied_to_show_it() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(b"token"))
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(Secret(b"token"))


def test_equality_is_by_type_and_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("é") == Secret("é")
    assert Secret("a") != Secret("b")
    assert Secret[str]("a") != Secret[bytes](b"a")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret(b"a")}) == 2
