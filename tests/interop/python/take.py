"""A receiver on aiosmtpd: writes each message it takes into a folder, envelope and content apart. With a user it
takes mail from him alone, and writes down who came, too.

usage: take.py PORT FOLDER [USER PASSWORD]
"""
import asyncio
import os
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Folder:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = os.path.join(self.folder, str(self.count))
        with open(name + ".content", "wb") as file:
            file.write(envelope.original_content)
        lines = [session.host_name, envelope.mail_from, " ".join(envelope.mail_options), *envelope.rcpt_tos]
        if session.authenticated:
            with open(name + ".user", "w") as file:
                file.write(session.auth_data.login.decode())
        with open(name + ".part", "w") as file:
            file.write("\n".join(lines) + "\n")
        # The envelope appears last and whole: who sees it finds the content, too.
        os.rename(name + ".part", name + ".envelope")
        return "250 2.0.0 taken"


def knows(server, session, envelope, mechanism, data):
    with open(os.path.join(sys.argv[2], "attempts"), "a") as file:
        file.write(mechanism + " " + data.login.decode() + "\n")
    right = data == LoginPassword(*(word.encode() for word in sys.argv[3:5]))
    return AuthResult(success=right, handled=False, auth_data=data)


demands = dict(authenticator=knows, auth_required=True, auth_require_tls=False) if len(sys.argv) > 3 else {}
controller = Controller(
    Folder(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]), decode_data=False, **demands)
controller.start()
try:
    asyncio.new_event_loop().run_forever()
except KeyboardInterrupt:
    controller.stop()
