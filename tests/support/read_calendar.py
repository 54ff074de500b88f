#!/usr/bin/python3
"""Reads a calendar with somebody else's parser, and writes its events as JSON.

    read_calendar.py FILE
"""
import json
import sys

from icalendar import Calendar


def text_of(value):
    return value.to_ical().decode() if hasattr(value, "to_ical") else str(value)


def main():
    with open(sys.argv[1], "rb") as file:
        calendar = Calendar.from_ical(file.read())
    events = []
    for event in calendar.walk("VEVENT"):
        events.append({
            "uid": str(event["UID"]), "summary": str(event["SUMMARY"]),
            "description": str(event.get("DESCRIPTION", "")), "start": text_of(event["DTSTART"]),
            "end": text_of(event["DTEND"]) if "DTEND" in event else "",
            "sequence": int(event["SEQUENCE"]), "status": str(event["STATUS"]),
            "stamp": text_of(event["DTSTAMP"])})
    json.dump({"version": str(calendar["VERSION"]), "method": str(calendar["METHOD"]),
               "events": events}, sys.stdout)


main()
