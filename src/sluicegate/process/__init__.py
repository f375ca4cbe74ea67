"""The processes of a replica: who starts, watches, feeds, drains and ends whom.

    supervisor        loads the configuration, holds the sockets, watches the others
    ├── worker 0…n-1  one data plane each, accepting from the socket of its slot
    ├── management    serves the management port, asks the supervisor for what it shows
    └── loader        reads and checks the configuration file; ends when it is idle

With one worker, `single` does the work of the first three in one process and one loop. The files:

    serve       decides which of the two it is, binds the ports, runs until the end
    supervisor  the processes; `slot` decides, `child` starts and ends them
    single      the one process
    messages    what is said between them, and `channel` how; `transfer` sends configurations
    loading     asks the loader, reloads; `watch` sees the file change
    signals     what SIGTERM, SIGINT and SIGHUP mean; `drain` the way out
    health      the words that the data port answers; `status` the details
    tally       adds up the metrics of workers, dead ones included
"""
