"""SASL (RFC 4422) without IO: the mechanisms, the client's and the server's side of each.

PLAIN, LOGIN, EXTERNAL, ANONYMOUS, CRAM-MD5, SCRAM with SHA-1, SHA-256 and SHA-512, bound to the channel or
not, OAUTHBEARER and XOAUTH2. `ClientMechanism` and `ServerMechanism` are what a mechanism of your own must
be; an `Authenticator` knows the users of a server, a `ScramVerifier` is what it should keep of them.
"""

from mailproto._secret import Secret
from mailproto.errors import Denial, OAuthFailure
from mailproto.limits import SASLLimits
from mailproto.sasl._authenticator import Authenticator, PasswordAuthenticator, Stored, authenticator_for
from mailproto.sasl._mechanism import (
    NOWHERE,
    Accepted,
    Anonymous,
    AuthenticationAborted,
    Authorize,
    Challenge,
    Channel,
    ClientMechanism,
    Credentials,
    External,
    Need,
    Refused,
    Request,
    ServerMechanism,
    Setting,
    Step,
    Verify,
    VerifyToken,
)
from mailproto.sasl._prep import PreparationError, saslprep
from mailproto.sasl._registry import (
    CLEARTEXT_MECHANISMS,
    SERVER_MECHANISMS,
    MechanismRow,
    Offer,
    login_mechanisms,
    mechanisms_to_try,
    password_mechanisms,
    server_mechanism,
    token_mechanisms,
    usable_mechanisms,
)
from mailproto.sasl.anonymous import AnonymousClient, AnonymousServer
from mailproto.sasl.cram_md5 import CramMD5Client, CramMD5Server
from mailproto.sasl.external import ExternalClient, ExternalServer
from mailproto.sasl.login import LoginClient, LoginServer
from mailproto.sasl.oauthbearer import OAuthBearerClient, OAuthBearerServer
from mailproto.sasl.plain import PlainClient, PlainServer
from mailproto.sasl.scram import BINDINGS, SCRAM_MECHANISMS, ScramClient, ScramServer
from mailproto.sasl.verifier import NoVerifier, ScramVerifier
from mailproto.sasl.xoauth2 import XOAuth2Client, XOAuth2Server

__all__ = [
    "Accepted",
    "Anonymous",
    "AnonymousClient",
    "AnonymousServer",
    "AuthenticationAborted",
    "Authenticator",
    "Authorize",
    "BINDINGS",
    "CLEARTEXT_MECHANISMS",
    "Challenge",
    "Channel",
    "ClientMechanism",
    "CramMD5Client",
    "CramMD5Server",
    "Credentials",
    "Denial",
    "External",
    "ExternalClient",
    "ExternalServer",
    "LoginClient",
    "LoginServer",
    "MechanismRow",
    "NOWHERE",
    "Need",
    "NoVerifier",
    "OAuthBearerClient",
    "OAuthBearerServer",
    "OAuthFailure",
    "Offer",
    "PasswordAuthenticator",
    "PlainClient",
    "PlainServer",
    "PreparationError",
    "Refused",
    "Request",
    "SASLLimits",
    "SCRAM_MECHANISMS",
    "SERVER_MECHANISMS",
    "ScramClient",
    "ScramServer",
    "ScramVerifier",
    "Secret",
    "ServerMechanism",
    "Setting",
    "Step",
    "Stored",
    "Verify",
    "VerifyToken",
    "XOAuth2Client",
    "XOAuth2Server",
    "authenticator_for",
    "login_mechanisms",
    "mechanisms_to_try",
    "password_mechanisms",
    "saslprep",
    "server_mechanism",
    "token_mechanisms",
    "usable_mechanisms",
]
