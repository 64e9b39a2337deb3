"""A receiver on aiosmtpd that knows no mailbox `nobody@…`, and one user who may authenticate; takes no message.

usage: gatekeeper.py PORT USER PASSWORD
"""
import asyncio
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Gate:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@"):
            return "451 4.3.0 later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 known"

    async def handle_DATA(self, server, session, envelope):
        return "554 5.7.1 nothing is taken"


def authenticator(server, session, envelope, mechanism, data):
    known = (data.login, data.password) == (sys.argv[2].encode(), sys.argv[3].encode())
    return AuthResult(success=known, handled=False)


controller = Controller(Gate(), hostname="127.0.0.1", port=int(sys.argv[1]), authenticator=authenticator,
                        auth_require_tls=False)
controller.start()
asyncio.new_event_loop().run_forever()
