"""The management port: what a replica says of itself, and what can be changed.

app_server     our HTTP server with an application behind it
front          /actuator/… to `actuator` (`exposition`), /admin/… to `bridge`; both by `hosts`
bridge         an exchange as an ASGI call; `segments` keeps slashes in names
app            the admin API: `door` lets in who signs in (`sign_in`, `tokens`, `token_file`,
               `attempts`) as a `Who` (`identity`, `roles`), `idempotency` remembers answers,
               `problems` says what went wrong, `openapi` and `docs_page` describe it all
controllers    one file per kind: `resources`, `policies`, `keys`, `secrets`, `bulk`, and
               `token_pages`, `audit`, `replicas`, `whoami`; `kept` is what they share
changes        how a change is made: planned (`edits`, `key_edits`, `apply_edits`), considered
               by the `control`, written, announced; planned again where others were faster
reading        how resources are shown (`representation`, `answers`), to whom (`reach`)
"""
