"""The application: which address shows what."""

from __future__ import annotations

from importlib import resources

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from memgpt_autogen.inspector import core, forgetting, looking, storages
from memgpt_autogen.inspector.access import Access
from memgpt_autogen.inspector.pages import endpoint

_VIEWS = {
    "/": looking.agents,
    "/core": core.blocks,
    "/block": core.block,
    "/context": looking.context,
    "/recall": storages.recall,
    "/message": storages.message,
    "/archival": storages.archival,
    "/passage": storages.passage,
    "/sources": looking.sources,
    "/steps": looking.steps,
    "/forget": forgetting.preview_page,
}
_CHANGES = {
    "/edit": core.edit,
    "/revert": core.revert,
    "/forget": forgetting.forget_now,
}
_FILES = {"inspector.css": "text/css", "inspector.js": "text/javascript"}


def make_app(access: Access) -> Starlette:
    """The pages of the memories that `access` opens, without a guard."""
    routes = [Route(path, endpoint(access, view)) for path, view in _VIEWS.items()]
    routes += [
        Route(path, endpoint(access, view), methods=["POST"]) for path, view in _CHANGES.items()
    ]
    routes += [Route(f"/{name}", _file(name, kind)) for name, kind in _FILES.items()]
    return Starlette(routes=routes)


def _file(name: str, kind: str) -> Response:
    content = (resources.files("memgpt_autogen.inspector") / "static" / name).read_bytes()
    return Response(content, media_type=kind)
