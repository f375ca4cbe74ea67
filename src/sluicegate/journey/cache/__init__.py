"""Whether the answer is known already, or somebody else is asking for it right now.

exact            answers that were given before
single_flight    identical requests wait for the first of them
keys             which requests are identical
call_keys        of those that call models
resource_keys    of others
caching          what requests and responses say of being kept (RFC 9111)
telling          an exchange that asks the same as another one
recording        an answer as it passes by
kept             an answer as it is kept
replay           an answer given again
flight           one request at the service that several exchanges follow
follower         one of these
"""
