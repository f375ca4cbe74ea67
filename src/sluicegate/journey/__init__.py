"""The data plane. Down the list is the request, back up is the response.

    record        outermost: sees every outcome, once per exchange
    route         which route takes the request
    screen        before we know who calls
    authenticate  who calls; up to here a stage sees only the head
    authorize     whether the caller may
    limit         how much the caller may do
    guard         what the content may be
    shape         what the target and the client get to see
    cache         whether the answer is known already
    dispatch      to a service

A policy belongs to the stage whose folder it is in. The chain of policies has two halves: up to
`authenticate` it is compiled per route, from `authorize` on per (route, plan).
"""

STAGES = (
    "record",
    "route",
    "screen",
    "authenticate",
    "authorize",
    "limit",
    "guard",
    "shape",
    "cache",
    "dispatch",
)
SECOND_HALF = STAGES[STAGES.index("authorize") :]
