"""Steps of the schema, in pairs: `schema_NNNN_pre` and, where there is one, `schema_NNNN_post`.

`pre` is run before a version's first replica starts, while replicas of the version before go on: it
may only add. `post` is run when the last of those has ended, and takes away what only they needed.
"""
