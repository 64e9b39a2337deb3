"""Several messages in one session of smtplib: each line of the output is the reply to one.

usage: session.py PORT SENDER RECIPIENT FILE...
"""
import smtplib
import sys

port, sender, recipient, *files = sys.argv[1:]
client = smtplib.SMTP("127.0.0.1", int(port), local_hostname="client.example")
for file in files:
    try:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        client.rcpt(recipient)
        code, text = client.data(open(file).read())
        print(code, text.decode())
    except smtplib.SMTPDataError as problem:
        print(problem.smtp_code, problem.smtp_error.decode())
client.quit()
