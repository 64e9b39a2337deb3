"""A receiver on aiosmtpd: writes each message it takes into a folder, envelope and content apart.

usage: take.py PORT FOLDER
"""
import asyncio
import os
import sys

from aiosmtpd.controller import Controller


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
        with open(name + ".part", "w") as file:
            file.write("\n".join(lines) + "\n")
        # The envelope appears last and whole: who sees it finds the content, too.
        os.rename(name + ".part", name + ".envelope")
        return "250 2.0.0 taken"


controller = Controller(Folder(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]), decode_data=False)
controller.start()
try:
    asyncio.new_event_loop().run_forever()
except KeyboardInterrupt:
    controller.stop()
