"""What outlives every process: revisions, arrivals, wrapped data keys. SQLite or PostgreSQL.

contract    what a store does; everything else speaks to this
open        from settings to a store: `address` reads the URL, `engine` connects
access      the way to it: bounded, and shut at once while it is away (`away` says why)
revisions   the contract over both servers (`server`: `sqlite`, `postgres`), out of
            `transactions`, `queries`, `writing`, `local` and `sweep`
stamp       hybrid logical clock; `uuid7` makes ids
tables      the schema as SQLAlchemy sees it; `migrations/` make it, `migrate` runs them,
            `schema` says which a database has
watch       follows arrivals: by push (`listener`) and by poll
vault       encrypts secrets under data keys that the store has wrapped
bootstrap   what a first start makes: pepper, master key, first token (`private_file`)
kept        what the state and the disk keep of the store for the time when it is away, signed
            by `seal`, written by `outbox`, as `kept_record` and `kept_snapshot`
"""
