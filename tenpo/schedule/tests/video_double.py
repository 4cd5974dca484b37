"""A BigBlueButton server for tests: it checks the signature of whatever it is asked, and answers as its API says."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx2

SECRET = "a secret of the double, as long as the longest of all signatures wants it to be"
KEY = "APIkey1"
URL = "https://meet.example"


@dataclass
class Double:
    """What the server remembers: its meetings with those who are in, what was recorded, and what it was asked."""

    meetings: dict[str, dict[str, str]] = field(default_factory=dict)
    people: dict[str, list[str]] = field(default_factory=dict)
    recorded: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    says: Callable[[httpx2.Request], httpx2.Response] | None = None

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.says:
            return self.says(request)
        call = request.url.path.rpartition("/")[2]
        self.asked.append(call)
        query, _, checksum = request.url.query.decode().rpartition("&checksum=")
        if hashlib.sha256(f"{call}{query}{SECRET}".encode()).hexdigest() != checksum:
            return xml("<returncode>FAILED</returncode><messageKey>checksumError</messageKey>")
        asked = dict(parse_qsl(query))
        meeting = asked["meetingID"]
        if call == "create":
            again = "<messageKey>duplicateWarning</messageKey>" if meeting in self.meetings else ""
            self.meetings.setdefault(meeting, asked)
            return xml(f"<returncode>SUCCESS</returncode>{again}")
        if call == "getRecordings":
            return xml(f"<returncode>SUCCESS</returncode><recordings>{self._recordings(meeting)}</recordings>")
        if call == "isMeetingRunning":
            running = str(bool(self.people.get(meeting))).lower()
            return xml(f"<returncode>SUCCESS</returncode><running>{running}</running>")
        if meeting not in self.meetings:
            return xml("<returncode>FAILED</returncode><messageKey>notFound</messageKey>")
        if call == "end":
            right = asked["password"] == self.meetings.pop(meeting)["moderatorPW"]
            return xml("<returncode>SUCCESS</returncode>" if right else "<returncode>FAILED</returncode>")
        assert call == "getMeetingInfo"
        inside = "".join(f"<attendee><userID>{one}</userID></attendee>" for one in self.people.get(meeting, []))
        return xml(f"<returncode>SUCCESS</returncode><attendees>{inside}</attendees>")

    def _recordings(self, meeting: str) -> str:
        return "".join(
            f"<recording><recordID>{name}</recordID><playback><format><type>video</type><url>{url}</url>"
            f"<length>{minutes}</length></format></playback></recording>"
            for name, url, minutes in self.recorded.get(meeting, [])
        )


def xml(inside: str) -> httpx2.Response:
    return httpx2.Response(200, text=f"<response>{inside}</response>")
