"""Authenticates at a console in plain text by DIGEST-MD5, with nothing but Python's own MD5, and gives commands.

digest.py PORT USER PASSWORD COMMAND...; prints the last line of the authentication, then the answers.
"""

import base64
import hashlib
import re
import socket
import sys


def reply(stream):
    lines = []
    while True:
        line = stream.readline().decode()
        if not line:
            raise SystemExit("the console closed the connection")
        if line == ".\n":
            return "".join(lines)
        lines.append(line[1:] if line.startswith(".") else line)


def ask(stream, line):
    stream.write(line.encode() + b"\n")
    stream.flush()
    return reply(stream)


def md5(data):
    return hashlib.md5(data.encode() if isinstance(data, str) else data)


def response(secret, nonce, cnonce, method, uri):
    a1 = md5(secret.digest() + f":{nonce}:{cnonce}".encode()).hexdigest()
    a2 = md5(f"{method}:{uri}").hexdigest()
    return md5(f"{a1}:{nonce}:00000001:{cnonce}:auth:{a2}").hexdigest()


port, user, password, commands = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
stream = socket.create_connection(("127.0.0.1", port), timeout=20).makefile("rwb")
challenge = base64.b64decode(ask(stream, "AUTH DIGEST-MD5")).decode()
said = dict((name, quoted or bare) for name, quoted, bare in re.findall(r'([\w-]+)=(?:"([^"]*)"|([^,]*))', challenge))
cnonce, uri = "0a4f113b", "ecconsole/localhost"
secret = md5(f"{user}:{said['realm']}:{password}")
proof = response(secret, said["nonce"], cnonce, "AUTHENTICATE", uri)
answer = (
    f'username="{user}",realm="{said["realm"]}",nonce="{said["nonce"]}",cnonce="{cnonce}",'
    f'nc=00000001,qop=auth,digest-uri="{uri}",response={proof},charset=utf-8'
)
last = ask(stream, base64.b64encode(answer.encode()).decode())
if last != "Authentication failed\n":
    rspauth = base64.b64decode(last).decode()
    assert rspauth == "rspauth=" + response(secret, said["nonce"], cnonce, "", uri), rspauth
    last = ask(stream, "")
print(last, end="")
for command in commands:
    print(ask(stream, command), end="")
