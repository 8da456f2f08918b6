"""The pages as a web application: it reads, and changes nothing.

Only this machine's browser is answered: a host name that is not this machine's is refused, so that no page of another
site can read along by giving its own name this address (DNS rebinding).
"""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeAlias

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from components.core.errors import UserError
from pipeline.comparison import compare_runs, find_run, render_comparison
from pipeline.lineage.page import render_page
from pipeline.pages.environment import page_environment
from pipeline.ui.views import PAGES, Roots, lineage_view, overview, run_view, runs_view

__all__ = ["application"]

_Page: TypeAlias = Callable[[Roots, Request], Response]

_OURS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_POLICY = f"{_OURS}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_REPORT_POLICY = f"{_OURS}; script-src 'unsafe-inline'; sandbox allow-scripts"
"""A report may hold scripts of its own, but texts of the data stand in it, too: it is kept apart from the pages."""


def application(roots: Roots, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")) -> Starlette:
    """The application.

    Args:
        roots: what is shown.
        hosts: names under which a browser may call it; "*" for any.
    """
    routes = [
        Route("/", _answering(_home, roots)),
        Route("/compare/{root}", _answering(_compare, roots)),
        Route("/runs/{root}", _answering(_runs, roots)),
        Route("/lineage/{root}/{name:path}", _answering(_lineage, roots)),
        Route("/runs/{root}/{run:int}", _answering(_run, roots)),
        Route("/runs/{root}/{run:int}/{file}", _answering(_file, roots)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))])


def _answering(page: _Page, roots: Roots) -> Callable[[Request], Awaitable[Response]]:
    """The page as an endpoint; what a person asks for and is not there is told on a page, too."""

    async def answer(request: Request) -> Response:
        try:
            return await run_in_threadpool(page, roots, request)
        except UserError as err:
            return _html("problem.html.j2", status=404, message=str(err))

    return answer


def _home(roots: Roots, _: Request) -> Response:
    return _html("home.html.j2", roots=overview(roots), folder=roots.folder)


def _runs(roots: Roots, request: Request) -> Response:
    name = request.path_params["root"]
    path = roots.path(name)
    return _html("runs.html.j2", root=name, path=path, runs=runs_view(path))


def _run(roots: Roots, request: Request) -> Response:
    name = request.path_params["root"]
    path = roots.path(name)
    return _html("run_page.html.j2", root=name, path=path, run=run_view(path, request.path_params["run"]))


def _file(roots: Roots, request: Request) -> Response:
    file = request.path_params["file"]
    path = roots.path(request.path_params["root"]) / "reports" / str(request.path_params["run"]) / file
    if file not in PAGES or not path.is_file():
        raise UserError(f"this run left no {file}")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return PlainTextResponse(text, headers=_headers(_POLICY))
    return HTMLResponse(text, headers=_headers(_REPORT_POLICY))


def _compare(roots: Roots, request: Request) -> Response:
    path = roots.path(request.path_params["root"])
    chosen = sorted(int(number) for number in request.query_params.getlist("run") if number.isdigit())
    if len(chosen) != 2:
        raise UserError(f"two runs are compared at a time; {len(chosen)} were chosen")
    before, after = (find_run(str(number), path) for number in chosen)
    return HTMLResponse(render_comparison(compare_runs(before, after)), headers=_headers(_POLICY))


def _lineage(roots: Roots, request: Request) -> Response:
    path = roots.path(request.path_params["root"])
    ancestry = lineage_view(path, request.path_params["name"])
    return HTMLResponse(render_page(ancestry), headers=_headers(_POLICY))


def _html(template: str, *, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(
        _environment().get_template(template).render(**values), status, headers=_headers(_POLICY)
    )


def _headers(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


@cache
def _environment() -> Environment:
    return page_environment("ui")
