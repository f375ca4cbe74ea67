"""What handlers of resources take, and how it is described: parameters, headers and bodies."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar.openapi import ResponseSpec
from litestar.params import BodyKwarg, HeaderParameter, PathParameter, QueryParameter

from sluicegate.admin.merge_patch import MEDIA_TYPE
from sluicegate.admin.representation import Representation, ShownChanges, Source
from sluicegate.errors import UNSUPPORTED_MEDIA, Refused

NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}$(?!\n)"
"""Of a resource, in a query too: what matches is text that every database takes."""
MODEL_NAME: Final = r"^([A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}\*?|\*)$(?!\n)"
"""Of a model; `*` at the end is every name that begins so."""
NAME_OR_NONE: Final = r"^([A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}\*?|\*)?$(?!\n)"
"""Of a resource of any kind, or nothing."""

InPath = Annotated[str, PathParameter(description="Name of the resource; a `/` in it is `%2F`.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Most items of the answer.")]
After = Annotated[
    str, QueryParameter(pattern=NAME_OR_NONE, description="Go on after this name: a page's `next`.")
]
Prefix = Annotated[
    str, QueryParameter(pattern=NAME_OR_NONE, description="Only names that begin with this.")
]
FromSource = Annotated[
    Source | None,
    QueryParameter(description="Only the `file`'s, or the `store`'s (those the file hides too)."),
]
Named = Annotated[
    str | None, QueryParameter(pattern=NAME, description="Only those that name this one.")
]
Before = Annotated[
    str, QueryParameter(max_length=36, description="Go on before this revision: a page's `next`.")
]
Older = Annotated[
    str, QueryParameter(name="from", max_length=36, description="The older revision.")
]
Newer = Annotated[
    str | None,
    QueryParameter(name="to", max_length=36, description="The newer one; without it, the newest."),
]
DryRun = Annotated[
    bool, QueryParameter(description="Only say what would be changed (200), and change nothing.")
]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="`ETag` of what is to be changed.")
]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="`*`: only where there is none.")
]
MergePatch = Annotated[
    dict[str, Any], BodyKwarg(media_type=MEDIA_TYPE, description="A merge patch (RFC 7396).")
]

CHANGES: Final = ResponseSpec(ShownChanges, description="A dry run: what would be changed.")
MADE: Final = ResponseSpec(Representation, description="There was none of that name.")


def refuse_other_patches(content_type: str | None) -> None:
    """Raise Refused (415) for a patch of another form."""
    if (content_type or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Refused(UNSUPPORTED_MEDIA, f"expected `Content-Type: {MEDIA_TYPE}`")
