"""Calls of models: a route's AI endpoints.

opening      which endpoint is asked, and in which dialect errors are told
reading      the body, and which model it asks for; the first step of `authorize`
calling      the innermost step: deployments, one after the other, until one answers
attempt      one call of one deployment
sending      head and body of that call
refusal      what an answer with an error status says
race         two calls at once, where the first token is late
passage      what of an answer reaches the caller: the bytes as they are, or translated
continuation a stream that broke off, continued by another deployment
images       fetches what a dialect takes no URLs of
listing      which models there are
native       `/proxy/<provider>/`, and objects that a provider keeps
sealing      ids of such objects, bound to provider and consumer
errors       failures to answers, in the caller's dialect
"""
