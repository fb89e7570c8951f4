"""What replies mean: each row of the table, with a reply as a server really sends it."""

import pytest

from incidents.notifications.channels.base import Busy, Lost, Refused, Reply, Scope
from incidents.notifications.channels.email import classify
from incidents.notifications.channels.replies import RULES, Stage, rule_for
from incidents.notifications.channels.smtp_opening import SmtpError

# Stages, reply, what is raised, and what it is about.
TABLE = [
    # No reply.
    ("FINAL_DOT", "0 TimeoutError: The server did not reply in time.", Lost, "relay"),
    ("CONNECT", "0 ConnectionRefusedError: [Errno 111] Connection refused", Busy, "relay"),
    ("MAIL RCPT DATA CONTENT", "0 ConnectionError: The server closed the connection.", Busy, "relay"),
    # Broken servers.
    ("MAIL RCPT", "354 Start mail input; end with <CRLF>.<CRLF>", Busy, "relay"),
    ("DATA", "250 2.0.0 OK", Busy, "relay"),
    ("GREETING", "250 Hello", Busy, "relay"),
    ("AUTH", "334 UGFzc3dvcmQ6", Busy, "relay"),
    ("FINAL_DOT", "354 Go ahead", Lost, "relay"),
    # Too many connections: Postfix, Exim, Amazon SES, Exchange Online, Sendmail, Orange, KumoMTA, Momentum.
    ("GREETING", "421 4.7.0 mx.example.dk Error: too many connections from 192.0.2.1", Busy, "connections"),
    (
        "GREETING EHLO",
        "421 mail.example.dk: Too many concurrent SMTP connections; please try again later.",
        Busy,
        "connections",
    ),
    ("GREETING MAIL", "421 Too many concurrent SMTP connections", Busy, "connections"),
    (
        "GREETING EHLO MAIL FINAL_DOT",
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending",
        Busy,
        "connections",
    ),
    ("MAIL FINAL_DOT", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", Busy, "connections"),
    ("MAIL", "432 4.3.2 Try again later", Busy, "connections"),
    ("GREETING", "421 4.3.2 Connection rate limit exceeded.", Busy, "connections"),
    ("GREETING MAIL", "452 4.3.2 Too many open connections.", Busy, "connections"),
    ("RCPT DATA", "421 4.3.2 Too many open connections.", Busy, "connections"),
    ("GREETING", "421 mwinf5c42 ME Trop de connexions. Too many connections, slow down. OFR", Busy, "connections"),
    ("MAIL", "421 4.4.5 Service unavailable, concurrency limit reached", Busy, "connections"),
    ("FINAL_DOT", "454 Throttling failure: Maximum sending rate exceeded", Busy, "connections"),
    ("RCPT FINAL_DOT", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", Busy, "mailbox"),
    # Other 421: Exim, Gmail, Postfix.
    ("GREETING", "421 mail.example.dk: Too much load; please try again later.", Busy, "relay"),
    ("GREETING EHLO MAIL", "421 4.3.2 Service shutting down", Busy, "relay"),
    ("RCPT DATA FINAL_DOT", "421 4.3.2 Service shutting down", Busy, "unknown"),
    ("RCPT", "421 4.7.0 Try again later", Busy, "unknown"),
    ("EHLO", "421 4.7.0 Try again later, closing connection.", Busy, "relay"),
    ("MAIL", "421 too many messages in this connection", Busy, "relay"),
    # The opening.
    ("GREETING", "554 SMTP service not available", Busy, "relay"),
    ("GREETING", "554 5.7.1 Client host [192.0.2.1] blocked using SBL", Busy, "sender"),
    ("GREETING", "550 Your address is on a blacklist", Busy, "sender"),
    ("EHLO", "550 5.7.1 Helo command rejected: Host not found", Busy, "sender"),
    ("EHLO", "451 4.3.0 Temporary lookup failure", Busy, "relay"),
    ("STARTTLS", "454 4.7.0 TLS not available due to local problem", Busy, "relay"),
    ("STARTTLS", "501 5.5.4 Syntax error", Busy, "relay"),
    # The login: Gmail, Exchange Online, Postfix, RFC 4954.
    ("AUTH", "535 5.7.8 Username and Password not accepted.", Busy, "sender"),
    ("AUTH", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled.", Busy, "sender"),
    ("AUTH", "534 5.7.9 Application-specific password required.", Busy, "sender"),
    ("AUTH", "432 4.7.12 A password transition is needed", Busy, "sender"),
    ("AUTH", "454 4.7.0 Temporary authentication failure: Connection lost to authentication server", Busy, "relay"),
    # The sender.
    ("MAIL", "530 5.7.0 Authentication required", Busy, "sender"),
    ("RCPT", "530 5.7.0 Authentication required", Busy, "unknown"),
    ("MAIL", "530 5.7.0 Must issue a STARTTLS command first.", Busy, "sender"),
    ("MAIL", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail", Busy, "sender"),
    ("FINAL_DOT", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail", Busy, "unknown"),
    ("MAIL", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Busy, "sender"),
    ("RCPT FINAL_DOT", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Busy, "unknown"),
    ("MAIL DATA FINAL_DOT", "550 5.1.8 Access denied, bad outbound sender AS(42004)", Busy, "sender"),
    ("FINAL_DOT", "554 5.2.252 SendAsDenied; a@example.dk not allowed to send as b@example.dk", Busy, "sender"),
    ("FINAL_DOT", "550 5.1.90 You've reached your daily limit for message recipients", Busy, "sender"),
    ("FINAL_DOT", "550 5.1.90 Your message cannot be sent", Busy, "sender"),
    ("MAIL RCPT FINAL_DOT", "550 5.4.5 Daily user sending limit exceeded.", Busy, "sender"),
    ("RCPT", "450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", Busy, "sender"),
    ("MAIL FINAL_DOT", "454 Throttling failure: Daily message quota exceeded", Busy, "sender"),
    ("MAIL", "550 5.1.7 Invalid address", Busy, "sender"),
    ("MAIL", "501 Syntax error in parameters or arguments", Busy, "sender"),
    ("MAIL", "503 AUTH first (#5.5.1)", Busy, "sender"),
    ("MAIL", "552 5.2.2 Over quota", Busy, "sender"),
    ("MAIL", "450 4.1.8 <status@example.dk>: Sender address rejected: Domain not found", Busy, "sender"),
    ("MAIL", "452 4.3.1 Insufficient system storage", Busy, "relay"),
    ("MAIL", "451 4.7.500 Server busy. Please try again later from [192.0.2.1].", Busy, "relay"),
    ("MAIL", "550 5.6.7 SMTPUTF8 is required, but was not offered by host mx.example.dk", Refused, "message"),
    # Said by our relay about everybody, or by a server about one domain: Postfix, Sendmail, Exim, Exchange.
    ("RCPT", "450 4.1.8 <status@example.dk>: Sender address rejected: Domain not found", Busy, "unknown"),
    ("RCPT", "553 5.7.1 <status@example.dk>: Sender address rejected: not owned by user x", Busy, "unknown"),
    ("RCPT", "550 5.1.8 Sender address rejected: Domain not found", Busy, "unknown"),
    ("RCPT", "550 5.1.7 The sender's address is not valid", Busy, "unknown"),
    ("RCPT", "554 5.7.1 <reader@example.dk>: Relay access denied", Busy, "unknown"),
    ("RCPT", "454 4.7.1 <reader@example.dk>: Relay access denied", Busy, "unknown"),
    ("RCPT", "550 5.7.1 <reader@example.dk>... Relaying denied", Busy, "unknown"),
    ("RCPT", "550 relay not permitted", Busy, "unknown"),
    ("RCPT", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", Busy, "unknown"),
    # Out of step.
    ("RCPT DATA", "503 5.5.1 Error: need MAIL command", Busy, "relay"),
    ("DATA", "500 5.5.2 Error: bad syntax", Busy, "relay"),
    # Too many recipients: Gmail, Postfix, Tiscali, RFC 5321.
    ("RCPT", "452 4.5.3 Error: too many recipients", Busy, "message"),
    ("RCPT DATA", "452 4.5.3 Domain policy size per transaction exceeded, try it alone", Busy, "message"),
    ("RCPT", "452 4.1.1 <reader@example.dk> Too Many Recipients", Busy, "message"),
    ("RCPT", "552 Too many recipients", Busy, "message"),
    ("RCPT", "550 5.5.3 Too many recipients", Busy, "message"),
    # Full mailboxes: Gmail, Dovecot, Exchange, RFC 5321.
    ("RCPT FINAL_DOT", "452 4.2.2 The email account that you tried to reach is over quota.", Busy, "mailbox"),
    ("RCPT FINAL_DOT", "552 5.2.2 Mailbox is full", Busy, "mailbox"),
    ("RCPT FINAL_DOT", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", Busy, "mailbox"),
    ("RCPT", "552 5.2.2 This message is larger than the current system limit or the mailbox is full.", Busy, "mailbox"),
    ("RCPT", "550 Mailbox quota exceeded", Busy, "mailbox"),
    ("RCPT FINAL_DOT", "552 Requested mail action aborted: exceeded storage allocation", Busy, "mailbox"),
    ("FINAL_DOT", "552 Not now", Busy, "mailbox"),
    ("RCPT", "552 Not now", Busy, "unknown"),
    # Large messages: Postfix, Exim, Exchange Online, Comcast.
    ("RCPT DATA FINAL_DOT", "552 5.3.4 Error: message file too big", Refused, "message"),
    ("FINAL_DOT", "552 Message size exceeds maximum permitted", Refused, "message"),
    ("FINAL_DOT", "554 5.2.270 Message size exceeds maximum size limit", Refused, "message"),
    ("RCPT", "552 5.2.3 Message exceeds the limit of the mailbox", Refused, "message"),
    ("FINAL_DOT", "452 4.3.4 Size of message exceeds temporary size limits", Busy, "message"),
    # Mailboxes that wait: Gmail, Postgrey, milter-greylist, Postfix.
    ("RCPT", "450 4.2.1 The user you are trying to contact is receiving mail too quickly.", Busy, "mailbox"),
    ("RCPT", "450 4.2.0 <reader@example.dk>: Recipient address rejected: Greylisted", Busy, "mailbox"),
    ("RCPT DATA FINAL_DOT", "451 4.7.1 Greylisting in action, please come back in 00:05:00", Busy, "mailbox"),
    ("RCPT", "451 Grey listing in effect", Busy, "mailbox"),
    ("RCPT", "450 4.1.1 <reader@example.dk>: Recipient address rejected: unverified address", Busy, "mailbox"),
    ("RCPT", "421 4.2.1 The user is receiving mail too quickly", Busy, "mailbox"),
    # Destinations that wait: Exchange Online, Gmail, Outlook.com, Postfix.
    ("RCPT DATA FINAL_DOT", "451 4.7.500 Server busy. Please try again later from [192.0.2.1].", Busy, "destination"),
    ("RCPT FINAL_DOT", "450 4.7.28 Our system has detected an unusual rate of unsolicited mail", Busy, "destination"),
    ("RCPT", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", Busy, "destination"),
    ("RCPT FINAL_DOT", "451 4.3.0 Mail server temporarily rejected message.", Busy, "destination"),
    ("RCPT FINAL_DOT", "452 4.3.1 Insufficient system storage", Busy, "destination"),
    ("RCPT", "451 4.4.4 Mail received as unauthenticated, incoming to a recipient domain", Busy, "destination"),
    ("FINAL_DOT", "451 4.4.2 Timeout - closing connection.", Busy, "destination"),
    ("RCPT FINAL_DOT", "452 Requested action not taken: insufficient system storage", Busy, "destination"),
    # Evidence decides: RFC 5321, Plesk.
    ("RCPT", "450 Requested mail action not taken: mailbox unavailable", Busy, "unknown"),
    ("RCPT DATA FINAL_DOT", "451 Requested action aborted: local error in processing", Busy, "unknown"),
    ("DATA FINAL_DOT", "451 4.7.1 Service unavailable - try again later", Busy, "unknown"),
    ("RCPT", "450 4.0.0 Not now", Busy, "unknown"),
    # Messages that wait.
    ("FINAL_DOT", "451 4.5.0 SMTP protocol violation, see RFC 2821", Busy, "message"),
    ("FINAL_DOT", "451 4.6.0 Content could not be scanned", Busy, "message"),
    # Rejected: Gmail, Exchange Online, Postfix, IronPort, Outlook.com.
    ("RCPT FINAL_DOT", "550 5.1.1 The email account that you tried to reach does not exist.", Refused, "mailbox"),
    ("RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", Refused, "mailbox"),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", Refused, "mailbox"),
    ("RCPT", "550 5.2.1 The email account that you tried to reach is disabled.", Refused, "mailbox"),
    ("RCPT", "550 #5.1.0 Address rejected.", Refused, "mailbox"),
    ("RCPT", "550 Requested action not taken: mailbox unavailable", Refused, "mailbox"),
    ("RCPT", "551 User not local; please try <reader@example.com>", Refused, "mailbox"),
    ("FINAL_DOT", "550 5.7.515 Access denied, sending domain does not authenticate.", Refused, "message"),
    ("RCPT FINAL_DOT", "554 5.7.1 Message rejected due to local policy", Refused, "message"),
    ("FINAL_DOT", "552 5.7.0 This message was blocked because of its content.", Refused, "message"),
    ("FINAL_DOT", "554 Transaction failed", Refused, "message"),
    ("FINAL_DOT", "550 5.4.6 Routing loop detected", Refused, "message"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "said", "raised", "scope"),
    [(Stage[stage], said, raised, Scope(scope)) for stages, said, raised, scope in TABLE for stage in stages.split()],
)
def test_reply_has_its_meaning_at_its_stage(stage: Stage, said: str, raised: type[Exception], scope: Scope) -> None:
    error = classify(SmtpError(stage, reply(said)))
    assert (type(error), error.scope) == (raised, scope)
    assert error.reply.code == reply(said).code


def test_each_row_of_the_table_is_tested() -> None:
    used = {rule_for(Stage[stage], reply(said)) for stages, said, *_meaning in TABLE for stage in stages.split()}
    assert [rule for rule in RULES if rule not in used] == []


@pytest.mark.parametrize("stage", Stage)
def test_every_code_has_a_meaning_at_every_stage(stage: Stage) -> None:
    for code in (0, *range(200, 600)):
        for text in ("", "5.7.1 No", "4.2.2", "9.9.9", "2.0.0 OK"):
            assert rule_for(stage, Reply(code, text))


def reply(said: str) -> Reply:
    code, _space, text = said.partition(" ")
    return Reply(int(code), text)
