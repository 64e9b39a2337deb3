"""How smtplib logs in: each line of the output is one fact.

usage: login.py PORT USER PASSWORD MECHANISM...
"""
import smtplib
import sys

port, user, password, *mechanisms = sys.argv[1:]


def session():
    client = smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.example")
    client.ehlo()
    return client


def login(client, mechanism, password):
    client.user, client.password = user, password
    method = {"CRAM-MD5": client.auth_cram_md5, "PLAIN": client.auth_plain, "LOGIN": client.auth_login}[mechanism]
    return client.auth(mechanism, method)


print("offered", *sorted(set(session().esmtp_features["auth"].split())))
for mechanism in mechanisms:
    client = session()
    print(mechanism, *login(client, mechanism, password))
    client.sendmail("me@sender.example", [mechanism + "@elsewhere.example"], b"Subject: x\r\n\r\nx\r\n")
    client.quit()
    try:
        print(mechanism, "passed", *login(session(), mechanism, password + "x"))
    except smtplib.SMTPAuthenticationError as refused:
        print(mechanism, "refused", refused.smtp_code, refused.smtp_error.decode())
