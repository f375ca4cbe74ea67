"""The processes of a replica: who starts, watches, feeds, drains and ends whom.

    supervisor        holds the sockets, watches the others, reloads, drains
    ├── worker 0…n-1  one data plane each, accepting from the socket of its slot
    ├── management    serves the management port; keeps the store, and answers for stored keys
    └── loader        reads and checks the configuration file; ends when it is idle

With one worker, `single` does the work of the first three in one process and one loop. The files:

    serve       loads, binds the ports, decides which of the two it is, stays until the end
    supervisor  the life of a replica of several processes; `crew` looks after them
    crew        starts, kills, adopts, scrapes; `slot` decides when, `post` is one of them
    single      the life of a replica of one process
    child       starts and ends a process; `channel` talks to it in the words of `messages`
    board       keeps news of targets for those that start later; `checking` checks targets
    transfer    sends a configuration in pieces; `loading` gets it from `loader`
    reload      keeps what runs in line with the file; `watch` sees it change
    store_side  the store's side of a replica, in management or `single`, begun with the first file
    keeper      follows the store, says what fits beside the file, answers for keys
    keeping     builds what a keeper works with, and the admin API; `chores` are done now and then
    held        the newest revisions; `opened_secrets` and `written` (the file's text) beside them
    fitting     what of it can run: fused, then compiled in `trial`
    lookup      whose a key is, by the store or what is kept of it; workers ask by `seeking`,
                the supervisor carries it by `errands`
    signals     what SIGTERM, SIGINT and SIGHUP ask for; `drain` is the way out
    health      the words that the data port answers; `status` the details behind them
    tally       adds up the metrics of workers, dead ones included
    embedded_metrics  tells them to CloudWatch, as lines of standard output
    cores       how many workers; `sockets`, `runtime`, `verdict`: what their names say
"""

import sluicegate.logs  # noqa: F401 - before whatever else imports structlog: see there
