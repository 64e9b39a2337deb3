"""Reads a delivery status notification as a mail program would; each line of the output is one fact.

usage: notice.py < MESSAGE
"""
import email
import email.policy
import sys

notice = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
print("type", notice.get_content_type())
print("report", notice["Content-Type"].params.get("report-type"))
print("auto-submitted", notice["Auto-Submitted"])
print("to", notice["To"])
print("defects", len(notice.defects))
text, status, original = notice.iter_parts()
print("parts", text.get_content_type(), status.get_content_type(), original.get_content_type())
about, *recipients = status.get_payload()
print("reporting-mta", about["Reporting-MTA"])
for recipient in recipients:
    for field in ("Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code"):
        if recipient[field]:
            print(field.lower(), recipient[field])
returned = original.get_payload()
returned = returned[0] if isinstance(returned, list) else email.message_from_string(returned)
print("returned", returned["Subject"])
