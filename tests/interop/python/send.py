"""What smtplib sees of a server: each line of the output is one fact.

usage: send.py PORT
"""
import smtplib
import sys
from email.message import EmailMessage

client = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="client.example")
client.ehlo()
for extension in ("pipelining", "8bitmime", "size", "enhancedstatuscodes"):
    print(extension, "offered" if client.has_extn(extension) else "missing", client.esmtp_features.get(extension, ""))

message = EmailMessage()
message["From"] = "me@sender.example"
message["To"] = "you@here.example"
message["Subject"] = "Grüße"
message.set_content("Über alles.\n.\n..\nEnde.\n", cte="8bit")
refused = client.send_message(message, to_addrs=["you@here.example", "them@elsewhere.example"],
                              mail_options=["BODY=8BITMIME"])
for recipient, (code, text) in refused.items():
    print("refused", recipient, code, text.decode())

try:
    client.sendmail("me@sender.example", ["them@elsewhere.example"], b"Subject: x\r\n\r\nx\r\n")
except smtplib.SMTPRecipientsRefused as problem:
    print("all refused", *problem.recipients)

try:
    client.sendmail("me@sender.example", ["you@here.example"], b"Subject: x\r\n\r\n" + b"x" * 200 + b"\r\n" * 6000)
except smtplib.SMTPException as problem:
    print("too large", problem.smtp_code, problem.smtp_error.decode())

client.sendmail("me@sender.example", ["you@here.example"], b"Subject: last\r\n\r\nlast\r\n")
print("last sent")
client.quit()
