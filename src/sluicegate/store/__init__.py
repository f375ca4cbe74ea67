"""What outlives every process: revisions, arrivals, wrapped data keys. SQLite or PostgreSQL.

contract    what a store does; everything else speaks to this
address     where it is, from `store.url`; `engine` opens it
tables      the schema as SQLAlchemy sees it; `migrations/` make it
stamp       hybrid logical clock
revisions   the contract over both servers; `sqlite` and `postgres` hold what differs
watch       tells of arrivals: by push and by poll
seal        signs what the state keeps of the store, for the time when the store is away
"""
