"""SASL (RFC 4422) without IO: PLAIN, LOGIN and EXTERNAL, the client's and the server's side.

`ClientMechanism` and `ServerMechanism` are what a mechanism of your own must be; an `Authenticator` knows
the users of a server.
"""

from mailproto._secret import Secret
from mailproto.sasl._authenticator import Authenticator, PasswordAuthenticator, authenticator_for
from mailproto.sasl._mechanism import (
    Accepted,
    AuthenticationAborted,
    Challenge,
    Channel,
    ClientMechanism,
    Credentials,
    External,
    Need,
    Refused,
    Request,
    ServerMechanism,
    Step,
    Verify,
)
from mailproto.sasl._registry import (
    CLEARTEXT_MECHANISMS,
    SERVER_MECHANISMS,
    choose_mechanism,
    password_mechanisms,
    server_mechanism,
    usable_mechanisms,
)
from mailproto.sasl.external import ExternalClient, ExternalServer
from mailproto.sasl.login import LoginClient, LoginServer
from mailproto.sasl.plain import PlainClient, PlainServer

__all__ = [
    "Accepted",
    "AuthenticationAborted",
    "Authenticator",
    "CLEARTEXT_MECHANISMS",
    "Challenge",
    "Channel",
    "ClientMechanism",
    "Credentials",
    "External",
    "ExternalClient",
    "ExternalServer",
    "LoginClient",
    "LoginServer",
    "Need",
    "PasswordAuthenticator",
    "PlainClient",
    "PlainServer",
    "Refused",
    "Request",
    "SERVER_MECHANISMS",
    "Secret",
    "ServerMechanism",
    "Step",
    "Verify",
    "authenticator_for",
    "choose_mechanism",
    "password_mechanisms",
    "server_mechanism",
    "usable_mechanisms",
]
