"""What the processes of a replica say to each other.

    supervisor → worker      Start Begin Put Drop End Tls Told Health Scrape Adopt Release Drain Cut
                             Sought Forget Brought Booked
    worker → supervisor      Beat Ready Applied TlsApplied Told Scraped Seek Used Bring Book
    supervisor → management  Start Begin Put Drop End Tls Told Scrape, and Scraped Reported
                             Declared Running Seek Used Bring Book
    management → supervisor  Beat Ready Applied TlsApplied Told Scraped, and Scrape Report
                             Begin Put Drop End Sought Forget Brought Booked
    loader → its parent      Loaded Begin Put Drop End, or Unusable, to Fetch; Located to Locate

One message is one frame (see `channel`). A configuration travels in as many frames as it has
resources, so that no side stalls over a large one. Management gets what the file declares and gives
what is stored and fits beside it; where there is no store it gets services only, to check them.
"""

from __future__ import annotations

import msgspec

from sluicegate.errors import Fault
from sluicegate.metrics import FamilyDump
from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.process.status import Status
from sluicegate.snapshot.document import Kind
from sluicegate.upstream.health.news import News


class Message(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The root: a tagged array in msgpack."""


class Start(Message, frozen=True):
    """Be this. `settings` is msgpack; `sockets` are inherited descriptors, one per slot.

    `arrival` is up to where the management process before this one has read the store's arrivals.
    """

    settings: bytes
    slot: int
    sockets: list[int]
    beat_s: float
    silence_s: float
    started_us: int
    arrival: int = 0


class Begin(Message, frozen=True):
    """A configuration follows: changes against the one received last, or all of it if `whole`."""

    revision: str
    whole: bool


class Put(Message, frozen=True):
    """A resource that is new or changed."""

    kind: Kind
    name: str
    raw: bytes


class Drop(Message, frozen=True):
    """A resource that is gone."""

    kind: Kind
    name: str


class End(Message, frozen=True):
    """The configuration is complete. `number` comes back with the verdict."""

    number: int


class Applied(Message, frozen=True):
    """The verdict on configuration `number`; with faults the one before goes on."""

    number: int
    revision: str | None
    faults: list[Fault]


class Tls(Message, frozen=True):
    """Read the files of certificates again."""

    number: int


class TlsApplied(Message, frozen=True):
    """The verdict on the certificates of `number`; with a fault the ones before go on."""

    number: int
    faults: list[Fault]


class Told(Message, frozen=True):
    """News of a target: passed on at once to every process that has not said it."""

    news: News


class Beat(Message, frozen=True):
    """Still alive. Every second, from workers and management."""

    ready: bool = False
    draining: bool = False
    revision: str | None = None
    in_flight: int = 0


class Ready(Message, frozen=True):
    """Serving for the first time."""


class Health(Message, frozen=True):
    """What the replica as a whole may say of itself; every second, and at once on a change."""

    live: bool
    ready: bool


class Scrape(Message, frozen=True):
    """Give your metrics."""

    number: int


class Scraped(Message, frozen=True):
    """Metrics, in answer to `number`."""

    number: int
    dump: list[FamilyDump]


class Report(Message, frozen=True):
    """Give the details of health."""

    number: int


class Reported(Message, frozen=True):
    """The details of health, in answer to `number`."""

    number: int
    status: Status


class Adopt(Message, frozen=True):
    """Accept from the socket of this slot too: its worker is gone."""

    slot: int


class Release(Message, frozen=True):
    """Stop accepting from the socket of this slot: its worker is back."""

    slot: int


class Drain(Message, frozen=True):
    """End: not ready at once, accept for `grace_s`, then `deadline_s` for what is in flight."""

    grace_s: float
    deadline_s: float


class Cut(Message, frozen=True):
    """End at once."""


class Declared(Message, frozen=True):
    """The text of the file, references intact."""

    source: bytes


class Running(Message, frozen=True):
    """The replica runs this revision of what the file and the store say together."""

    revision: str


class Seek(Message, frozen=True):
    """Say whose the stored key of this name is."""

    number: int
    name: str


class Sought(Message, frozen=True):
    """In answer to `number`: a FoundKey in msgpack; None is nobody's; `away`: nobody can say."""

    number: int
    found: bytes | None
    away: bool


class Forget(Message, frozen=True):
    """What was known of these keys, and of keys of these consumers and teams, may not be so now.

    `arrival` is up to where arrivals have been read.
    """

    keys: list[str]
    consumers: list[str]
    teams: list[str]
    everything: bool
    arrival: int


class Used(Message, frozen=True):
    """Stored keys that were used, with when last: UTC, microseconds since 1970."""

    keys: dict[str, int]


class Bring(Message, frozen=True):
    """Have the state count a budget, from what the ledger says."""

    number: int
    wanted: BudgetWanted


class Brought(Message, frozen=True):
    """In answer to `number`: it does; `away`: nobody can say what was spent."""

    number: int
    away: bool


class Book(Message, frozen=True):
    """Keep these entries of the ledger, which this worker has counted by itself."""

    number: int
    entries: list[Entry]


class Booked(Message, frozen=True):
    """In answer to `number`: how many came; `away`: none is kept yet."""

    number: int
    came: int
    away: bool


class Fetch(Message, frozen=True):
    """Load the configuration file."""

    number: int


class Locate(Message, frozen=True):
    """Say at which lines of the file that was loaded last these faults are."""

    faults: list[Fault]


class Located(Message, frozen=True):
    """The same faults with their lines, where they are known."""

    faults: list[Fault]


class Loaded(Message, frozen=True):
    """The file is valid: settings (msgpack) and the file's bytes; its resources follow."""

    settings: bytes
    source: bytes


class Unusable(Message, frozen=True):
    """The file is not valid."""

    faults: list[Fault]


AnyMessage = (
    Start | Begin | Put | Drop | End | Applied | Tls | TlsApplied | Told | Beat | Ready | Health
    | Scrape | Scraped | Report | Reported | Adopt | Release | Drain | Cut | Fetch | Loaded
    | Unusable | Locate | Located | Running | Seek | Sought | Forget | Used
    | Declared | Bring | Brought | Book | Booked
)  # fmt: skip
