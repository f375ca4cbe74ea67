"""Models of LLM providers: what calls of them say, in which words, and who speaks which.

    canonical    what a call, its answer and its stream say
    failure      what went wrong, in one form; `losses`: what a translation would leave out
    dialect      the contract of a wire format; `dialects/` holds them, one each
    framing/     bytes of a stream to whole events
    provider     the contract of a vendor; `providers/` holds them: who speaks what, where, with
                 which credentials

All of it is sans I/O: bytes and plain values in, bytes and plain values out.
"""
